"""The segments of a JPEG file (ITU-T T.81, annex B), found as libjpeg finds them, in time linear in its length."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SOS, EOI, DHT, DQT, DRI = 0xDA, 0xD9, 0xC4, 0xDB, 0xDD
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE

_MARKER: Final = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])")
"""Any marker but those that stand alone: a 0xFF of entropy-coded data is followed by 0x00, restarts are part of it.

It begins with the last 0xFF of a row of them; a search that began with the first would take quadratic time."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a file: its payload is `data[begin:end]`, behind the marker and the two bytes of length."""

    marker: int
    begin: int
    end: int


def header(data: bytes) -> Iterator[Segment]:
    """The segments from the start of the image to that of its first scan, which is the last one given.

    Bytes between segments are skipped, as libjpeg does. Ends early where the file does.
    """
    at = 2
    while (segment := segment_at(data, at)) is not None and segment.marker != EOI:
        yield segment
        if segment.marker == SOS:
            return
        at = segment.end


def segment_at(data: bytes, at: int) -> Segment | None:
    """The first segment from `at` on, also that which ends the image; None where there is none.

    The end of a segment may lie behind that of the file.
    """
    found = _MARKER.search(data, at)
    if found is None:
        return None
    marker, begin = data[found.end() - 1], found.end()
    if marker == EOI:
        return Segment(EOI, begin, begin)
    length = int.from_bytes(data[begin : begin + 2], "big")
    return None if length < 2 else Segment(marker, begin + 2, begin + length)


def end_of_scan(data: bytes, at: int, end: int | None = None) -> int | None:
    """Where the entropy-coded data that begins at `at` ends: at the next marker. None where there is none, or none
    ahead of `end`."""
    found = _MARKER.search(data, at, len(data) if end is None else end)
    return None if found is None else found.start()
