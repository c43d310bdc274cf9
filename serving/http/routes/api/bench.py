"""Decisions at the bench over HTTP: whoever holds the item says what it is."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from regrade.serving.access.keys import ApiKey
from regrade.serving.http.pieces.shown import found
from regrade.serving.http.render import inspection_out
from regrade.serving.http.routes.api.decided import decided_out
from regrade.serving.http.routes.common import LanguageDep, RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.schemas import BenchDecisionIn, InspectionOut, recorded
from regrade.serving.review import Verdict

router = APIRouter(prefix="/v1/inspections", tags=["inspections"])

BODIES = (BenchDecisionIn,)

InspectorDep = Annotated[ApiKey, Depends(caller("station"))]


@router.post(
    "/{inspection_id}/decision",
    summary="Decide at the bench",
    openapi_extra=json_body(BenchDecisionIn),
    responses=problems(401, 403, 404, 409, 410, 413, 422, 507),
)
async def decide(
    inspection_id: str,
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    inspector: InspectorDep,
) -> InspectionOut:
    """Records what the inspector who holds the item found, where `review.who` is `bench`, and the item is done.

    Where it differs from the model about more than the policy leaves to the bench, a reviewer looks too. 403 says why
    where the desk alone may decide. The same decision may be sent again, should its answer have been lost.
    """
    body = await read_json(request, BenchDecisionIn)
    said = (body.condition, body.disposition, recorded(body.defects), found(body.pieces))
    verdict = Verdict(*said, note=body.note, seconds=body.seconds)
    decided = await runtime.call(runtime.desk.decide_at_bench, inspection_id, inspector, verdict, blind=body.blind)
    return decided_out(runtime, response, decided, body.condition, lang)


@router.post(
    "/{inspection_id}/decision/undo",
    summary="Take a decision at the bench back",
    responses=problems(401, 403, 404, 409, 410, 507),
)
async def undo(inspection_id: str, runtime: RuntimeDep, lang: LanguageDep, inspector: InspectorDep) -> InspectionOut:
    """Undoes the caller's own decision, shortly after it was made; the item waits again, held by nobody.

    The decision is kept, and marked as undone.
    """
    back = await runtime.call(runtime.desk.take_back_at_bench, inspection_id, inspector)
    first = runtime.desk.decides_first(back)
    return inspection_out(back, lang, runtime.rubrics, first=first, policy=runtime.policy)
