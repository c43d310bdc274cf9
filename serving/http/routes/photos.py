"""How a stored photo is answered, whoever asks: upright and without metadata; to an admin also as it was sent."""

from typing import Final

from fastapi import Request, Response

from regrade.models.photos.intake import SUFFIXES
from regrade.serving.access.keys import ApiKey
from regrade.serving.access.photo_views import What
from regrade.serving.base.errors import NotFoundError, PhotoDamagedError
from regrade.serving.base.i18n import Message, text
from regrade.serving.base.problems import Problem, ProblemError
from regrade.serving.runtime import Runtime
from regrade.serving.storage.records import Inspection, StoredPhoto

_MADE: Final = "u1"
"""Which way of making pictures of photos this is: a new way is another picture, whatever a client has of the old."""
LINKED: Final = 1600
"""The long side of a photo that is opened by a link."""
_HEADERS: Final = {
    # Asked for anew once the minute is over within which a look counts as one, and by everybody who logs in.
    "Cache-Control": "private, max-age=60",
    "Vary": "Authorization, Cookie",
}


async def photo_answer(
    request: Request, runtime: Runtime, inspection: Inspection, index: int, width: int | None, viewer: ApiKey
) -> Response:
    """Photo `index` of an inspection, `width` pixels wide (never wider than it is; None: in its whole size).

    Answers 304 where the client has it already. That `viewer` looked at it is noted, and written soon. Raises
    `NotFoundError`, `ErasedError` and `PhotoDamagedError`.
    """
    stored = _stored(inspection, index)
    etag = f'"{stored.sha256[:32]}-{_MADE}-{width or "full"}"'
    headers = {**_HEADERS, "ETag": etag}
    what: What = "full" if width is None else "thumbnail"
    runtime.photo_views.note(viewer, inspection.id, index, what)
    if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    try:
        if width is not None:
            data = await runtime.draw(runtime.thumbnails.get, stored, width)
            return Response(data, headers=headers, media_type="image/jpeg")
        picture = await runtime.draw(runtime.thumbnails.full, stored)
    except PhotoDamagedError:
        await _refuse_erased_since(runtime, inspection)
        raise
    return Response(picture.data, headers=headers, media_type=picture.media_type)


async def original_answer(runtime: Runtime, inspection: Inspection, index: int, viewer: ApiKey, lang: str) -> Response:
    """The very file that was sent, with all that it says, for an admin. That it was read is written before it is sent.

    Raises `ProblemError` for everybody else, and as `photo_answer` does.
    """
    if not viewer.may("admin"):
        raise ProblemError(
            Problem("forbidden", text("problem.original", lang), {"role": viewer.role, "needed": ["admin"]})
        )
    stored = _stored(inspection, index)
    if runtime.settings.photos_link_seconds and (answer := await _led_away(runtime, inspection, stored, viewer)):
        return answer
    try:
        data = await runtime.call(runtime.photos.read, stored.sha256)
    except PhotoDamagedError:
        await _refuse_erased_since(runtime, inspection)
        raise
    await runtime.call(runtime.photo_views.record, viewer, inspection.id, index, "original")
    name = f"{stored.sha256}{SUFFIXES[stored.media_type]}"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, headers=headers, media_type=stored.media_type)


async def _led_away(runtime: Runtime, inspection: Inspection, stored: StoredPhoto, viewer: ApiKey) -> Response | None:
    """Leads to the bucket by a link that ends soon, once it is written that it was given; None where photos are files.
    A photo that is not there is answered as if there were no links."""
    if not await runtime.call(runtime.photos.holds, stored.sha256):
        return None
    url = await runtime.call(runtime.photos.link, stored.sha256, runtime.settings.photos_link_seconds)
    if url is None:
        return None
    await runtime.call(runtime.photo_views.record, viewer, inspection.id, stored.index, "original")
    return Response(status_code=307, headers={"Location": url, "Cache-Control": "no-store"})


async def linked_answer(runtime: Runtime, inspection: Inspection, index: int) -> Response:
    """The photo for whoever holds a link to it: a JPEG of `LINKED` pixels, kept by nobody on the way.

    Raises as `photo_answer` does.
    """
    stored = _stored(inspection, index)
    runtime.photo_views.note_link(inspection.id, index)
    width = max(1, round(stored.width * min(1.0, LINKED / max(stored.width, stored.height))))
    try:
        data = await runtime.draw(runtime.thumbnails.get, stored, width)
    except PhotoDamagedError:
        await _refuse_erased_since(runtime, inspection)
        raise
    # The pages of the systems that are sent such links show them.
    own = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(data, headers=own, media_type="image/jpeg")


async def _refuse_erased_since(runtime: Runtime, inspection: Inspection) -> None:
    """Raises `ErasedError` where `inspection` was erased after it had been read."""
    (await runtime.call(runtime.inspections.get, inspection.id)).refuse_erased()


def _stored(inspection: Inspection, index: int) -> StoredPhoto:
    inspection.refuse_erased()
    if not 0 <= index < len(inspection.photos):
        last = len(inspection.photos) - 1
        raise NotFoundError(Message("problem.no_photo", {"photo": index, "last": last}))
    return inspection.photos[index]
