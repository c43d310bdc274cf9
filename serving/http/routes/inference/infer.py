"""Photos in, tensors out: an item judged for who speaks the Open Inference Protocol. Nothing of it is stored."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import TensorError, UploadAborted
from regrade.serving.base.problems import Problem, ProblemError
from regrade.serving.connections.body import receiver
from regrade.serving.grading.admission import Ticket
from regrade.serving.http.middleware import started
from regrade.serving.http.routes.common import Responses, RuntimeDep, caller, problems
from regrade.serving.http.routes.inference.schemas import InferenceErrorOut, InferenceIn, InferenceOut
from regrade.serving.http.routes.waiting import wait_of, when_gone
from regrade.serving.http.uploads import body_too_large
from regrade.serving.oip.answer import tensors_of
from regrade.serving.oip.judging import Judging
from regrade.serving.oip.model import find_model, outputs_of
from regrade.serving.oip.photos import SentPhotos, photos_of
from regrade.serving.oip.reply import Reply, refuse_unknown_outputs, write_reply
from regrade.serving.oip.request import InferRequest, flag, json_size, read_request
from regrade.serving.runtime import Runtime
from regrade.serving.telemetry.item_clock import ItemClock
from regrade.serving.telemetry.timings import Timings, server_timing

router = APIRouter(prefix="/v2", tags=["inference"])

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
SMALL_JSON: Final = 64 * 1024
"""JSON beyond this is read one body after the other: each may be many times as large in memory."""
_BINARY: Final = "application/octet-stream"
_KINDS: Final = ("", "application/json", _BINARY)
BODIES = (InferenceIn, InferenceErrorOut)
"""Models that the description refers to."""

_SENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InferenceIn"}},
            _BINARY: {"schema": {"type": "string", "format": "binary", "description": "JSON, and binary data."}},
        },
    },
    "parameters": [
        {
            "name": HEADER_LENGTH,
            "in": "header",
            "required": False,
            "schema": {"type": "integer", "minimum": 1},
            "description": "Where binary data follows the JSON: how long the JSON is.",
        },
        {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "examples": ["wait=5"]},
            "description": "`wait=N` (RFC 7240): seconds within which to answer, or refuse at once.",
        },
    ],
}
_TOLD: Responses = {
    200: {
        "model": InferenceOut,
        "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            HEADER_LENGTH: {
                "description": "How long the JSON is in front of binary data.",
                "schema": {"type": "string"},
            }
        },
    }
}
_STATUSES: Final = (400, 401, 403, 404, 408, 413, 415, 422, 503)
StationDep = Annotated[ApiKey, Depends(caller("station"))]


@router.post(
    "/models/{name}/infer",
    summary="Judge photos",
    openapi_extra=_SENT,
    response_class=Response,
    responses=problems(*_STATUSES, also=_TOLD),
)
async def infer(name: str, request: Request, runtime: RuntimeDep, key: StationDep) -> Response:
    """What the networks say of photos, as tensors: the same figures as `POST /v1/inspections`, and nothing is stored.

    `GET /v2/models/{name}` describes inputs, outputs and parameters. Photos are BYTES (files, in binary data or base64
    with `content_type`) or UINT8 pixels. They show one item, unless the parameter `one_item` is false.
    """
    return await _infer(request, runtime, key, name, None)


@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Judge photos by a version",
    openapi_extra=_SENT,
    response_class=Response,
    responses=problems(*_STATUSES, also=_TOLD),
)
async def infer_version(name: str, version: str, request: Request, runtime: RuntimeDep, key: StationDep) -> Response:
    """The same by a version, which must be the active one."""
    return await _infer(request, runtime, key, name, version)


async def _infer(request: Request, runtime: Runtime, key: ApiKey, name: str, version: str | None) -> Response:
    timings = Timings(started(request.scope))
    _refuse_other_kinds(request)
    means, judges = runtime.pipeline.means, runtime.graders.judges
    model = find_model(judges.grader, name, version)
    announced = _announced(request, runtime)
    wait = _patience(request, runtime)
    with runtime.admission.enter(announced, wait, key_id=key.id, stored=False) as ticket:
        with runtime.metrics.stage("read"):
            asked, sent = await _receive(request, runtime, ticket, announced)
        refuse_unknown_outputs(asked, tuple(outputs_of(model.features)))
        one_item = flag(asked.parameters, "one_item", default=True)
        ticket.wait = _sooner(asked, ticket.wait)
        timings.mark("read")
        judging = Judging(means, judges, model, sent, ticket, ItemClock(timings, runtime.metrics))
        async with when_gone(request, ticket.leave):
            judged = await judging.judge(one_item=one_item)
        runtime.metrics.inferred.labels(model.name).inc(len(judged.results))
        tensors = tensors_of(judged, judges.grader, model)
        reply = await runtime.call(write_reply, asked, model.name, model.version, tensors)
    return _response(reply, timings)


def _response(reply: Reply, timings: Timings) -> Response:
    headers = {"Server-Timing": server_timing(timings.as_ms())}
    if reply.json_size is None:
        return Response(reply.body, headers=headers, media_type="application/json")
    return Response(reply.body, headers=headers | {HEADER_LENGTH: str(reply.json_size)}, media_type=_BINARY)


def _refuse_other_kinds(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        detail = f"The request is {kind[:80]}. Send application/json, or {_BINARY} where binary data follows the JSON."
        raise ProblemError(Problem("not-tensors", detail))


def _announced(request: Request, runtime: Runtime) -> int:
    """The length of the body if the client gave it, else 0. Refuses at once what is too much."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdigit() else 0
    if announced > runtime.settings.max_body_bytes:
        raise body_too_large(runtime.settings)
    return announced


def _patience(request: Request, runtime: Runtime) -> float:
    asked = wait_of(request.headers.getlist("prefer"))
    return runtime.settings.deadline if asked is None else min(float(asked), runtime.settings.max_deadline)


def _sooner(asked: InferRequest, wait: float) -> float:
    """The seconds that the request itself gives, in microseconds, where these are fewer."""
    timeout = asked.parameters.get("timeout", 0)
    if type(timeout) is not int or timeout < 0:
        raise TensorError("The parameter 'timeout' must be a whole number of microseconds.")
    return min(wait, timeout / 1e6) if timeout else wait


async def _receive(
    request: Request, runtime: Runtime, ticket: Ticket, announced: int
) -> tuple[InferRequest, SentPhotos]:
    """The body of a request, taken apart. Raises `TensorError`, `UploadError`, `UploadAborted` and `BusyError`."""
    header = request.headers.get(HEADER_LENGTH)
    try:
        whole = receiver(request.scope, announced)
        if whole is None:
            body = await _streamed(request, runtime, ticket)
            return await _read(runtime, body, len(body), header)
        async with whole(announced) as received:
            return await _read(runtime, received, announced, header)
    except ClientDisconnect:
        raise UploadAborted("The client went away before the body was complete.") from None


async def _streamed(request: Request, runtime: Runtime, ticket: Ticket) -> bytearray:
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > runtime.settings.max_body_bytes:
            raise body_too_large(runtime.settings)
        ticket.received(len(chunk))
        body += chunk
    return body


async def _read(
    runtime: Runtime, body: bytes | bytearray, size: int, header: str | None
) -> tuple[InferRequest, SentPhotos]:
    length = json_size(body, size, header)

    def read() -> tuple[InferRequest, SentPhotos]:
        asked = read_request(body, size, length)
        return asked, photos_of(asked, runtime.settings)

    if length <= SMALL_JSON and size <= SMALL_JSON:
        return read()
    if length <= SMALL_JSON:
        return await runtime.call(read)
    async with runtime.reading_json:
        return await runtime.call(read)
