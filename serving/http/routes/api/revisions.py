"""A stored item again: with other photos, as of another category, and what the station answers to the desk."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from regrade.models.photos.intake import MEDIA_TYPES
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.grading.regrading import Mended, Resubmission
from regrade.serving.http.middleware import started
from regrade.serving.http.render import inspection_out
from regrade.serving.http.routes.api.inspections import (
    HEADERS,
    MADE,
    announced_length,
    idempotency_key_of,
    outcome_out,
    patience,
    receive,
)
from regrade.serving.http.routes.common import LanguageDep, RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.routes.waiting import when_gone
from regrade.serving.http.schemas import AnswerIn, CategoryIn, InspectionOut
from regrade.serving.runtime import Runtime
from regrade.serving.telemetry.timings import Timings

router = APIRouter(prefix="/v1/inspections/{inspection_id}", tags=["inspections"])

BODIES = (AnswerIn, CategoryIn)

StationDep = Annotated[ApiKey, Depends(caller("station"))]

_MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["photos"],
                    "additionalProperties": False,
                    "properties": {
                        "photos": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 12,
                            "items": {"type": "string", "format": "binary"},
                            "description": "As with a new item; with those that it has, at most 12.",
                        },
                        "replace": {
                            "type": "string",
                            "pattern": "^[0-9]+(,[0-9]+)*$",
                            "description": "Indexes of photos of the item, such as `0,2`: the first of `photos` takes "
                            "the place of the first of these, and so on; the rest is added.",
                        },
                    },
                },
                "encoding": {"photos": {"contentType": ", ".join(MEDIA_TYPES.values())}},
            }
        },
    },
    "parameters": HEADERS,
}
_CODES = (400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 503, 507)


@router.post(
    "/photos",
    status_code=201,
    summary="Add or replace photos",
    openapi_extra=_MULTIPART,
    responses=problems(*_CODES, also=MADE),
)
async def add_photos(
    inspection_id: str,
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: StationDep,
) -> InspectionOut:
    """Grades the same inspection anew, with the photos sent in place of some that it has, or beside them. What it was
    before is kept: `revisions` lists it.

    Mends an item whose photos had to be taken again, and answers a reviewer who asked for photos. 409 where a human has
    decided on the item or a reviewer has it before them. Else as `POST /v1/inspections`; a photo at fault is told by
    its place among all.
    """
    timings = Timings(started(request.scope))
    idempotency_key, announced = idempotency_key_of(request), announced_length(request, runtime, "replace")
    wait = patience(request, response, runtime)
    await _known(runtime, inspection_id, key, idempotency_key)
    with runtime.admission.enter(announced, wait, key_id=key.id) as ticket:
        upload = await receive(request, runtime, ticket, announced, "replace")
        timings.mark("read")
        mended = Mended(inspection_id, upload.photos, _indexes(upload.replace))
        async with when_gone(request, ticket.leave):
            outcome = await runtime.pipeline.regrade(Resubmission(key, idempotency_key, mended, timings, ticket))
    return outcome_out(outcome, request, response, runtime, lang, timings)


@router.post(
    "/category",
    status_code=201,
    summary="Say of which category it is",
    openapi_extra={**json_body(CategoryIn), "parameters": HEADERS},
    responses=problems(400, 401, 403, 404, 409, 410, 413, 422, 503, 507, also=MADE),
)
async def set_category(
    inspection_id: str,
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: StationDep,
) -> InspectionOut:
    """Grades the same inspection anew by its stored photos, as of the category given: another was declared, or
    predicted. Likewise a new revision. Answers 200 where it is declared as of that category already.
    """
    timings = Timings(started(request.scope))
    idempotency_key, wait = idempotency_key_of(request), patience(request, response, runtime)
    body = await read_json(request, CategoryIn)
    with runtime.admission.enter(0, wait, key_id=key.id) as ticket:
        timings.mark("read")
        mended = Mended(inspection_id, category=body.category)
        async with when_gone(request, ticket.leave):
            outcome = await runtime.pipeline.regrade(Resubmission(key, idempotency_key, mended, timings, ticket))
    return outcome_out(outcome, request, response, runtime, lang, timings)


@router.post(
    "/answer",
    summary="Answer the desk",
    openapi_extra=json_body(AnswerIn),
    responses=problems(401, 403, 404, 409, 410, 413, 422, 507),
)
async def answer(
    inspection_id: str,
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: StationDep,
) -> InspectionOut:
    """Answers a reviewer who asked for photos with a note instead: the item is before the desk again.

    The same note may be sent again, should the answer have been lost.
    """
    body = await read_json(request, AnswerIn)
    found, replayed = await runtime.call(runtime.desk.answer, inspection_id, key, body.note)
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    first = runtime.desk.decides_first(found)
    return inspection_out(found, lang, runtime.rubrics, first=first, policy=runtime.policy)


async def _known(runtime: Runtime, inspection_id: str, key: ApiKey, idempotency_key: str | None) -> None:
    """Refuse before the body is read what would be refused after it; not what was done before and is sent again."""
    sent = None if idempotency_key is None else await runtime.call(runtime.revisions.under, key.id, idempotency_key)
    if sent is None:
        await runtime.call(runtime.revisions.open, inspection_id)


def _indexes(parts: tuple[bytes, ...]) -> tuple[int, ...]:
    """The indexes in one or more parts `replace`: `0,2`, or each in a part of its own. Raises `InvalidFieldsError`."""
    text = b",".join(parts).decode("ascii", "replace").replace(" ", "").removeprefix("[").removesuffix("]")
    if not text:
        return ()
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and len(word) <= 4 for word in words):
        raise InvalidFieldsError("invalid-request", "request", [FieldFault("replace", Message("fault.indexes"))])
    return tuple(map(int, words))
