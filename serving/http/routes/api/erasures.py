"""Erasing an inspection."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from regrade.serving.access.keys import ApiKey
from regrade.serving.erasure.records import Actor
from regrade.serving.http.routes.api.evidence import evidence_out
from regrade.serving.http.routes.common import RuntimeDep, caller, problems
from regrade.serving.http.schemas import EvidenceOut

router = APIRouter(prefix="/v1", tags=["inspections"])


@router.delete(
    "/inspections/{inspection_id}", summary="Erase an inspection", responses=problems(401, 403, 404, 422, 507)
)
async def erase(
    inspection_id: str,
    runtime: RuntimeDep,
    key: Annotated[ApiKey, Depends(caller())],
    reason: Annotated[
        str | None,
        Query(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$", description="Why; name no person in it."),
    ] = None,
) -> EvidenceOut:
    """Erases the photos and what says whose item it was, for good, and answers with what is left of the signed
    evidence, the last step of which records the erasure.

    What statistics need stays: the grade, decisions, times. The inspection can still be read, without the rest. Sent
    again, this changes nothing, and the record stays that of the first time.
    """
    await runtime.erase(inspection_id, Actor.of_key(key), reason)
    return await evidence_out(runtime, inspection_id)
