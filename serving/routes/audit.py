"""The audit trail of an inspection over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends

from regrade.serving.auth import ApiKey
from regrade.serving.review_schemas import EntryOut, TrailOut
from regrade.serving.routes.common import RuntimeDep, caller, problems

router = APIRouter(prefix="/v1", tags=["review"])


@router.get("/inspections/{inspection_id}/audit", summary="Read the audit trail", responses=problems(401, 403, 404))
async def trail(
    inspection_id: str, runtime: RuntimeDep, key: Annotated[ApiKey, Depends(caller("reviewer", "engineer"))]
) -> TrailOut:
    """Who claimed, gave back, decided and undid what, and when; oldest first.

    Refused to a reviewer who might be given the item to review blind.
    """
    inspection = await runtime.call(runtime.inspections.get, inspection_id)
    await runtime.call(runtime.desk.refuse_blind, inspection, key)
    entries = await runtime.call(runtime.desk.history, inspection_id)
    return TrailOut(items=[EntryOut.model_validate(entry, from_attributes=True) for entry in entries])
