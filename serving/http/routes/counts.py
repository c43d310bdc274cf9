"""What is there of an item, counted beside its grade."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from regrade.serving.access.keys import ApiKey
from regrade.serving.http.pieces.shown import CountIn, found
from regrade.serving.http.render import inspection_out
from regrade.serving.http.routes.common import LanguageDep, RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.schemas import InspectionOut

router = APIRouter(prefix="/v1/inspections", tags=["inspections"])

BODIES = (CountIn,)

CounterDep = Annotated[ApiKey, Depends(caller("station"))]


@router.post(
    "/{inspection_id}/pieces",
    summary="Count the pieces of an item",
    openapi_extra=json_body(CountIn),
    responses=problems(401, 403, 404, 409, 410, 413, 422, 503, 507),
)
async def count(
    inspection_id: str,
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: CounterDep,
) -> InspectionOut:
    """Records what is there of the pieces that the catalogue expects. What is to be done with the item is decided anew
    from that, as its next revision of the same photos and grade; whoever reviews it keeps it meanwhile.

    The same count may be sent again, should its answer have been lost. 409 where nothing is expected of the item, or a
    person has decided on it: a decision counts in its own `pieces`.
    """
    body = await read_json(request, CountIn)
    counted, again = await runtime.call(runtime.counting.count, inspection_id, key, found(body.pieces) or ())
    if again:
        response.headers["Idempotency-Replayed"] = "true"
    else:
        runtime.metrics.regraded.labels("pieces", counted.status).inc()
    first = runtime.desk.decides_first(counted)
    return inspection_out(counted, lang, runtime.rubrics, first=first, policy=runtime.policy)
