"""multipart/form-data (RFC 7578), taken apart in one way, whether it comes in pieces or lies whole in a buffer.

Of the head of a part counts its name, how long it says to be, and that its content was sent as it is. File names are
not looked at and may be anything: bytes of GBK or Latin-1, quotes, paths. All other fields are ignored (RFC 7578
section 4.8).
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol

MAX_HEAD_BYTES: Final = 16 * 1024
"""Bytes of the fields of one part: a file name of 255 characters takes 3 KB at most, however it is written."""
MAX_HEAD_LINES: Final = 32

_LOOKED_AT: Final = ("content-disposition", "content-length", "content-transfer-encoding")
_PLAIN: Final = ("", "7bit", "8bit", "binary")
"""Ways of sending that leave the bytes as they are (RFC 2045 section 6.2)."""
_PARAMETER: Final = re.compile(r';[ \t]*([^\s";=]+)[ \t]*=[ \t]*("(?:\\.|[^"\\])*"|[^";]*)', re.DOTALL)
_NAME: Final = re.compile(r';[ \t]*name[ \t]*=[ \t]*("[^"]*"|[^";]*)', re.IGNORECASE)

Data = bytes | bytearray


class FormError(ValueError):
    """A body that is not well-formed; the message says where it breaks off from the rules."""


class EncodedPartError(FormError):
    """A part that was sent in base64 or the like."""


class Parts(Protocol):
    """Is told what is in a body, in order. What it raises ends the reading."""

    def begin(self, name: str) -> None: ...

    def grow(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...


class FormReader:
    """Reads one body and tells `parts` what is in it."""

    def __init__(self, boundary: str, parts: Parts) -> None:
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._parts = parts
        self._step: Callable[[Data, int, int], tuple[int, bool]] = self._beginning
        self._announced: int | None = None
        self._size = 0

    def feed(self, data: Data, size: int) -> int:
        """Read the first `size` bytes of `data`; the return value is how many of them are done with.

        The rest must come again, in front of what follows it. Raises `FormError`.
        """
        at, further = 0, True
        while further:
            at, further = self._step(data, at, size)
        return at

    def close(self) -> None:
        """The body has ended. Raises `FormError` where it should go on."""
        if self._step != self._epilogue:
            raise FormError("it breaks off before its last boundary")

    # Each step is given where it begins, and returns where it ended and whether the next can go on from there.

    def _beginning(self, data: Data, at: int, size: int) -> tuple[int, bool]:
        first = self._delimiter[2:]
        if size < len(first):
            return at, False
        if data.startswith(first):
            self._step = self._after_delimiter
            return len(first), True
        self._step = self._preamble
        return at, True

    def _preamble(self, data: Data, at: int, size: int) -> tuple[int, bool]:
        found = data.find(self._delimiter, at, size)
        if found < 0:
            return self._safe_end(at, size), False
        self._step = self._after_delimiter
        return found + len(self._delimiter), True

    def _after_delimiter(self, data: Data, at: int, size: int) -> tuple[int, bool]:
        if size - at < 2:
            return at, False
        self._step = self._epilogue if data.startswith(b"--", at) else self._head
        return at, True

    def _head(self, data: Data, at: int, size: int) -> tuple[int, bool]:
        end = data.find(b"\r\n\r\n", at, min(size, at + MAX_HEAD_BYTES))
        if end < 0 and size - at >= MAX_HEAD_BYTES:
            raise FormError(f"the head of a part is longer than {MAX_HEAD_BYTES // 1024} KB")
        if end < 0:
            return at, False
        fields = _fields(bytes(data[at:end]).decode("latin-1"))
        _refuse_encoded(fields.get("content-transfer-encoding", ""))
        length = fields.get("content-length", "")
        self._announced, self._size = int(length) if length.isdecimal() and len(length) < 20 else None, 0
        self._parts.begin(_name(fields.get("content-disposition", "")))
        self._step = self._content
        return end + 4, True

    def _content(self, data: Data, at: int, size: int) -> tuple[int, bool]:
        found = data.find(self._delimiter, at, size)
        end = found if found >= 0 else self._safe_end(at, size)
        if end > at:
            self._size += end - at
            with memoryview(data) as view:
                self._parts.grow(bytes(view[at:end]))
        if found < 0:
            return end, False
        if self._announced not in (None, self._size):
            raise FormError("a part is not as long as its Content-Length says")
        self._parts.end()
        self._step = self._after_delimiter
        return found + len(self._delimiter), True

    def _epilogue(self, data: Data, at: int, size: int) -> tuple[int, bool]:
        return size, False

    def _safe_end(self, at: int, size: int) -> int:
        """Up to where no delimiter can begin whose end is still to come."""
        return max(at, size - len(self._delimiter) + 1)


def parameters(value: str) -> Iterator[tuple[str, str]]:
    """The parameters of a header field such as `form-data; name="a"`: names in lower case, values without quotes."""
    for name, written in _PARAMETER.findall(value):
        yield name.lower(), _unquoted(written)


def _unquoted(written: str) -> str:
    if written[:1] != '"':
        return written.strip()
    return re.sub(r"\\(.)", r"\1", written[1:-1], flags=re.DOTALL)


def _fields(head: str) -> dict[str, str]:
    """The fields that count, by their names in lower case."""
    rest, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    if rest.strip(" \t"):
        raise FormError("a boundary is followed by something on its line")
    if len(lines) > MAX_HEAD_LINES:
        raise FormError(f"a part has more than {MAX_HEAD_LINES} header fields")
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise FormError("a header field of a part has no name")
        key, value = name.strip().lower(), value.strip()
        if key in _LOOKED_AT and found.setdefault(key, value) != value:
            raise FormError(f"a part has two different {key} fields")
    return found


def _refuse_encoded(encoding: str) -> None:
    if encoding.lower() not in _PLAIN:
        raise EncodedPartError(f"a part is encoded as {encoding[:40]!r}")


def _name(disposition: str) -> str:
    """The name of the field that a part is of; empty where it has none."""
    if disposition.partition(";")[0].strip().lower() != "form-data":
        raise FormError("a part has no Content-Disposition of form-data")
    for name, value in parameters(disposition):
        if name == "name":
            return value
    # The second byte of a GBK character may be a backslash; before a quote it hides where a file name ends.
    found = _NAME.search(disposition)
    return "" if found is None else _unquoted(found[1])
