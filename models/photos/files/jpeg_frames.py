"""What the headers of a JPEG file say (ITU-T T.81, annex B): its frame and its scans."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from regrade.models.photos.files.jpeg_segments import DHT, DRI, EOI, SOS, Segment, end_of_scan, segment_at
from regrade.models.photos.files.refusals import too_complex, truncated, unreadable

FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_START: Final = 0xD8
_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")

MAX_SEGMENTS: Final = 4_000
"""A photo of 20 MB whose depth map and gain map lie in segments of 64 KB has 320."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame header (B.2.2): the process, the size in pixels, by component its blocks of 8×8 samples, and the units
    of which an interleaved scan has so many."""

    marker: int
    width: int
    height: int
    blocks: dict[int, int]
    units: int

    @property
    def progressive(self) -> bool:
        """Whether scans bring bits of coefficients, and not whole components."""
        return self.marker == _PROGRESSIVE

    @property
    def huffman(self) -> bool:
        """Whether it is of the kinds that cameras write: Huffman-coded, sequential or progressive."""
        return self.marker in (*_SEQUENTIAL, _PROGRESSIVE)


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan header (B.2.3). `tables` has DC and AC table of each component; `first` to `last` is the band of
    coefficients, `high` and `low` the bit positions of successive approximation."""

    components: tuple[int, ...]
    tables: tuple[tuple[int, int], ...]
    first: int
    last: int
    high: int
    low: int


def segments(data: bytes) -> Iterator[Segment]:
    """All segments up to the end of the image, those behind scans included; the end itself is not given.

    Raises `PhotoError`: `truncated` where the file ends first, `unreadable` where it goes on with something else,
    `too_complex` where there are too many.
    """
    at, last = 2, 0
    for _ in range(MAX_SEGMENTS):
        segment = segment_at(data, at)
        if segment is None:
            raise truncated() if last == SOS or at >= len(data) else unreadable()
        if segment.marker == EOI:
            return
        if segment.marker == _START:
            raise unreadable()
        if segment.end > len(data):
            raise truncated()
        yield segment
        at, last = segment.end, segment.marker
    raise too_complex(f"more than {MAX_SEGMENTS:,} segments")


def frame_of(payload: bytes, marker: int) -> Frame:
    """A frame header. Raises `PhotoError` `unreadable` where it is none."""
    try:
        _, height, width, count = struct.unpack_from(">BHHB", payload)
        rows = [struct.unpack_from("BB", payload, 6 + 3 * n) for n in range(count)]
    except struct.error:
        raise unreadable() from None
    factors = [(factor >> 4, factor & 15) for _, factor in rows]
    if not factors or not all(1 <= h <= 4 and 1 <= v <= 4 for h, v in factors):
        raise unreadable()
    across, down = 8 * max(h for h, _ in factors), 8 * max(v for _, v in factors)
    blocks = {n: -(-width * h // across) * -(-height * v // down) for (n, _), (h, v) in zip(rows, factors, strict=True)}
    if len(blocks) != count:
        raise unreadable()
    return Frame(marker, width, height, blocks, -(-width // across) * -(-height // down))


def scan_of(payload: bytes, frame: Frame) -> Scan:
    """A scan header. Raises `PhotoError` `unreadable` where it is none, or not one of `frame`."""
    count = payload[0] if payload else 0
    if not 1 <= count <= 4 or len(payload) != 2 * count + 4:
        raise unreadable()
    numbers = tuple(payload[1 : 2 * count : 2])
    if len({*numbers}) != count or not {*numbers} <= frame.blocks.keys():
        raise unreadable()
    tables = tuple((number >> 4, number & 15) for number in payload[2 : 2 * count + 1 : 2])
    first, last, approximation = payload[-3:]
    return Scan(numbers, tables, first, last, approximation >> 4, approximation & 15)


def lacks_restarts(data: bytes) -> bool:
    """Whether a file of one scan has fewer restart intervals than its restart interval (B.2.4.4) makes of its units."""
    interval, units = 0, 0
    for segment in segments(data):
        payload = data[segment.begin : segment.end]
        if segment.marker == DRI:
            interval = int.from_bytes(payload, "big")
        elif segment.marker in FRAMES:
            frame = frame_of(payload, segment.marker)
            units = frame.units if len(frame.blocks) > 1 else sum(frame.blocks.values())
        elif segment.marker == SOS:
            found = _RESTART.findall(data, segment.end, end_of_scan(data, segment.end) or len(data))
            return interval > 0 and len(found) < -(-units // interval) - 1
    return True
