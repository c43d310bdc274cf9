"""`/desk/results`: what came of the inspections, as a list with filters, as figures, and as views that are saved."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from regrade.models.types import CONDITIONS
from regrade.serving.access.sessions import Session
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page, read_own_form, see
from regrade.serving.http.routes.desk.item_words import stamp
from regrade.serving.http.routes.desk.templates import DESK, desk_page
from regrade.serving.http.routes.results.faults import shown_fault
from regrade.serving.http.routes.results.sections import sections
from regrade.serving.results.address import COLUMNS_FIELD, NONE, STATUSES, asked_of, columns_in, kept, read, written
from regrade.serving.results.asked import BY
from regrade.serving.results.figures import TARGET, figures
from regrade.serving.results.files import writes_parquet
from regrade.serving.results.rows import COLUMNS, SHOWN, Page, page, people
from regrade.serving.results.saved import forget, save, views
from regrade.serving.runtime import Runtime

PAGE: Final = f"{DESK}/results"
router = APIRouter(prefix=PAGE, include_in_schema=False)

PageDep = Annotated[Session, Depends(at_page("reviewer", "engineer"))]

ROWS: Final = 50
SPAN: Final = timedelta(weeks=12)
"""What figures are of where no moment is named."""
MOST_HOURS: Final = 24 * 365


@router.get("")
async def results(request: Request, session: PageDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """A page of the list, newest first; filters and columns stand in the address."""
    return await results_page(request, session, runtime, lang)


@router.get("/figures")
async def shown_figures(request: Request, session: PageDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Figures of what the filters in the address ask for, else of the last twelve weeks."""
    query, fault, status, target = query_of(request), None, 200, TARGET
    now = datetime.now(UTC)
    default = {"since": f"{now - SPAN:%Y-%m-%d}"}
    if not any(query.get(name) for name in ("since", "until", "updated_since", "updated_until")):
        query = {**query, **default}
    try:
        asked, target = asked_of(query), _target(request.query_params.get("target", ""))
    except InvalidFieldsError as error:
        asked, fault, status = asked_of(default), shown_fault(error, lang), 422
    found = await runtime.call(
        figures, runtime.database, asked, runtime.desk.viewer(session.key), now=now, target=target
    )
    shown = await runtime.call(sections, found, lang)
    values = await _common(runtime, session, query)
    values |= {"sections": shown, "items": found.items, "target": f"{target:g}", "since": asked.since}
    return desk_page(request, "figures.html", lang, session, status=status, fault=fault, stamp=stamp, **values)


@router.get("/views")
@router.get("/views/{view_id}/delete")
async def back(request: Request, session: PageDep) -> Response:
    """The address of a form that was refused, opened once more: the page itself."""
    return see(request, PAGE)


@router.post("/views")
async def save_view(request: Request, session: PageDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Saves the filters and columns that a form names, under a name; then on to that view."""
    fields = await read_own_form(request, session, lang)
    query = read(fields.get("query", "")[:4000])
    name = " ".join(fields.get("name", "").split())
    try:
        await runtime.call(save, runtime.database, session.key, name, query, shared="shared" in fields)
    except InvalidFieldsError as error:
        return await results_page(request, session, runtime, lang, fault=shown_fault(error, lang), query=query)
    return see(request, f"{PAGE}?{written(query)}" if query else PAGE)


@router.post("/views/{view_id}/delete")
async def delete_view(
    view_id: str, request: Request, session: PageDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Deletes a view of one's own; an admin may delete shared ones too."""
    await read_own_form(request, session, lang)
    await runtime.call(forget, runtime.database, session.key, view_id)
    return see(request, PAGE)


async def results_page(
    request: Request,
    session: Session,
    runtime: Runtime,
    lang: str,
    *,
    fault: str | None = None,
    query: dict[str, str] | None = None,
) -> Response:
    """The list, of `query` or else of what the address asks for; `fault` is what is wrong with something else."""
    status = 200 if fault is None else 422
    given = query_of(request) if query is None else query
    cursor, found = request.query_params.get("cursor"), Page((), None)
    names: tuple[str, ...] = SHOWN
    try:
        asked, names = asked_of(given), columns_in(given)
        found = await runtime.call(page, runtime.database, asked, runtime.desk.viewer(session.key), ROWS, cursor)
    except InvalidFieldsError as error:
        fault, status = shown_fault(error, lang), 422
    values = await _common(runtime, session, given)
    values |= {"page": found, "names": names, "cursor": cursor, "columns": COLUMNS, "parquet": writes_parquet()}
    return desk_page(request, "results.html", lang, session, status=status, fault=fault, stamp=stamp, **values)


async def _common(runtime: Runtime, session: Session, query: dict[str, str]) -> dict[str, Any]:
    """What both pages show of filters and views."""
    return {
        "query": query,
        "address": written(query),
        "views": await runtime.call(views, runtime.database, session.key),
        "written": written,
        "people": await runtime.call(people, runtime.database),
        "categories": tuple(runtime.grader.categories),
        "conditions": CONDITIONS,
        "actions": ACTIONS,
        "statuses": STATUSES,
        "by": BY,
        "without": NONE,
        "narrowed": bool(query.keys() - {COLUMNS_FIELD}),
    }


def query_of(request: Request) -> dict[str, str]:
    """The filters and columns in the address; columns may be named one by one, as boxes that are ticked are sent."""
    query = dict(request.query_params)
    query[COLUMNS_FIELD] = ",".join(request.query_params.getlist(COLUMNS_FIELD))
    return kept(query)


def _target(text: str) -> float:
    if not text.strip():
        return TARGET
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= MOST_HOURS:
        fault = FieldFault("target", Message("fault.hours", {"limit": MOST_HOURS}))
        raise InvalidFieldsError("invalid-query", "query", [fault])
    return hours
