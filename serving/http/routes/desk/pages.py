"""`/desk`: the pages at which QA leads see what waits, and work it off."""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import LANGUAGES, text
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk import items as desk_items
from regrade.serving.http.routes.desk.access import (
    LANGUAGE_COOKIE,
    DeskLanguageDep,
    at_page,
    cookie_options,
    local_path,
    read_form,
    refuse_foreign,
    see,
)
from regrade.serving.http.routes.desk.filters import AGES, NONE, filters_of, kept
from regrade.serving.http.routes.desk.templates import DESK, SECURITY_HEADERS, assets, desk_page, words
from regrade.serving.review import Counts, Filters, QueuePage

router = APIRouter(prefix=DESK, include_in_schema=False)
router.include_router(desk_items.router)

ReviewerDep = Annotated[Session, Depends(at_page("reviewer"))]

ROWS: Final = 50
YEAR: Final = 365 * 24 * 3600


@router.post("/language")
async def choose_language(request: Request, lang: DeskLanguageDep) -> Response:
    """Remembers the language in a cookie, which needs no session."""
    refuse_foreign(request, lang)
    fields = await read_form(request)
    answer = see(request, local_path(fields.get("next")) or DESK)
    if (chosen := fields.get("language")) in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, chosen, YEAR, samesite="lax", **cookie_options(request))
    return answer


@router.get("")
async def queue(request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """What waits, oldest first, with filters that stand in the address."""
    query, fault, status = dict(request.query_params), None, 200
    every = None
    try:
        filters, cursor = filters_of(query), query.get("cursor")
        page = await runtime.call(runtime.desk.queue_page, session.key, filters, ROWS, cursor)
        every = page.counts if filters == Filters() else None
    except InvalidFieldsError as error:
        page, fault, status = QueuePage((), Counts(0, 0, None, {}), None), error.to(lang), 422
    if every is None:
        # What there is to choose from is counted over all items; of those that fit, only their number is shown.
        every = await runtime.call(runtime.desk.counts, session.key)
    now = datetime.now(UTC)
    return desk_page(
        request,
        "queue.html",
        lang,
        session,
        status=status,
        page=page,
        every=every,
        fault=fault,
        query=kept(query),
        cursor=query.get("cursor"),
        without=NONE,
        ages=AGES,
        currency=runtime.policy.currency,
        age=lambda since: _age((now - since).total_seconds(), lang),
    )


@router.get("/review")
async def review(request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Works off what the filters in the address ask for, one item after the other."""
    undo = runtime.settings.undo_seconds
    return desk_page(request, "review.html", lang, session, defects=runtime.in_force.defects, undo_seconds=undo)


@router.get("/strings")
async def strings(runtime: RuntimeDep) -> Response:
    """The words of the desk's scripts, by language and key."""
    return JSONResponse(words(runtime.in_force), headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})


@router.get("/assets/{name}")
async def asset(name: str, request: Request) -> Response:
    """A script, style or picture of the pages."""
    found = assets().get(name)
    if found is None:
        raise NotFoundError(f"There is no page file {name!r}.")
    body, media_type, etag = found
    # Always asked for anew, and answered 304 while unchanged: a new version is seen at once.
    headers = {**SECURITY_HEADERS, "ETag": etag, "Cache-Control": "no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _age(seconds: float, lang: str) -> str:
    minutes = max(0, int(seconds // 60))
    if minutes < 60:
        return text("desk.age_minutes", lang, minutes=minutes)
    hours = minutes // 60
    if hours < 48:
        return text("desk.age_hours", lang, hours=hours, minutes=minutes % 60)
    return text("desk.age_days", lang, days=hours // 24, hours=hours % 24)
