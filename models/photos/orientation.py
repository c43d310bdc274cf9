"""Which way up a photo is: the one place that knows, so that boxes lie where a person sees the damage.

A file may say so in many ways, of which browsers follow few. Their rule is this one: that of Chromium (its decoders
and Skia's `SkExif`), with which `tests/models/test_orientation_in_browsers.py` compares it, file by file.

- JPEG: the first APP1 segment with the signature `Exif`, ahead of the first scan; further ones, XMP and IPTC are not
  looked at. PNG: the first whole `eXIf` chunk ahead of the pixels. WebP: nothing, whatever its EXIF says.
- In it: the first entry 0x0112 of type SHORT and count 1 with a value from 1 to 8, in the first directory and in the
  Exif directory that it points to. Any other type, count or value says nothing, and neither does damaged EXIF.
- AVIF and HEIC are turned by `irot` and `imir` of the container, not by EXIF (ISO/IEC 23008-12, 6.5): their decoders
  see to that, see `regrade.models.photos.files.heif`.
"""

import struct
from collections.abc import Iterator
from typing import Final

from PIL import Image

from regrade.models.photos.files import jpeg_segments, png_chunks

_ORIENTATION: Final = 0x0112
_EXIF_DIRECTORY: Final = 0x8769
_SHORT, _LONG = 3, 4
_SIGNATURE: Final = b"Exif\0"

_Entry = tuple[int, int, int, bytes]
"""Tag, type, count, and the four bytes of the value."""

SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""Orientations in which width and height change places."""

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(data: bytes) -> int:
    """The orientation, from 1 (as it is) to 8, of the JPEG, PNG or WebP file `data`, in the numbers of EXIF 2.32.

    Never raises: what cannot be read turns nothing.
    """
    if data[:2] == b"\xff\xd8":
        return exif_orientation(_exif_of_jpeg(data))
    if data[:4] == b"\x89PNG":
        return exif_orientation(_exif_of_png(data))
    return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """`image`, whose file says `orientation`, turned; the same image where there is nothing to turn."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def exif_orientation(exif: bytes) -> int:
    """The orientation that EXIF data says, from its byte order mark on; 1 where it says none."""
    if exif[:4] not in (b"II*\0", b"MM\0*") or len(exif) < 8:
        return 1
    order = "<" if exif[:1] == b"I" else ">"
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    return next(_orientations(exif, order, first), 1)


def _exif_of_jpeg(data: bytes) -> bytes:
    for segment in jpeg_segments.header(data):
        begin = segment.begin + len(_SIGNATURE) + 1
        if segment.marker == jpeg_segments.APP1 and data.startswith(_SIGNATURE, segment.begin) and segment.end > begin:
            return data[begin : segment.end]
    return b""


def _exif_of_png(data: bytes) -> bytes:
    for chunk in png_chunks.chunks(data):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind == b"eXIf" and png_chunks.is_whole(data, chunk):
            return data[chunk.begin : chunk.end]
    return b""


def _orientations(exif: bytes, order: str, first: int) -> Iterator[int]:
    """The valid orientations of the directory at `first`, and of the Exif directory where an entry points to it."""
    followed = False
    for entry in _entries(exif, order, first):
        tag, kind, count, value = entry
        if tag == _EXIF_DIRECTORY and (kind, count) == (_LONG, 1) and not followed:
            followed = True
            below = _entries(exif, order, *struct.unpack(f"{order}I", value))
            yield from filter(None, (_orientation(each, order) for each in below))
        elif number := _orientation(entry, order):
            yield number


def _orientation(entry: _Entry, order: str) -> int:
    """The orientation that an entry says; 0 where it says none."""
    tag, kind, count, value = entry
    if tag != _ORIENTATION or kind != _SHORT or count != 1:
        return 0
    (number,) = struct.unpack_from(f"{order}H", value)
    return int(number) if 1 <= number <= 8 else 0


def _entries(exif: bytes, order: str, at: int) -> Iterator[_Entry]:
    """The entries of the directory at `at` that are there whole."""
    if at + 2 > len(exif):
        return
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    whole = min(count, (len(exif) - at - 2) // 12)
    yield from struct.iter_unpack(f"{order}HHI4s", exif[at + 2 : at + 2 + 12 * whole])
