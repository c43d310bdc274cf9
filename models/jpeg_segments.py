"""The segments of a JPEG file (ITU-T T.81, annex B), found as libjpeg finds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

APP0: Final = 0xE0
APP1: Final = 0xE1
APP2: Final = 0xE2
APP14: Final = 0xEE
SOS: Final = 0xDA
EOI: Final = 0xD9

_PARAMETERLESS: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_ENDS_A_SCAN: Final = np.array([byte not in {0x00, 0xFF, *range(0xD0, 0xD8)} for byte in range(256)])
"""By the byte behind a 0xFF: any marker but a restart; a 0xFF of the data itself is followed by 0x00."""
_WINDOW: Final = 1024 * 1024


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
    while (at := data.find(b"\xff", at)) >= 0:
        while data[at : at + 1] == b"\xff":
            at += 1
        marker = int.from_bytes(data[at : at + 1])
        if marker in _PARAMETERLESS:
            continue
        if marker == EOI:
            return Segment(EOI, at + 1, at + 1)
        length = int.from_bytes(data[at + 1 : at + 3], "big")
        return None if length < 2 else Segment(marker, at + 3, at + 1 + length)
    return None


def end_of_scan(data: bytes, at: int) -> int | None:
    """Where the entropy-coded data that begins at `at` ends: at the next marker. None where the file ends first."""
    everything = np.frombuffer(data, np.uint8)
    for start in range(at, len(data) - 1, _WINDOW):
        window = everything[start : start + _WINDOW + 1]
        marks = np.flatnonzero(window[:-1] == 0xFF)
        ends = marks[_ENDS_A_SCAN[window[marks + 1]]]
        if len(ends):
            return start + int(ends[0])
    return None
