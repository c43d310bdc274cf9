"""PNG (third edition): what its chunks come to, a file of nothing but pixels, and whether they are all there."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.files import icc
from regrade.models.photos.files.png_chunks import SIGNATURE, encoded
from regrade.models.photos.files.refusals import animated, too_complex, truncated, unreadable
from regrade.models.photos.files.structure import Structure

MAX_CHUNKS: Final = 50_000
"""libpng writes pixels in chunks of 8 KB, thrifty programs in some of 1 KB: 20,000 in the largest file."""
MAX_ANCILLARY: Final = 1_000
"""Chunks that hold no pixels; libvips, too, refuses files with very many."""
_WORK_OF_A_MEGABYTE: Final = 6.0
_WORK_OF_A_MEGAPIXEL: Final = 1.3
_WORK_OF_TRANSPARENCY: Final = 5.0
_WORK_OF_DEEP_GREY: Final = 10.0
"""Megapixels of a baseline JPEG that cost as much as a megabyte of filtered rows at the worst; a megapixel of any kind;
one that is laid on white; one of 16 bits of grey, scaled as floating-point numbers (benchmarks/intake_bounds.py)."""
_INTERLACING: Final = 1.1
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BITS: Final = (1, 2, 4, 8, 16)
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of each pass, and its steps across and down (8.1)."""
_ZEROS: Final = bytes(64)
_STEP: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that is there whole. `payload` is what stands between its kind and its checksum `crc`."""

    kind: bytes
    payload: memoryview
    crc: int


@dataclass(frozen=True, slots=True)
class Header:
    """The IHDR chunk: width and height in pixels, bits of a sample, colour type, and whether it is interlaced."""

    width: int
    height: int
    bits: int
    colour: int
    interlaced: bool

    def work(self, transparent: bool) -> float:
        """What decoding costs, in megapixels of a baseline JPEG. `transparent`: one of its colours is."""
        a_megapixel = _WORK_OF_A_MEGAPIXEL + transparent * _WORK_OF_TRANSPARENCY
        if self.colour == 0 and self.bits == 16:
            a_megapixel += _WORK_OF_DEEP_GREY
        work = self.raw_bytes / 1e6 * _WORK_OF_A_MEGABYTE + self.width * self.height / 1e6 * a_megapixel
        return work * _INTERLACING if self.interlaced else work

    @property
    def raw_bytes(self) -> int:
        """What its pixels are inflated to: rows, each with a byte that names its filter, of all passes."""
        return sum(height * (1 + self._row(width)) for width, height in self._passes() if width and height)

    def _row(self, width: int) -> int:
        return -(-width * _CHANNELS[self.colour] * self.bits // 8)

    def _passes(self) -> Iterator[tuple[int, int]]:
        if not self.interlaced:
            yield self.width, self.height
            return
        for column, row, across, down in _ADAM7:
            yield -(-(self.width - column) // across), -(-(self.height - row) // down)


def chunks(data: bytes) -> Iterator[Chunk]:
    """All chunks up to the one that ends the file; that one is not given.

    Raises `PhotoError`: `truncated` where the file ends first, or goes on with zeros, `unreadable` where it goes on
    with something else, `too_complex` where there are too many.
    """
    view, at = memoryview(data), len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise truncated()
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise truncated()
        if kind == b"IEND":
            return
        if not kind.isalpha():
            raise unreadable() if any(kind) else truncated()
        yield Chunk(kind, view[at + 8 : end], int.from_bytes(view[end : end + 4], "big"))
        at = end + 4
    raise too_complex(f"more than {MAX_CHUNKS:,} chunks")


def read(data: bytes) -> Structure:
    """The structure of a PNG file.

    Its fault may be `too_complex`, `truncated`, `animated` or `unreadable`; raises it where there is not even a size.
    """
    if not b"IHDR".startswith(data[12:16]):
        raise unreadable()
    reading = _Reading()
    try:
        for chunk in chunks(data):
            reading.take(chunk)
        fault = None if reading.pixels else truncated()
    except PhotoError as error:
        fault = error
    return reading.structure(fault)


class _Reading:
    """What has been found so far."""

    def __init__(self) -> None:
        self._header: Header | None = None
        self._ancillary = 0
        self._profile = b""
        self._transparent = False
        self.pixels = False
        """Whether there are any."""

    def take(self, chunk: Chunk) -> None:
        """Note what a chunk says."""
        if self._header is None:
            self._header = _header(chunk)
        elif chunk.kind == b"IDAT":
            self.pixels = True
        elif self._ancillary == MAX_ANCILLARY:
            raise too_complex(f"more than {MAX_ANCILLARY:,} chunks beside its pixels")
        else:
            self._ancillary += 1
            self._take_ancillary(chunk)

    def structure(self, fault: PhotoError | None) -> Structure:
        """All that was found. Raises `fault` where that is not even a size."""
        header = self._header
        if header is None:
            raise fault or unreadable()
        return Structure(
            header.width,
            header.height,
            header.work(self._transparent),
            icc.is_cheap(self._profile),
            icc=self._profile,
            fault=fault,
        )

    def _take_ancillary(self, chunk: Chunk) -> None:
        if chunk.kind == b"IHDR":
            raise unreadable()
        if chunk.kind == b"acTL" and int.from_bytes(chunk.payload[:4], "big") > 1:
            raise animated()
        self._transparent |= chunk.kind == b"tRNS"
        if chunk.kind == b"iCCP" and not self.pixels:
            self._profile = _inflated_profile(chunk.payload)


def pixels_alone(data: bytes) -> bytes:
    """The file without chunks that mean nothing for its pixels, and with these in one chunk.

    Pillow reads chunks one by one, and inflates text that nobody reads. It does not look at the checksums of pixels, so
    they are checked here. Raises `PhotoError` (`truncated`, `unreadable`).
    """
    kept, pixels = [SIGNATURE], []
    for chunk in chunks(data):
        if chunk.kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT"):
            _check(chunk)
            if chunk.kind == b"IDAT":
                pixels.append(chunk.payload)
            else:
                kept.append(encoded(chunk.kind, bytes(chunk.payload)))
    return b"".join([*kept, encoded(b"IDAT", b"".join(pixels)), encoded(b"IEND", b"")])


def refuse_missing_rows(image: Image.Image, file: bytes) -> None:
    """Raise `PhotoError` `truncated` where the `file` (of pixels alone) of a decoded `image` has fewer rows than that.

    Pillow leaves rows that are missing at the end black, so that only an image that ends so is counted.
    """
    header = _header(next(chunks(file)))
    last = image.crop((0, image.height - 1, image.width, image.height)).tobytes()
    if not header.interlaced and any(last):
        return
    if _inflated_size(file, header.raw_bytes) < header.raw_bytes:
        raise truncated()


def _inflated_size(file: bytes, most: int) -> int:
    """What the pixels of a `file` of pixels alone come to, in bytes; counting ends at `most`."""
    inflate, size = zlib.decompressobj(), 0
    rest: bytes | memoryview = next(chunk.payload for chunk in chunks(file) if chunk.kind == b"IDAT")
    try:
        while size < most and not inflate.eof and len(rest):
            size += len(inflate.decompress(rest, _STEP))
            rest = inflate.unconsumed_tail
    except zlib.error:
        raise unreadable() from None
    return size


def _header(chunk: Chunk) -> Header:
    if chunk.kind != b"IHDR" or len(chunk.payload) != 13:
        raise unreadable()
    width, height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunk.payload)
    if bits not in _BITS or colour not in _CHANNELS or interlace > 1:
        raise unreadable()
    return Header(width, height, bits, colour, interlace == 1)


def _check(chunk: Chunk) -> None:
    if zlib.crc32(chunk.payload, zlib.crc32(chunk.kind)) != chunk.crc:
        raise truncated() if bytes(chunk.payload[-len(_ZEROS) :]) == _ZEROS else unreadable()


def _inflated_profile(payload: memoryview) -> bytes:
    """The ICC profile of an iCCP chunk; none where it is damaged or too large."""
    name, _, rest = bytes(payload).partition(b"\0")
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(rest[1:], icc.MAX_BYTES + 1)
    except zlib.error:
        return b""
    return profile if len(profile) <= icc.MAX_BYTES and len(name) < 80 else b""
