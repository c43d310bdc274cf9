"""`GET /v1/photos/…`: a photo by a signed link, for systems that have no key."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from regrade.serving.http.routes.common import RuntimeDep, problems
from regrade.serving.http.routes.photos import linked_answer
from regrade.serving.http.routes.queries import refuse_unknown

router = APIRouter(prefix="/v1", tags=["events"])

_JPEG: dict[int | str, dict[str, Any]] = {
    200: {"description": "The photo.", "content": {"image/jpeg": {"schema": {"type": "string"}}}}
}


@router.get(
    "/photos/{inspection_id}/{index}",
    summary="Read a photo by a signed link",
    response_class=Response,
    responses=problems(404, 410, 422, also=_JPEG),
)
async def linked(
    inspection_id: str,
    index: int,
    request: Request,
    runtime: RuntimeDep,
    expires: Annotated[str, Query(max_length=20, description="When the link ends, as it was signed.")],
    signature: Annotated[str, Query(max_length=128)],
) -> Response:
    """Needs no key: adapters of webhooks send such links, each to one photo, for at most 30 days.

    The photo is a JPEG of at most 1600 pixels a side, upright, without metadata. 404 for a link that was not signed
    here, 410 for one that has ended and for a photo that was erased. That a link was opened is recorded.
    """
    await refuse_unknown(request)
    runtime.photo_links.check(inspection_id, index, expires, signature, datetime.now(UTC))
    return await linked_answer(runtime, await runtime.call(runtime.inspections.get, inspection_id), index)
