"""Reads a multipart body as it arrives, and refuses it at the first byte that is too many.

Nothing is decoded here and nothing touches the disk: the result is the bytes of the parts.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

from regrade.serving.base.errors import UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.base.settings import MIB, Settings
from regrade.serving.grading.upload import Upload
from regrade.serving.http.formdata import EncodedPartError, FormError, FormReader, parameters

Form = Literal["item", "replace"]
"""What stands beside `photos`: an `item` that they show, or which photos of a stored one they `replace`, if any."""
MAX_REPLACE_BYTES: Final = 256
_ASKED: Final[dict[Form, str]] = {
    "item": "one `item` part and 1 or more `photos` parts",
    "replace": "1 or more `photos` parts and, if they replace others, `replace`",
}
MAX_BOUNDARY = 200
"""RFC 2046 allows 70 characters; anything much longer only slows the search for it."""


def boundary_of(content_type: str | None, form: Form = "item") -> str:
    """The boundary that a Content-Type header announces. Raises `UploadError`."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        also = ", or application/json that names photos sent ahead" if form == "item" else ""
        raise UploadError(
            "not-multipart",
            f"The request is {kind[:80] or 'of no stated type'}. Send multipart/form-data with {_ASKED[form]}{also}.",
        )
    boundary = next((value for name, value in parameters(content_type or "") if name == "boundary"), "")
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
    form: Form = "item",
) -> Upload:
    """Read a whole body. `received` is told of every chunk's size and may raise to stop the reading.

    Raises `UploadError`; its message names the limit and, where it is one, the photo.
    """
    parts = _Parts(settings, form)
    reader = FormReader(boundary_of(content_type, form), parts)
    total, held = 0, bytearray()
    with _in_words():
        async for chunk in chunks:
            total += len(chunk)
            if total > settings.max_body_bytes:
                raise body_too_large(settings)
            received(len(chunk))
            held += chunk
            del held[: reader.feed(held, len(held))]
        reader.close()
    return parts.upload()


def take_apart(
    body: bytes | bytearray, size: int, content_type: str | None, settings: Settings, form: Form = "item"
) -> Upload:
    """What `read_upload` makes of a body that is there already: the first `size` bytes of `body`. Raises as it does."""
    parts = _Parts(settings, form)
    reader = FormReader(boundary_of(content_type, form), parts)
    with _in_words():
        reader.feed(body, size)
        reader.close()
    return parts.upload()


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except EncodedPartError as error:
        raise UploadError(
            "encoded-part", f"In the body {error}. Send the bytes of photos and item as they are, without that header."
        ) from error
    except FormError as error:
        raise UploadError(
            "malformed-multipart",
            f"The body is not well-formed multipart: {error}. Check the client and send it again.",
        ) from error


def body_too_large(settings: Settings) -> UploadError:
    """The refusal of a body beyond `settings.max_body_bytes`."""
    return UploadError(
        "body-too-large",
        Message("problem.body_too_large", {"limit": f"{settings.max_body_bytes / MIB:.0f}"}),
    )


class _Parts:
    """Collects the parts of one body, each within its own limit."""

    def __init__(self, settings: Settings, form: Form) -> None:
        self._settings = settings
        self._form = form
        self._item: bytes | None = None
        self._replace: list[bytes] = []
        self._photos: list[bytes] = []
        self._name = ""
        self._chunks: list[bytes] = []
        self._size = 0

    def upload(self) -> Upload:
        """All that was collected. Raises `UploadError` where a part is missing."""
        if self._form == "item" and self._item is None:
            raise UploadError("missing-item", 'The `item` part is missing. Send it as JSON text, at least {"rma": …}.')
        if not self._photos:
            raise UploadError("no-photos", Message("problem.no_photos"))
        return Upload(self._item or b"", tuple(self._photos), replace=tuple(self._replace))

    def begin(self, name: str) -> None:
        self._name, self._chunks, self._size = name, [], 0
        legal = ("photos", self._form)
        if name not in legal:
            shown = f"called {_readable(name)!r}" if name else "without a name"
            raise UploadError("unknown-part", f"There is a part {shown}. Legal names: {', '.join(legal)}.")
        if name == "item" and self._item is not None:
            raise UploadError("duplicate-item", "There are two `item` parts. Send one.")
        if name == "photos" and len(self._photos) == self._settings.max_photos:
            raise UploadError(
                "too-many-photos",
                Message("problem.too_many_photos", {"limit": self._settings.max_photos}),
            )

    def grow(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._name == "item" and self._size > self._settings.max_item_bytes:
            raise UploadError(
                "item-too-large",
                f"The `item` part is larger than {self._settings.max_item_bytes / 1024:.0f} KB. Shorten `answers`.",
            )
        if self._name == "replace" and self._size + sum(map(len, self._replace)) > MAX_REPLACE_BYTES:
            raise UploadError(
                "item-too-large", f"`replace` is longer than {MAX_REPLACE_BYTES} bytes. Send indexes alone."
            )
        if self._name == "photos" and self._size > self._settings.max_photo_bytes:
            index, limit = len(self._photos), f"{self._settings.max_photo_bytes / MIB:.0f}"
            raise UploadError(
                "photo-too-large",
                Message("problem.photo_too_large", {"photo": index, "limit": limit}),
                photo=index,
            )
        self._chunks.append(chunk)

    def end(self) -> None:
        data = b"".join(self._chunks)
        self._chunks = []
        if self._name == "item":
            self._item = data
        elif self._name == "replace":
            self._replace.append(data)
        else:
            self._photos.append(data)


def _readable(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "replace")[:40]
