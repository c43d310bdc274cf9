"""The pixels of a JPEG file, by libjpeg-turbo, which must not have had to make any of them up.

libjpeg fills what is missing with grey and says so in a warning that Pillow cannot see. TurboJPEG, which is the same
decoder, tells: its pixels are Pillow's to the digit (benchmarks/intake_pace.py), and a warning refuses the photo.
"""

import re
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from regrade.models.photos.files.jpeg_frames import FRAMES, frame_of, lacks_restarts, segments
from regrade.models.photos.files.jpeg_segments import APP0, APP14, DHT, DQT, DRI, EOI, SOS
from regrade.models.photos.files.refusals import truncated, unreadable
from regrade.models.photos.files.structure import Structure

_COLOURS: Final = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_MISSING: Final = re.compile("premature|instead of RST", re.IGNORECASE)
_HEADER: Final = re.compile("JFIF revision|Adobe color transform|SOS parameters|ICC marker")
_EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]+)")
_TABLES: Final = (DHT, DQT, DRI, SOS)
_FEW: Final = 4
"""Bytes that cameras leave between the last pixel and the end marker."""


def load(data: bytes, structure: Structure, target: tuple[int, int]) -> Image.Image:
    """The photo, decoded at the smallest of 1/1, 1/2, 1/4, 1/8 that is not below `target` (width, height) pixels.

    Its mode is L, RGB or CMYK. Raises `PhotoError` (`truncated`, `unreadable`).
    """
    width, height = structure.width, structure.height
    room = min(width // target[0], height // target[1])
    scale = next(s for s in (8, 4, 2, 1) if room >= s or s == 1)
    size = (-(-width // scale), -(-height // scale)) if scale > 1 else (0, 0)
    rows = _rows(data, _COLOURS[structure.channels], size)
    if structure.channels == 4:
        # Adobe's inks are inverted (Technical Note 5116), and so are those of everybody else.
        return Image.frombytes("CMYK", rows.shape[1::-1], (255 - rows).tobytes())
    return Image.fromarray(rows.squeeze(2) if structure.channels == 1 else rows)


def _rows(data: bytes, colour: str, size: tuple[int, int], *, tidy: bool = False) -> NDArray[np.uint8]:
    """uint8 (h, w, channels), no smaller than `size`. `tidy`: nothing about the header can be put right any more."""
    try:
        return _decoded(data, colour, size)
    except ValueError as error:
        said = str(error)
    found = _EXTRANEOUS.search(said)
    if found and int(found[2], 16) == EOI:
        # More than a few bytes were meant to be pixels; or a restart interval ends there, and others are missing.
        if int(found[1]) > _FEW or lacks_restarts(data):
            raise truncated()
        return _decoded(data, colour, size, strict=False)
    if not tidy and (found or _HEADER.search(said)):
        return _rows(_tidied(data, colour), colour, size, tidy=True)
    raise truncated() if _MISSING.search(said) else unreadable()


def _decoded(data: bytes, colour: str, size: tuple[int, int], *, strict: bool = True) -> NDArray[np.uint8]:
    """As `_rows`. Raises `ValueError` with what libjpeg said."""
    width, height = size
    rows: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, colour, min_width=width, min_height=height, min_factor=1, strict=strict
    )
    return rows


def _tidied(data: bytes, colour: str) -> bytes:
    """`data` with nothing ahead of its first scan but what tells how to decode it, as the standards have it."""
    parts, frame = [b"\xff\xd8"], None
    for segment in segments(data):
        marker, payload = segment.marker, bytearray(data[segment.begin : segment.end])
        if marker in FRAMES:
            frame = frame_of(bytes(payload), marker)
        elif marker == APP0 and payload.startswith(b"JFIF\0"):
            payload[5:6] = b"\1"  # the only major version there is
        elif marker == APP14 and payload.startswith(b"Adobe"):
            payload[11:12] = bytes(min(known, 2 if colour == "CMYK" else 1) for known in payload[11:12])
        elif marker == SOS and frame is not None and not frame.progressive:
            payload[-3:] = b"\0\x3f\0"  # all coefficients; some leave these zero
        elif marker not in _TABLES:
            continue
        parts += [bytes([0xFF, marker]), (len(payload) + 2).to_bytes(2, "big"), bytes(payload)]
        if marker == SOS:
            return b"".join([*parts, data[segment.end :]])
    raise unreadable()
