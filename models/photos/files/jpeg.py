"""JPEG (ITU-T T.81): how many scans a file has, what they come to, and whether they make a whole photo.

libjpeg passes over the whole photo once for each scan of a progressive file, however few bytes the scan has ("Two
Issues with the JPEG Standard", libjpeg-turbo). An encoder writes each bit of each coefficient once: a file that does so
has few scans, and is whole only when it has written all.
"""

from collections.abc import Mapping
from typing import Final

from regrade.models.errors import PhotoError
from regrade.models.photos.files import icc
from regrade.models.photos.files.jpeg_frames import FRAMES, Frame, Scan, frame_of, scan_of, segments
from regrade.models.photos.files.jpeg_segments import APP2, DHT, SOS, Segment, end_of_scan
from regrade.models.photos.files.refusals import too_complex, truncated, unreadable
from regrade.models.photos.files.structure import Structure

MAX_SCANS: Final = 100
"""libjpeg-turbo's own programs write 10, the most thrifty encoders some dozens."""
MAX_PASSES: Final = 24_000_000
"""Blocks of 8×8 samples that scans may pass over: four times those of an ordinary photo of 50 megapixels."""
WORK_OF_A_PASS: Final = 5e-5
"""Megapixels of a baseline JPEG that cost as much as one pass over a block (benchmarks/intake_bounds.py)."""
_ZEROS: Final = bytes(64)
_COEFFICIENTS: Final = 64
_UNSEEN: Final = 255
_ICC: Final = b"ICC_PROFILE\0"


def read(data: bytes) -> Structure:
    """The structure of a JPEG file. Of one with a single scan only what lies ahead of its pixels is read.

    Its fault may be `too_complex`, `truncated` or `unreadable`; raises it where there is not even a size.
    """
    reading = _Reading(data)
    try:
        for segment in segments(data):
            reading.take(segment)
            if reading.ends_here:
                break
        fault = reading.fault()
    except PhotoError as error:
        fault = error
    return reading.structure(fault)


class _Reading:
    """What has been found so far."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._frame: Frame | None = None
        self._scans = self._passes = 0
        self._known: dict[int, bytearray] = {}
        """By component, the lowest bit that is known of each coefficient."""
        self._in_order = True
        self._zero_means: dict[int, int] = {}
        """By Huffman table (class and number), the symbol that a row of zero bits stands for."""
        self._profile: dict[int, bytes] = {}
        self._profile_parts = 0
        self.ends_here = False
        """Whether no later segment can matter: the first scan of a sequential file has all components."""

    def take(self, segment: Segment) -> None:
        """Note what a segment says."""
        marker, payload = segment.marker, self._data[segment.begin : segment.end]
        if marker in FRAMES:
            self._take_frame(payload, marker)
        elif marker == SOS:
            self._take_scan(payload, segment.end)
        elif marker == DHT:
            self._take_tables(payload)
        elif marker == APP2 and payload.startswith(_ICC) and len(payload) > len(_ICC) + 2:
            self._profile_parts = payload[len(_ICC) + 1]
            self._profile[payload[len(_ICC)]] = payload[len(_ICC) + 2 :]

    def fault(self) -> PhotoError | None:
        """Why what was found, to the end, is no whole photo."""
        frame = self._frame
        # Of arithmetic coding nobody can tell that its end is missing, and no browser shows it, nor lossless processes.
        if frame is None or not frame.huffman or not self._in_order or len(frame.blocks) not in (1, 3, 4):
            return unreadable()
        if not self._scans or not all(row.count(0) == _COEFFICIENTS for row in self._known.values()):
            return truncated()
        return None

    def structure(self, fault: PhotoError | None) -> Structure:
        """All that was found. Raises `fault` where that is not even a size."""
        frame = self._frame
        if frame is None:
            raise fault or unreadable()
        megapixels = frame.width * frame.height / 1e6
        several = not self.ends_here
        profile = self._joined_profile()
        return Structure(
            frame.width,
            frame.height,
            megapixels + several * self._passes * WORK_OF_A_PASS,
            bounded=icc.is_cheap(profile),
            channels=len(frame.blocks),
            icc=profile,
            fault=fault,
        )

    def _take_frame(self, payload: bytes, marker: int) -> None:
        if self._frame is not None:
            raise unreadable()
        self._frame = frame_of(payload, marker)
        self._known = {number: bytearray([_UNSEEN] * _COEFFICIENTS) for number in self._frame.blocks}

    def _take_scan(self, payload: bytes, end: int) -> None:
        frame = self._frame
        if frame is None:
            raise unreadable()
        scan = scan_of(payload, frame)
        self._scans += 1
        self._passes += sum(frame.blocks[number] for number in scan.components)
        if self._scans > MAX_SCANS:
            raise too_complex(f"more than {MAX_SCANS} scans")
        if self._passes > MAX_PASSES:
            raise too_complex(f"{self._scans} or more scans of {frame.width}×{frame.height} pixels")
        self._learn(scan, progressive=frame.progressive)
        if not frame.progressive:
            self.ends_here = self._scans == 1 and len(scan.components) == len(frame.blocks)
            self._refuse_zeros(scan, end)

    def _learn(self, scan: Scan, *, progressive: bool) -> None:
        """Note which bits of which coefficients a scan brings (T.81, G.1.1.1)."""
        first, last, high, low = (scan.first, scan.last, scan.high, scan.low) if progressive else (0, 63, 0, 0)
        if not 0 <= first <= last < _COEFFICIENTS:
            raise unreadable()
        band = slice(first, last + 1)
        for number in scan.components:
            row = self._known[number]
            self._in_order &= set(row[band]) == {high or _UNSEEN}
            row[band] = bytes([low]) * (last + 1 - first)

    def _take_tables(self, payload: bytes) -> None:
        at = 0
        while at + 17 < len(payload):
            self._zero_means[payload[at]] = payload[at + 17]
            at += 17 + sum(payload[at + 1 : at + 17])

    def _refuse_zeros(self, scan: Scan, begin: int) -> None:
        """Refuse a scan with a row of zeros in it: a part of a file that was never written.

        Where all its tables read zeros as "the same again", they may be a plain background.
        """
        at = self._data.find(_ZEROS, begin)
        if at < 0 or self._same_again(scan.tables, self._zero_means):
            return
        if end_of_scan(self._data, begin, at) is None:
            raise truncated()

    @staticmethod
    def _same_again(tables: tuple[tuple[int, int], ...], zero_means: Mapping[int, int]) -> bool:
        return all(zero_means.get(dc) == zero_means.get(0x10 | ac) == 0 for dc, ac in tables)

    def _joined_profile(self) -> bytes:
        """The ICC profile (ICC.1, B.4); none where a part is missing."""
        if sorted(self._profile) != list(range(1, self._profile_parts + 1)):
            return b""
        return b"".join(self._profile[n] for n in sorted(self._profile))
