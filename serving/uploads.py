"""Reads a multipart body as it arrives, and refuses it at the first byte that is too many.

Nothing is decoded here and nothing touches the disk: the result is the bytes of the parts.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from regrade.serving.errors import UploadError
from regrade.serving.i18n import Message
from regrade.serving.settings import MIB, Settings

PARTS = ("photos", "item")
MAX_BOUNDARY = 200
"""RFC 2046 allows 70 characters; anything much longer only slows the search for it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The parts of a request: the item's JSON and the photos' files, as they were sent."""

    item: bytes
    photos: tuple[bytes, ...]


def boundary_of(content_type: str | None) -> str:
    """The boundary that a Content-Type header announces. Raises `UploadError`."""
    kind, options = parse_options_header(content_type or "")
    if kind != "multipart/form-data":
        raise UploadError(
            "not-multipart",
            f"The request is {kind or 'of no stated type'}. Send multipart/form-data with one `item` part and "
            "1 or more `photos` parts.",
        )
    boundary: str = options.get("boundary", "")
    if not boundary or len(boundary) > MAX_BOUNDARY or not boundary.isascii():
        raise UploadError(
            "malformed-multipart",
            "The Content-Type header names no usable boundary. Let the HTTP client set this header by itself.",
        )
    return boundary


async def read_upload(
    chunks: AsyncIterator[bytes],
    content_type: str | None,
    settings: Settings,
    received: Callable[[int], None] = lambda size: None,
) -> Upload:
    """Read a whole body. `received` is told of every chunk's size and may raise to stop the reading.

    Raises `UploadError`; its message names the limit and, where it is one, the photo.
    """
    boundary = boundary_of(content_type)
    parts = _Parts(settings)
    total = 0
    try:
        parser = PushMultipartParser(boundary, max_segment_count=settings.max_photos + 8)
        async for chunk in chunks:
            total += len(chunk)
            if total > settings.max_body_bytes:
                raise body_too_large(settings)
            received(len(chunk))
            if chunk:
                for event in parser.parse(chunk):
                    parts.take(event)
        parser.close()
    except MultipartError as error:
        raise _malformed(error) from error
    return parts.upload()


def take_apart(body: bytes | bytearray, size: int, content_type: str | None, settings: Settings) -> Upload:
    """What `read_upload` makes of a body that is there already: the first `size` bytes of `body`. Raises as it does.

    The parser sees everything but the photos: where one ends, a search of the whole body has told already.
    """
    boundary = boundary_of(content_type)
    delimiter = b"\r\n--" + boundary.encode()
    parts, at = _Parts(settings), 0
    view = memoryview(body)[:size]
    try:
        parser = PushMultipartParser(boundary, max_segment_count=settings.max_photos + 8)
        while (end := body.find(b"\r\n\r\n", at, size)) >= 0:
            events = list(parser.parse(bytes(view[at : end + 4])))
            for event in events:
                parts.take(event)
            at = end + 4
            # No part has begun, or one without an end: the parser will say what is wrong. Or one that tells its length,
            # which the parser compares with what it sees.
            after = body.find(delimiter, at, size) if events and _is_plain(events[-1]) else -1
            if after < 0:
                break
            if after > at:
                parts.take(bytes(view[at:after]))
            at = after
        for event in parser.parse(bytes(view[at:])):
            parts.take(event)
        parser.close()
    except MultipartError as error:
        raise _malformed(error) from error
    finally:
        view.release()
    return parts.upload()


def _is_plain(event: object) -> bool:
    return isinstance(event, MultipartSegment) and event.header("Content-Length") is None


def _malformed(error: MultipartError) -> UploadError:
    advice = "Shorten the headers of the parts" if isinstance(error, ParserLimitReached) else "Check the client"
    return UploadError(
        "malformed-multipart",
        f"The body is not well-formed multipart: {error.args[0]}. {advice} and send it again.",
    )


def body_too_large(settings: Settings) -> UploadError:
    """The refusal of a body beyond `settings.max_body_bytes`."""
    return UploadError(
        "body-too-large",
        Message("problem.body_too_large", {"limit": f"{settings.max_body_bytes / MIB:.0f}"}),
    )


class _Parts:
    """Collects the parts of one body, each within its own limit."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._item: bytes | None = None
        self._photos: list[bytes] = []
        self._name = ""
        self._chunks: list[bytes] = []
        self._size = 0

    def take(self, event: object) -> None:
        """Take one event of the parser: a segment begins, a chunk of it, or None where it ends."""
        if event is None:
            self._end()
        elif isinstance(event, bytes | bytearray):
            self._grow(bytes(event))
        else:
            self._begin(getattr(event, "name", None) or "")

    def upload(self) -> Upload:
        """All that was collected. Raises `UploadError` where a part is missing."""
        if self._item is None:
            raise UploadError("missing-item", 'The `item` part is missing. Send it as JSON text, at least {"rma": …}.')
        if not self._photos:
            raise UploadError("no-photos", Message("problem.no_photos"))
        return Upload(self._item, tuple(self._photos))

    def _begin(self, name: str) -> None:
        self._name, self._chunks, self._size = name, [], 0
        if name not in PARTS:
            shown = f"called {name[:40]!r}" if name else "without a name"
            raise UploadError("unknown-part", f"There is a part {shown}. Legal names: {', '.join(PARTS)}.")
        if name == "item" and self._item is not None:
            raise UploadError("duplicate-item", "There are two `item` parts. Send one.")
        if name == "photos" and len(self._photos) == self._settings.max_photos:
            raise UploadError(
                "too-many-photos",
                Message("problem.too_many_photos", {"limit": self._settings.max_photos}),
            )

    def _grow(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._name == "item" and self._size > self._settings.max_item_bytes:
            raise UploadError(
                "item-too-large",
                f"The `item` part is larger than {self._settings.max_item_bytes / 1024:.0f} KB. Shorten `answers`.",
            )
        if self._name == "photos" and self._size > self._settings.max_photo_bytes:
            index, limit = len(self._photos), f"{self._settings.max_photo_bytes / MIB:.0f}"
            raise UploadError(
                "photo-too-large",
                Message("problem.photo_too_large", {"photo": index, "limit": limit}),
                photo=index,
            )
        self._chunks.append(chunk)

    def _end(self) -> None:
        data = b"".join(self._chunks)
        self._chunks = []
        if self._name == "item":
            self._item = data
        else:
            self._photos.append(data)
