"""Photos in, a stored grade and a suggested disposition out; and everything to be read of it later."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.requests import ClientDisconnect

from regrade.models.category.economics import Action
from regrade.models.category.fields import Condition
from regrade.models.photos.intake import MEDIA_TYPES
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import (
    BusyError,
    IdempotencyKeyError,
    StorageError,
    UploadAborted,
)
from regrade.serving.base.text_forms import Label, Name
from regrade.serving.connections.body import receiver
from regrade.serving.grading.admission import Ticket
from regrade.serving.grading.item import Item
from regrade.serving.grading.item_grading import Sender
from regrade.serving.grading.pipeline import Outcome, Submission
from regrade.serving.grading.upload import Upload
from regrade.serving.http.middleware import started
from regrade.serving.http.named_photos import CONTENT, NamedPhoto, is_named, read_named
from regrade.serving.http.render import inspection_out
from regrade.serving.http.routes.common import (
    LanguageDep,
    Responses,
    RuntimeDep,
    SellerOrReaderDep,
    caller,
    language_of,
    problems,
)
from regrade.serving.http.routes.photos import original_answer, photo_answer
from regrade.serving.http.routes.queries import Moment
from regrade.serving.http.routes.sellers.out import (
    SellerInspectionOut,
    SellerInspectionsOut,
    refuse_internal,
    seller_out,
)
from regrade.serving.http.routes.waiting import wait_of, when_gone
from regrade.serving.http.schemas import CountOut, InspectionOut, InspectionsOut
from regrade.serving.http.uploads import Form, body_too_large, boundary_of, read_upload, take_apart
from regrade.serving.inspections.cursors import cursor_pattern
from regrade.serving.inspections.listing import LIST, Filters
from regrade.serving.inspections.visibility import hide
from regrade.serving.runtime import Runtime
from regrade.serving.storage.records import Inspection, Status
from regrade.serving.telemetry.timings import Timings, server_timing

router = APIRouter(prefix="/v1", tags=["inspections"])

MAX_KEY_LENGTH = 128

HEADERS: list[dict[str, Any]] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_KEY_LENGTH,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
        "description": "Repeat a request with the same key and body, and it is done once.",
    },
    {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "examples": ["wait=5"]},
        "description": "`wait=N` (RFC 7240): seconds within which to answer the item, or refuse it at once.",
    },
]
"""Those that whoever sends photos may add, described."""

_MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["photos", "item"],
                    "additionalProperties": False,
                    "properties": {
                        "photos": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": 12,
                            "items": {"type": "string", "format": "binary"},
                            "description": "JPEG, PNG, WebP, AVIF, or HEIC (where `regrade[heic]` is installed); at "
                            "most 20 MB and 50 megapixels each.",
                        },
                        "item": {"$ref": "#/components/schemas/Item"},
                    },
                },
                "encoding": {
                    "photos": {"contentType": ", ".join(MEDIA_TYPES.values())},
                    "item": {"contentType": "application/json"},
                },
            },
            **CONTENT,
        },
    },
    "parameters": HEADERS,
}
_PLACE: dict[str, Any] = {"Location": {"description": "Where to read it.", "schema": {"type": "string"}}}
MADE: Responses = {
    200: {
        "model": InspectionOut,
        "description": "Stored before, under the same Idempotency-Key",
        "headers": {
            **_PLACE,
            "Idempotency-Replayed": {"description": "That it was.", "schema": {"type": "string", "const": "true"}},
        },
    },
    201: {
        "headers": {
            **_PLACE,
            "Server-Timing": {"description": "Where the time went, in ms.", "schema": {"type": "string"}},
        }
    },
}
_IMAGES: Responses = {
    200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}},
    304: {"description": "Not modified"},
}
BODIES = (Item, NamedPhoto)
"""Models that the description above refers to."""

RevisionDep = Annotated[int | None, Query(ge=1, le=1_000_000, description="Of an item that was graded anew: which.")]


@router.post(
    "/inspections",
    status_code=201,
    summary="Grade an item",
    openapi_extra=_MULTIPART,
    responses=problems(400, 401, 403, 408, 409, 410, 413, 415, 422, 503, 507, also=MADE),
)
async def create(
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: Annotated[ApiKey, Depends(caller("station"))],
) -> InspectionOut:
    """Grades the photos of one item and suggests what to do with it.

    When this answers 201, the inspection and its photos survive a crash and a loss of power. In any other case
    nothing is stored.

    The photos come with the item, as a form, or were sent ahead (`PUT /v1/uploads/{sha256}`) and are named in JSON: the
    answers are the same, and so is what an Idempotency-Key stands for. A hash that is not there is 409, with all of
    them in `missing`.

    With the key of a station that was paired, the item is that station's: `station` may be left out, and another one is
    422.

    An item that cannot be answered within the deadline is refused at once, with the time after which to come back.
    `Prefer: wait=N` sets a deadline of N seconds, counted from the moment at which the whole request is there.
    """
    timings = Timings(started(request.scope))
    idempotency_key = idempotency_key_of(request)
    announced = announced_length(request, runtime)
    wait = patience(request, response, runtime)
    pipeline, sender = runtime.pipeline, Sender(key.id, idempotency_key, key.name if key.bound else None)
    replay = await _stored_before(runtime, key.id, idempotency_key, announced, wait)
    with runtime.admission.enter(announced, wait, replay=replay, key_id=key.id) as ticket:
        if is_named(request.headers.get("content-type")):
            upload = await _named(request, runtime, ticket, sender)
        else:
            upload = await receive(request, runtime, ticket, announced)
        timings.mark("read")
        if isinstance(upload, Outcome):
            outcome = upload
        else:
            async with when_gone(request, ticket.leave):
                outcome = await pipeline.submit(Submission(sender, upload, timings, ticket))
            if upload.hashes:
                await runtime.call(runtime.sent_ahead.stored, key.id, upload.hashes)
    return outcome_out(outcome, request, response, runtime, lang, timings)


def patience(request: Request, response: Response, runtime: Runtime) -> float:
    """The seconds within which the answer is wanted, which the answer repeats where the client has asked for them."""
    asked = wait_of(request.headers.getlist("prefer"))
    if asked is None:
        return runtime.settings.deadline
    wait = min(float(asked), runtime.settings.max_deadline)
    request.state.preference_applied = response.headers["Preference-Applied"] = f"wait={wait:g}"
    return wait


async def _stored_before(
    runtime: Runtime, key_id: str, idempotency_key: str | None, announced: int, wait: float
) -> bool:
    """Whether a request that would be refused for want of time or room is one that only needs to be looked up."""
    if idempotency_key is None:
        return False
    try:
        runtime.admission.refuse_if_late(runtime.admission.at_least(announced), wait)
        runtime.admission.refuse_if_full(announced)
    except (BusyError, StorageError):
        return await runtime.call(runtime.inspections.by_idempotency_key, key_id, idempotency_key) is not None
    return False


def outcome_out(
    outcome: Outcome, request: Request, response: Response, runtime: Runtime, lang: str, timings: Timings
) -> InspectionOut:
    """The answer to who has an item graded: the inspection, and whether it was stored before or where its time went."""
    if outcome.replayed:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"
        runtime.metrics.replayed.inc()
    else:
        response.headers["Server-Timing"] = server_timing(timings.as_ms())
    response.headers["Location"] = f"{request.scope['root_path']}/v1/inspections/{outcome.inspection.id}"
    first = runtime.desk.decides_first(outcome.inspection)
    return inspection_out(outcome.inspection, lang, runtime.rubrics, first=first, policy=runtime.policy)


def idempotency_key_of(request: Request) -> str | None:
    """The Idempotency-Key of a request, None without one. Raises `IdempotencyKeyError`."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    value = values[0]
    if len(values) > 1 or not 1 <= len(value) <= MAX_KEY_LENGTH or not (value.isascii() and value.isprintable()):
        raise IdempotencyKeyError(
            f"Send one Idempotency-Key of 1 to {MAX_KEY_LENGTH} printable ASCII characters, such as a UUID."
        )
    return value


def announced_length(request: Request, runtime: Runtime, form: Form = "item") -> int:
    """The length of the body if the client gave it, else 0. Refuses at once what can only be refused later."""
    content_type = request.headers.get("content-type")
    if form != "item" or not is_named(content_type):
        boundary_of(content_type, form)
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdigit() else 0
    if announced > runtime.settings.max_body_bytes:
        raise body_too_large(runtime.settings)
    return announced


async def receive(request: Request, runtime: Runtime, ticket: Ticket, announced: int, form: Form = "item") -> Upload:
    """The body of a request, its parts apart. Raises `UploadError`, `UploadAborted` and `BusyError`."""
    settings = runtime.settings
    try:
        with runtime.metrics.stage("read"):
            content_type = request.headers.get("content-type")
            whole = receiver(request.scope, announced)
            if whole is None:
                return await read_upload(request.stream(), content_type, settings, ticket.received, form)
            async with whole(announced) as body:
                return take_apart(body, announced, content_type, settings, form)
    except ClientDisconnect:
        raise UploadAborted("The client went away before the body was complete; nothing was stored.") from None


async def _named(request: Request, runtime: Runtime, ticket: Ticket, sender: Sender) -> Upload | Outcome:
    """The upload that a body of JSON names, or what was stored for it before, whose photos may be gone since."""
    with runtime.metrics.stage("read"):
        named = await read_named(request, runtime.settings)
        if (outcome := await runtime.pipeline.stored_before(sender, named.item, named.hashes)) is not None:
            return outcome
        found = await runtime.call(runtime.sent_ahead.find, sender.key_id, named.hashes)
        ticket.received(sum(size for _, size in found))
        files = [path for path, _ in found]
        return await runtime.call(runtime.sent_ahead.read, sender.key_id, named.item, named.hashes, files)


@router.get("/inspections", summary="List inspections", responses=problems(401, 403, 422))
async def list_inspections(
    runtime: RuntimeDep,
    lang: LanguageDep,
    key: SellerOrReaderDep,
    status: Status | None = None,
    rma: Name | None = None,
    sku: Label | None = None,
    seller: Label | None = None,
    station: Label | None = None,
    category: Annotated[Label | None, Query(description="The one that it was graded as.")] = None,
    condition: Annotated[Condition | None, Query(description="The one that stands now.")] = None,
    disposition: Annotated[Action | None, Query(description="The action that stands now.")] = None,
    since: Annotated[Moment | None, Query(description="When it came in: RFC 3339, with a zone.")] = None,
    updated_since: Annotated[Moment | None, Query(description="When it was last changed, likewise.")] = None,
    ask: Annotated[Literal["photos"] | None, Query(description="Those of which the desk asks photos now.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(pattern=cursor_pattern(LIST), description="`next_cursor` of the page before.")
    ] = None,
) -> InspectionsOut | SellerInspectionsOut:
    """Newest first. `next_cursor` is null on the last page.

    An empty text asks for items that have none. A reviewer is shown items that wait for a blind review as such, without
    what was found of them; no filter tells it. A seller is shown their own items, without what is internal.
    """
    if key.sees is not None:
        refuse_internal({"station": station, "ask": ask})
    filters = Filters(
        status=status,
        rma=rma,
        sku=sku,
        seller=seller,
        station=station,
        category=category,
        condition=condition,
        disposition=disposition,
        since=since,
        updated_since=updated_since,
        ask=ask,
        viewer=runtime.desk.viewer(key),
    )
    page = await runtime.call(runtime.inspections.page, filters, limit, cursor)
    if key.sees is not None:
        own = [seller_out(one, lang, runtime.rubrics) for one in page.items]
        return SellerInspectionsOut(items=own, next_cursor=page.next_cursor)
    seen = await runtime.call(runtime.desk.visible, page.items, key)
    rubrics, policy = runtime.rubrics, runtime.policy
    items = [inspection_out(inspection, lang, rubrics, policy=policy) for inspection in seen]
    return InspectionsOut(items=items, next_cursor=page.next_cursor)


@router.get("/inspections/count", summary="Count inspections", responses=problems(401, 403, 422))
async def count(
    runtime: RuntimeDep,
    key: SellerOrReaderDep,
    station: Label | None = None,
    since: Annotated[Moment | None, Query(description="When it came in: RFC 3339, with a zone.")] = None,
) -> CountOut:
    """How many inspections came in, at a station or since a moment; an empty `station` asks for those without one."""
    if key.sees is not None:
        refuse_internal({"station": station})
    filters = Filters(station=station, since=since)
    return CountOut(count=await runtime.call(runtime.inspections.count_of, filters))


@router.get("/inspections/{inspection_id}", summary="Read an inspection", responses=problems(401, 403, 404))
async def read(
    inspection_id: str, runtime: RuntimeDep, lang: LanguageDep, key: SellerOrReaderDep, revision: RevisionDep = None
) -> InspectionOut | SellerInspectionOut:
    """The inspection as it stands now: a reviewer's decision takes the place of the model's.

    A reviewer who might be given it to review blind is not shown what was found. With `revision`, one of those that
    `revisions` lists, as the model and the policy left it. A seller is shown how their own item stands, without what is
    internal.
    """
    if key.sees is not None:
        refuse_internal({"revision": revision})
        return seller_out(await _get(runtime, inspection_id), lang, runtime.rubrics)
    found = await runtime.call(runtime.desk.read, inspection_id, key)
    if revision is not None and revision != found.revision:
        former = await runtime.call(runtime.revisions.revision, found, revision)
        return inspection_out(hide(former) if found.blind else former, lang, runtime.rubrics)
    first = runtime.desk.decides_first(found)
    return inspection_out(found, lang, runtime.rubrics, first=first, policy=runtime.policy)


@router.get(
    "/inspections/{inspection_id}/photos/{index}",
    summary="Read a photo",
    response_class=Response,
    responses=problems(401, 403, 404, 410, 422, also=_IMAGES),
)
async def photo(
    inspection_id: str,
    index: int,
    request: Request,
    runtime: RuntimeDep,
    key: SellerOrReaderDep,
    width: Annotated[int | None, Query(ge=16, le=2048, description="A thumbnail this wide.")] = None,
    original: Annotated[bool, Query(description="The very file that was sent, of any width; for admins.")] = False,
    revision: RevisionDep = None,
) -> Response:
    """The photo, upright, `width` and `height` of the inspection's `photos` in pixels; or a JPEG of the given width
    (never wider than the photo).

    It says nothing of where, when and by whom it was taken: EXIF, XMP and the like are left out. The file as it was
    sent, whose hash is in the evidence, is for admins, with `original=true`. Who looked at which photo is recorded.
    """
    inspection = await _get(runtime, inspection_id)
    if key.sees is not None:
        refuse_internal({"revision": revision})
    if revision is not None:
        inspection = await runtime.call(runtime.revisions.revision, inspection, revision)
    if original:
        return await original_answer(runtime, inspection, index, key, language_of(request))
    return await photo_answer(request, runtime, inspection, index, width, key)


async def _get(runtime: Runtime, inspection_id: str) -> Inspection:
    return await runtime.call(runtime.inspections.get, inspection_id)
