"""`/desk/results/export/{kind}`: rows of results as CSV or Parquet, sent while they are read."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from regrade.serving.access.audit import record
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import FieldFault, InvalidFieldsError, NotFoundError
from regrade.serving.base.i18n import Message, text
from regrade.serving.base.problems import Problem, ProblemError
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_desk
from regrade.serving.http.routes.home import wants_page
from regrade.serving.http.routes.results.faults import shown_fault
from regrade.serving.http.routes.results.page import PAGE, ROWS, query_of, results_page
from regrade.serving.results.address import COLUMNS_FIELD, asked_of, columns_in
from regrade.serving.results.files import FORMATS, NoParquetError, as_csv, as_parquet
from regrade.serving.results.rows import COLUMNS, every
from regrade.serving.runtime import Runtime

router = APIRouter(prefix=PAGE, include_in_schema=False)

FileDep = Annotated[Session, Depends(at_desk("reviewer", "engineer"))]
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@router.get("/export/{kind}")
async def export(kind: str, request: Request, session: FileDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """All rows that the filters in the address ask for, or those of the ids named by `id`, with all columns or those
    that `columns` names. What is in memory does not grow with them. Faults are told on a page to who asked for one."""
    if kind not in FORMATS:
        raise NotFoundError(Message("problem.no_format", {"format": kind[:40], "legal": ", ".join(FORMATS)}))
    try:
        parts = _parts(kind, request, session, runtime)
    except InvalidFieldsError as error:
        if not wants_page(request):
            raise
        return await results_page(request, session, runtime, lang, fault=shown_fault(error, lang))
    except NoParquetError:
        fault = text("problem.no_parquet", lang)
        if not wants_page(request):
            raise ProblemError(Problem("not-installed", fault)) from None
        return await results_page(request, session, runtime, lang, fault=fault)
    await runtime.call(_note, runtime, session, kind)
    name = f"results-{datetime.now(UTC):%Y%m%d-%H%M%S}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_sent(runtime, parts), media_type=_TYPES[kind], headers=headers)


def _parts(kind: str, request: Request, session: Session, runtime: Runtime) -> Iterator[bytes]:
    query, ids = query_of(request), request.query_params.getlist("id")
    asked = asked_of(query)
    if len(ids) > ROWS:
        raise InvalidFieldsError(
            "invalid-query", "query", [FieldFault("id", Message("fault.too_many", {"limit": ROWS}))]
        )
    names = columns_in(query) if COLUMNS_FIELD in query else tuple(COLUMNS)
    chunks = every(runtime.database, asked, runtime.desk.viewer(session.key), names, ids or None)
    return as_csv(names, chunks) if kind == "csv" else as_parquet(names, chunks)


async def _sent(runtime: Runtime, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (part := await runtime.call(next, parts, None)) is not None:
        yield part


def _note(runtime: Runtime, session: Session, kind: str) -> None:
    with runtime.database.write() as connection:
        record(connection, datetime.now(UTC), session.key, "export", detail={"table": f"results.{kind}"})
