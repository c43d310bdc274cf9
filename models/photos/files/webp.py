"""WebP (RFC 9649): what the chunks of its container come to."""

import struct
from collections.abc import Iterator
from typing import Final

from regrade.models.errors import PhotoError
from regrade.models.photos.files import icc
from regrade.models.photos.files.refusals import animated, too_complex, truncated, unreadable
from regrade.models.photos.files.structure import Structure

MAX_CHUNKS: Final = 1_000
WORK_OF_A_MEGAPIXEL: Final = 30.0
"""In megapixels of a baseline JPEG: libwebp has no cheap pixels, and its coding is arithmetic."""
_BITMAPS: Final = (b"VP8 ", b"VP8L", b"ANMF")
_DECODED: Final = (b"VP8X", b"ALPH", *_BITMAPS)
_UNWRITTEN: Final = bytes(32)
"""A photo's pixels end in up to 15 zeros; those of a plain background in very many."""
_SPARE: Final = {b"VP8 ": 16, b"VP8L": 4}
"""Bytes at their end without which whole pixels cannot be decoded: an arithmetic code ends less exactly."""


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and payload of each chunk. Raises `PhotoError` `truncated` where the file ends within one, `too_complex`
    where there are too many."""
    view, at = memoryview(data), 12
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise truncated()
    for _ in range(MAX_CHUNKS):
        if at + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise truncated()
        yield kind, view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise too_complex(f"more than {MAX_CHUNKS:,} chunks")


def read(data: bytes) -> Structure:
    """The structure of a WebP file.

    Its fault may be `too_complex`, `truncated`, `animated` or `unreadable`; raises it where there is not even a size.
    """
    found: list[tuple[bytes, memoryview]] = []
    try:
        found.extend(chunks(data))
        fault = _fault([payload for kind, payload in found if kind in _BITMAPS])
    except PhotoError as error:
        fault = error
    width, height = _size(data)
    first = dict(reversed(found))
    profile = bytes(first.get(b"ICCP", b""))
    profile = profile if len(profile) <= icc.MAX_BYTES else b""
    work = width * height / 1e6 * WORK_OF_A_MEGAPIXEL
    return Structure(width, height, work, icc.is_cheap(profile), icc=profile, fault=fault)


def shortened(data: bytes) -> bytes | None:
    """The file without some of the zeros that its pixels end in; None where these are few.

    Zeros may be a plain background, or the part of a file that was never written. A decoder can do without the latter.
    """
    found = [(kind, payload) for kind, payload in chunks(data) if kind in _DECODED]
    kind, payload = found[-1]
    if kind not in _SPARE or payload[-len(_UNWRITTEN) :] != _UNWRITTEN:
        return None
    body = b"".join(_encoded(kind, payload) for kind, payload in [*found[:-1], (kind, payload[: -_SPARE[kind]])])
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _encoded(kind: bytes, payload: memoryview) -> bytes:
    return kind + struct.pack("<I", len(payload)) + bytes(payload) + bytes(len(payload) % 2)


def _fault(bitmaps: list[memoryview]) -> PhotoError | None:
    if not bitmaps:
        return truncated()
    return animated() if len(bitmaps) > 1 else None


def _size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels: of the canvas where there is one, else of the bitmap."""
    kind, head = data[12:16], data[20:30]
    if kind == b"VP8X" and len(head) == 10:
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a" and len(head) == 10:
        width, height = struct.unpack("<HH", head[6:])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and head[:1] == b"\x2f" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise truncated() if len(data) < 30 else unreadable()
