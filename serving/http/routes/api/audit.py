"""The audit trail of an inspection over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from regrade.serving.access.keys import ApiKey
from regrade.serving.http.review_schemas import EntryOut, PhotoViewOut, TrailOut
from regrade.serving.http.routes.common import RuntimeDep, caller, problems

router = APIRouter(prefix="/v1", tags=["review"])


@router.get(
    "/inspections/{inspection_id}/audit",
    summary="Read the audit trail",
    response_model_exclude_unset=True,
    responses=problems(401, 403, 404, 422),
)
async def trail(
    inspection_id: str,
    runtime: RuntimeDep,
    key: Annotated[ApiKey, Depends(caller("reviewer", "engineer"))],
    photos: Annotated[bool, Query(description="Also who looked at which photo, in `photo_views`.")] = False,
) -> TrailOut:
    """Who claimed, gave back, decided and undid what, and when; oldest first.

    Looks at photos are written within a second; those of one person at one photo within a minute count as one.
    Refused to a reviewer who might be given the item to review blind.
    """
    inspection = await runtime.call(runtime.inspections.get, inspection_id)
    await runtime.call(runtime.desk.refuse_blind, inspection, key)
    entries = await runtime.call(runtime.desk.history, inspection_id)
    items = [EntryOut.model_validate(entry, from_attributes=True) for entry in entries]
    if not photos:
        return TrailOut(items=items)
    views = await runtime.call(runtime.photo_views.of_inspection, inspection_id)
    return TrailOut(
        items=items, photo_views=[PhotoViewOut.model_validate(view, from_attributes=True) for view in views]
    )
