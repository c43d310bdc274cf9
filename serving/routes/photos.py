"""How a stored photo is answered, whoever asks: the file as it was sent, or a smaller upright JPEG of it."""

from collections.abc import Sequence

from fastapi import Request, Response

from regrade.serving.errors import NotFoundError
from regrade.serving.i18n import Message
from regrade.serving.records import StoredPhoto
from regrade.serving.runtime import Runtime


async def photo_answer(
    request: Request, runtime: Runtime, photos: Sequence[StoredPhoto], index: int, width: int | None
) -> Response:
    """Photo `index` of an inspection's `photos`, `width` pixels wide (never wider than it is; None: as it was sent).

    Answers 304 where the client has it already. Raises `NotFoundError` and `PhotoDamagedError`.
    """
    if not 0 <= index < len(photos):
        raise NotFoundError(Message("problem.no_photo", {"photo": index, "last": len(photos) - 1}))
    stored = photos[index]
    etag = f'"{stored.sha256}"' if width is None else f'"{stored.sha256}-{width}"'
    # A photo never changes under its address; "private", because not everybody may see it.
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    if width is None:
        data = await runtime.call(runtime.photos.read, stored.sha256)
        return Response(data, headers=headers, media_type=stored.media_type)
    data = await runtime.draw(runtime.thumbnails.get, stored, width)
    return Response(data, headers=headers, media_type="image/jpeg")
