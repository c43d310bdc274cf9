"""Photos sent ahead of their items: each under the hash of its bytes, at once or in parts."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.requests import ClientDisconnect

from regrade.models.errors import RegradeError
from regrade.models.photos.intake import MEDIA_TYPES
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import UploadAborted, UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.base.settings import MIB, Settings
from regrade.serving.grading.admission import Ticket
from regrade.serving.http.named_photos import HASH
from regrade.serving.http.routes.common import Responses, RuntimeDep, caller, problems
from regrade.serving.http.schemas import UploadOut
from regrade.serving.runtime import Runtime
from regrade.serving.storage.ahead import Staged

router = APIRouter(prefix="/v1", tags=["inspections"])

_RANGE: Final = re.compile(r"bytes (?:(\d{1,12})-(\d{1,12})|\*)/(\d{1,12})", re.ASCII)

_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "The photo's bytes, or with Content-Range some of them.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
    },
    "parameters": [
        {
            "name": "Content-Range",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "examples": ["bytes 1048576-2097151/3145728", "bytes */3145728"]},
            "description": "Which bytes of the photo these are, of how many (RFC 9110); `bytes */TOTAL`, without a "
            "body, asks how many are there.",
        }
    ],
}
_THERE: dict[str, Any] = {
    "Upload-Offset": {"description": "How many bytes are there: go on from here.", "schema": {"type": "integer"}}
}
_ANSWERS: Responses = {
    200: {"model": UploadOut, "description": "It was there already; its time begins anew"},
    201: {"description": "All of it is there now, and survives a crash"},
    202: {"model": UploadOut, "description": "This much of it is there; send the rest", "headers": _THERE},
}


@dataclass(frozen=True, slots=True)
class Part:
    """What a request brings: the bytes of a photo from `at` on, up to and with `last`; `total` is how many it has.

    `last` is None where there is no telling yet, `total` as well; nothing is brought, but asked, where `asks`.
    """

    at: int
    last: int | None
    total: int | None
    asks: bool = False

    @property
    def is_all(self) -> bool:
        """Whether it brings the whole photo, so that its hash shows what is right."""
        return self.at == 0 and not self.asks and (self.last is None or self.last + 1 == self.total)


@router.put(
    "/uploads/{sha256}",
    status_code=201,
    summary="Send a photo ahead of its item",
    openapi_extra=_BODY,
    responses=problems(400, 401, 403, 408, 409, 413, 415, 422, 429, 503, 507, also=_ANSWERS),
)
async def put(
    sha256: Annotated[str, Path(pattern=HASH, description="SHA-256 of its bytes, in hex.")],
    request: Request,
    response: Response,
    runtime: RuntimeDep,
    key: Annotated[ApiKey, Depends(caller("station"))],
) -> UploadOut:
    """Keeps a photo for an item that will name it (`POST /v1/inspections` as JSON), for the same key and some hours.

    It is checked as a photo of an item is, but not decoded. What has come when a connection is cut is kept: ask with
    `Content-Range: bytes */TOTAL` and no body how much that is (202, `Upload-Offset`), and send the rest with
    `Content-Range: bytes FIRST-LAST/TOTAL`, TOTAL as with the first of them. A part may be sent again. A key has a
    budget of bytes for photos that no item has named yet: 429 beyond it.
    """
    part = _part_of(request, runtime.settings)
    there = await runtime.call(runtime.sent_ahead.state, key.id, sha256)
    if not part.is_all:
        there.refuse_other(part.total)
    if part.asks:
        return _answer(there, response)
    announced = _announced(request, part, runtime.settings)
    if not there.whole:
        await runtime.call(runtime.staged.refuse_if_over, key.id, max(0, part.at + announced - there.size))
    with runtime.admission.enter(announced, key_id=key.id, graded=False) as ticket:
        data = await _read(request, runtime, ticket, part, announced, key.id, sha256)
        if there.whole:
            await runtime.call(runtime.sent_ahead.refuse_other, key.id, sha256, part.at, data, whole=part.total is None)
            return _answer(there, response)
        total = len(data) if part.total is None else part.total
        return _answer(await runtime.call(runtime.staged.put, key.id, sha256, part.at, data, total), response)


def _answer(staged: Staged, response: Response) -> UploadOut:
    response.status_code = 201 if staged.fresh else 200 if staged.whole else 202
    if not staged.whole:
        response.headers["Upload-Offset"] = str(staged.size)
    return UploadOut(sha256=staged.sha256, size=staged.size, whole=staged.whole, expires_at=staged.expires_at)


def _part_of(request: Request, settings: Settings) -> Part:
    """What the headers say of the body. Raises `UploadError`."""
    given = request.headers.getlist("content-range")
    if not given:
        return Part(0, None, None)
    found = _RANGE.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None:
        raise UploadError("bad-content-range", Message("problem.content_range", {"given": given[0][:80]}))
    total = int(found[3])
    if total > settings.max_photo_bytes:
        raise _too_large(settings)
    if found[1] is None:
        return Part(0, None, total, asks=True)
    first, last = int(found[1]), int(found[2])
    if not first <= last < total:
        raise UploadError("bad-content-range", Message("problem.content_range", {"given": given[0][:80]}))
    return Part(first, last, total)


def _announced(request: Request, part: Part, settings: Settings) -> int:
    """The length of the body, 0 where nobody says it. Raises `UploadError` for one that cannot be taken."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdigit() else 0
    if part.at + announced > settings.max_photo_bytes:
        raise _too_large(settings)
    return announced


async def _read(
    request: Request, runtime: Runtime, ticket: Ticket, part: Part, announced: int, key_id: str, sha256: str
) -> bytearray:
    """The body. Where it breaks off, what has come of it is kept, and `UploadAborted` or `UploadError` raised."""
    data, most = bytearray(), runtime.settings.max_photo_bytes - part.at
    wanted = None if part.last is None else part.last - part.at + 1
    try:
        async for chunk in request.stream():
            if len(data) + len(chunk) > most:
                raise _too_large(runtime.settings)
            ticket.received(len(chunk))
            data += chunk
    except (ClientDisconnect, UploadError) as error:
        cut = isinstance(error, ClientDisconnect) or error.code == "upload-too-slow"
        if cut and data and (wanted is None or len(data) < wanted):
            # Whatever is wrong with it is told to whoever goes on with it.
            with suppress(RegradeError, OSError):
                total = part.total or announced or None
                await runtime.call(runtime.staged.put, key_id, sha256, part.at, data, total)
        if isinstance(error, UploadError):
            raise
        raise UploadAborted("The client went away before the photo was complete; what has come is kept.") from None
    if wanted is not None and len(data) != wanted:
        raise UploadError("bad-content-range", Message("problem.content_length", {"came": len(data), "said": wanted}))
    return data


def _too_large(settings: Settings) -> UploadError:
    limit = f"{settings.max_photo_bytes / MIB:.0f}"
    return UploadError("photo-too-large", Message("problem.upload_too_large", {"limit": limit}))
