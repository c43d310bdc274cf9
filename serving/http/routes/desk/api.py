"""What the review page's script asks for: claim, decide, take back, let go. Sessions alone, never API keys.

Every route but the readings of photos and texts is a POST of JSON with the session's token in `X-CSRF-Token`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from regrade.models.category.economics import Action
from regrade.models.category.fields import Condition
from regrade.serving.access.keys import ApiKey
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Note
from regrade.serving.http.pieces.shown import CountIn, FoundPieces, found
from regrade.serving.http.routes.common import RuntimeDep, read_json
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_desk
from regrade.serving.http.routes.desk.cards import card, dispositions, item, lease
from regrade.serving.http.routes.desk.filters import filters_of
from regrade.serving.http.routes.desk.templates import DESK
from regrade.serving.http.routes.photos import photo_answer
from regrade.serving.http.schemas import AskIn, DefectIn, recorded
from regrade.serving.pieces.decided import as_expected, with_count
from regrade.serving.review import Asking, Claim, Counts, Verdict
from regrade.serving.rubric.types import example_photo
from regrade.serving.runtime import Runtime
from regrade.serving.storage.records import Inspection

router = APIRouter(prefix=f"{DESK}/api", include_in_schema=False)

ReviewerDep = Annotated[Session, Depends(at_desk("reviewer"))]
PhotoDep = Annotated[Session, Depends(at_desk("reviewer", "engineer", "seller"))]

PRIVATE: Final = {"Cache-Control": "no-store"}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HeldIn(_Body):
    """An item that the page holds."""

    inspection_id: str
    lease: str


class ClaimIn(_Body):
    """Which item is wanted next; `skipped` are tasks that this reviewer has let go of."""

    filters: dict[str, str] = Field(default_factory=dict, max_length=20)
    holding: list[HeldIn] = Field(default_factory=list, max_length=4)
    skipped: list[str] = Field(default_factory=list, max_length=200)


class LeaseIn(_Body):
    lease: str = Field(min_length=1, max_length=128)
    task: str = Field(min_length=1, max_length=64)


class ReleaseIn(_Body):
    lease: str = Field(min_length=1, max_length=128)


class DecideIn(_Body):
    """A decision, as `ReviewIn` of the API, with the time that the item was on show."""

    lease: str = Field(min_length=1, max_length=128)
    condition: Condition
    disposition: Action | None = None
    defects: list[DefectIn] | None = Field(None, max_length=200)
    pieces: FoundPieces | None = None
    note: Note | None = None
    seconds: float | None = Field(None, ge=0, le=86_400)


@router.post("/claim")
async def claim(request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """The next item that fits, or none; with one in hand already, one more to be got ready."""
    body = await read_json(request, ClaimIn)
    filters = filters_of(body.filters, without=frozenset(body.skipped))
    take = runtime.desk.hold_next if body.holding else runtime.desk.claim
    claimed = await runtime.call(take, session.key, filters)
    counts = await runtime.call(runtime.desk.totals, session.key, filters)
    return await _answer(runtime, session.key, claimed, counts, lang)


@router.post("/items/{inspection_id}/decide")
async def decide(
    inspection_id: str, request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Records a decision; may be sent again, should its answer have been lost."""
    body = await read_json(request, DecideIn)
    inspection = await _known(runtime, inspection_id, session)
    said = (body.condition, body.disposition, recorded(body.defects), found(body.pieces))
    verdict = Verdict(*said, note=body.note, seconds=body.seconds)
    decided = await runtime.call(runtime.desk.decide, inspection_id, body.lease, session.key, verdict)
    category = inspection.result.category
    if not decided.replayed and decided.model_condition is not None and category is not None:
        agrees = str(decided.model_condition == body.condition).lower()
        runtime.metrics.reviewed.labels(category.name, agrees).inc()
    left = (decided.undo_until - datetime.now(UTC)).total_seconds()
    return JSONResponse({"review": decided.review_id, "undo_seconds": round(left, 1)}, headers=PRIVATE)


@router.post("/items/{inspection_id}/ask")
async def ask(
    inspection_id: str, request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Records what is asked instead of a decision; may be sent again, should its answer have been lost."""
    body = await read_json(request, AskIn)
    asking = Asking(body.ask, body.note or None, tuple(body.views), body.assignee)
    asked = await runtime.call(runtime.desk.ask, inspection_id, body.lease, session.key, asking)
    left = (asked.undo_until - datetime.now(UTC)).total_seconds()
    return JSONResponse({"review": asked.ask_id, "undo_seconds": round(left, 1)}, headers=PRIVATE)


@router.post("/items/{inspection_id}/undo")
async def undo(inspection_id: str, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Takes the decision back and claims the item again."""
    claimed = await runtime.call(runtime.desk.undo, inspection_id, session.key)
    return await _answer(runtime, session.key, claimed, None, lang)


@router.post("/items/{inspection_id}/renew")
async def renew(inspection_id: str, request: Request, session: ReviewerDep, runtime: RuntimeDep) -> Response:
    """Makes a lease last as long again."""
    body = await read_json(request, LeaseIn)
    until = await runtime.call(runtime.desk.renew, body.task, body.lease, session.key)
    left = (until - datetime.now(UTC)).total_seconds()
    return JSONResponse({"lease": lease(body.lease, left, runtime)}, headers=PRIVATE)


@router.post("/tasks/{task_id}/release")
async def release(task_id: str, request: Request, session: ReviewerDep, runtime: RuntimeDep) -> Response:
    """Gives an item back to the queue, if it is still held under this lease: another tab may have claimed it since."""
    body = await read_json(request, ReleaseIn)
    released = await runtime.call(runtime.desk.release, task_id, session.key, body.lease)
    return JSONResponse({"released": released}, headers=PRIVATE)


@router.get("/session")
async def current(session: ReviewerDep) -> Response:
    """Who is logged in, and what changes must carry: for a page that was open when the session ended."""
    return JSONResponse({"key": session.key.id, "csrf": session.csrf}, headers=PRIVATE)


@router.get("/items/{inspection_id}")
async def read(inspection_id: str, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """The item in the words of the language; what must not be known of it is left out."""
    inspection = await _known(runtime, inspection_id, session)
    return JSONResponse(await runtime.call(item, inspection, runtime, lang), headers=PRIVATE)


@router.post("/items/{inspection_id}/dispositions")
async def reckon(
    inspection_id: str, request: Request, session: ReviewerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """What each condition would lead to with the pieces given; nothing is recorded."""
    body = await read_json(request, CountIn)
    inspection = await _known(runtime, inspection_id, session)
    pieces = as_expected(inspection, found(body.pieces))
    counted = with_count(inspection, pieces, session.key, datetime.now(UTC))
    told = None if inspection.blind else await runtime.call(dispositions, counted, runtime.in_force, lang)
    return JSONResponse({"dispositions": told}, headers=PRIVATE)


@router.get("/items/{inspection_id}/photos/{index}")
async def photo(
    inspection_id: str,
    index: int,
    request: Request,
    session: PhotoDep,
    runtime: RuntimeDep,
    width: Annotated[int | None, Query(ge=16, le=2048)] = None,
    revision: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
    """A photo of an item, or of an earlier revision of it; sellers see how their own stand."""
    inspection = await runtime.call(runtime.inspections.get, inspection_id)
    if revision is not None and session.key.sees is None:
        inspection = await runtime.call(runtime.revisions.revision, inspection, revision)
    return await photo_answer(request, runtime, inspection, index, width, session.key)


@router.get("/rubric/examples/{name}")
async def example(name: str, session: ReviewerDep, runtime: RuntimeDep) -> Response:
    """An example photo of a rubric."""
    try:
        path = example_photo(name)
    except KeyError:
        raise NotFoundError(Message("problem.no_example", {"name": name})) from None
    data = await runtime.call(path.read_bytes)
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})


async def _known(runtime: Runtime, inspection_id: str, session: Session) -> Inspection:
    """The inspection as far as the reviewer may know it."""
    inspection = await runtime.call(runtime.inspections.get, inspection_id)
    return (await runtime.call(runtime.desk.visible, [inspection], session.key))[0]


async def _answer(
    runtime: Runtime, reviewer: ApiKey, claimed: Claim | None, counts: Counts | None, lang: str
) -> Response:
    answer: dict[str, Any] = {"card": None if claimed is None else await runtime.call(card, claimed, runtime, lang)}
    if claimed is not None:
        answer["card"]["people"] = await runtime.call(runtime.desk.people, claimed.task.id, reviewer)
    if counts is not None:
        answer["queue"] = {"waiting": counts.total, "held": counts.held, "others": counts.others}
    return JSONResponse(answer, headers=PRIVATE)
