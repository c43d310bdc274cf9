"""The review desk over HTTP: claim an item, decide on it, see how it goes."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.json_text import names, read_model
from regrade.serving.base.text_forms import Label
from regrade.serving.http.pieces.shown import found as pieces_found
from regrade.serving.http.render import inspection_out
from regrade.serving.http.review_schemas import (
    AgreementOut,
    ClaimOut,
    KindOut,
    LeaseOut,
    QueueOut,
    ReviewerAgreementOut,
    StatsOut,
)
from regrade.serving.http.routes.api.decided import decided_out
from regrade.serving.http.routes.common import (
    MAX_JSON_BYTES,
    LanguageDep,
    RuntimeDep,
    caller,
    json_body,
    problems,
    read_bytes,
)
from regrade.serving.http.schemas import AskIn, InspectionOut, ReviewIn, recorded
from regrade.serving.review import Asking, Claim, Filters, Verdict
from regrade.serving.review.quality.agreement import Agreement
from regrade.serving.rubric.types import Rubrics
from regrade.serving.runtime import Runtime
from regrade.serving.storage.reviews import Remarks

router = APIRouter(prefix="/v1/reviews", tags=["review"])

BODIES = (ReviewIn, AskIn)

ReviewerDep = Annotated[ApiKey, Depends(caller("reviewer"))]


@router.post(
    "/claim",
    summary="Claim an item to review",
    response_model=ClaimOut,
    responses=problems(401, 403, 422, 507, also={204: {"description": "Nothing waits"}}),
)
async def claim(
    runtime: RuntimeDep,
    lang: LanguageDep,
    reviewer: ReviewerDep,
    category: Label | None = None,
    seller: Label | None = None,
    station: Label | None = None,
    reason: Annotated[Label | None, Query(description="Code of the first reason for the review.")] = None,
    kind: Annotated[Literal["unsure", "blind"] | None, Query(description="Why a human looks.")] = None,
    min_value: Annotated[float | None, Query(ge=0, le=1e12, description="In the policy's currency.")] = None,
    max_value: Annotated[float | None, Query(ge=0, le=1e12, description="In the policy's currency.")] = None,
    older_than: Annotated[float | None, Query(ge=0, le=1e9, description="Seconds that it has waited.")] = None,
) -> ClaimOut | Response:
    """Leases the item that has waited longest; nobody else is given it until the lease expires.

    Who holds an item already is given that one again, under a new lease that takes the place of the old; unless the
    query asks for others: it then goes back to the queue. An empty text asks for items without a category, and so on.
    """
    age = None if older_than is None else timedelta(seconds=older_than)
    filters = Filters(category, seller, station, reason, kind, min_value, max_value, age)
    claimed = await runtime.call(runtime.desk.claim, reviewer, filters)
    return Response(status_code=204) if claimed is None else _claim(claimed, lang, runtime.rubrics)


@router.post(
    "/{inspection_id}",
    summary="Decide on a claimed item",
    openapi_extra=json_body(ReviewIn, AskIn),
    responses=problems(401, 403, 404, 409, 410, 413, 422, 507),
)
async def decide(
    inspection_id: str,
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    reviewer: ReviewerDep,
) -> InspectionOut:
    """Records the decision. Without a `disposition`, the policy's for the given condition is taken.

    With `ask` instead of a condition it is sent back to the station, or on to somebody else, and the inspection stays
    as it is. The same decision, or the same that is asked, may be sent again under the same lease, should its answer
    have been lost.
    """
    data = await read_bytes(request, MAX_JSON_BYTES)
    if names(data, "ask"):
        return await _ask(inspection_id, read_model(data, AskIn, "request"), response, runtime, lang, reviewer)
    body = read_model(data, ReviewIn, "request")
    said = (body.condition, body.disposition, recorded(body.defects), pieces_found(body.pieces))
    verdict = Verdict(*said, **Remarks.of(body))
    decided = await runtime.call(runtime.desk.decide, inspection_id, body.lease, reviewer, verdict)
    return decided_out(runtime, response, decided, body.condition, lang)


async def _ask(
    inspection_id: str, body: AskIn, response: Response, runtime: Runtime, lang: str, reviewer: ApiKey
) -> InspectionOut:
    asking = Asking(body.ask, body.note or None, tuple(body.views), body.assignee)
    asked = await runtime.call(runtime.desk.ask, inspection_id, body.lease, reviewer, asking)
    if asked.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return inspection_out(asked.inspection, lang, runtime.rubrics, policy=runtime.policy)


@router.post(
    "/{inspection_id}/undo",
    summary="Take a decision back",
    responses=problems(401, 403, 404, 409, 410, 507),
)
async def undo(inspection_id: str, runtime: RuntimeDep, lang: LanguageDep, reviewer: ReviewerDep) -> ClaimOut:
    """Undoes the caller's own decision, or what they asked, shortly after it, and leases the item to them again.

    The decision is kept, and marked as undone. This may be sent again, should its answer have been lost.
    """
    return _claim(await runtime.call(runtime.desk.undo, inspection_id, reviewer), lang, runtime.rubrics)


@router.get("/stats", summary="Read the state of the desk", responses=problems(401, 403))
async def stats(runtime: RuntimeDep, key: Annotated[ApiKey, Depends(caller("reviewer", "engineer"))]) -> StatsOut:
    """Depth and age of the queue, and how the model and the reviewers agree.

    Only decisions on items that the model was unsure of count, so this agreement is below that over all items.
    """
    found = await runtime.call(runtime.desk.stats)
    queue = found.queue
    by = {part: {name: _agreement(one) for name, one in groups.items()} for part, groups in found.by.items()}
    return StatsOut(
        queue=QueueOut(depth=queue.depth, leased=queue.leased, oldest_seconds=queue.oldest_seconds),
        agreement=_agreement(found.overall),
        by_category=by["category"],
        by_reviewer={
            key_id: ReviewerAgreementOut(name=found.names[key_id], **_agreement(one).model_dump())
            for key_id, one in found.by["key_id"].items()
        },
        by_station=by["station"],
        kinds={kind: KindOut(**counts) for kind, counts in found.kinds.items()},
    )


def _claim(claimed: Claim, lang: str, rubrics: Rubrics) -> ClaimOut:
    lease = LeaseOut(token=claimed.token, expires_at=claimed.expires_at)
    return ClaimOut(inspection=inspection_out(claimed.inspection, lang, rubrics), lease=lease, blind=claimed.task.blind)


def _agreement(found: Agreement) -> AgreementOut:
    return AgreementOut(items=found.items, raw=found.raw, kappa=found.kappa)
