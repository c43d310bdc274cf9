"""Barcodes in a photo, read by ZXing in a process that can be ended: it is native code, and the pixels are a
stranger's. Whatever becomes of it costs the photo its codes and nothing else.

What is looked for is what goods, parcels and labels carry, dark on light: everything that ZXing knows would cost five
times as much (`benchmarks/codes.py`).
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from PIL import Image

from regrade.models.codes.names import ANSWER, MOST, REQUEST
from regrade.models.codes.types import Code, Point, Polygon, bounded
from regrade.models.processes import EndedError, Pool, Process
from regrade.models.types import Photo

SECONDS: Final = 0.5
"""Core-seconds that the codes of a photo may take: seven times what the worst pattern found took."""
PATIENCE: Final = 5.0
"""Seconds by the clock after which nobody waits any more."""
CLOSER: Final = 1500
"""The long side, in pixels, at which a second look is taken: an EAN of a sixth of the photo's width then has more than
two and a half pixels a module."""
_LARGEST: Final = 1 << 20

log = logging.getLogger("regrade")

_pool = Pool("regrade.models.codes.reader_main", max(2, os.cpu_count() or 1))


def read_codes(photo: Photo, seconds: float = SECONDS) -> tuple[Code, ...] | None:
    """The codes that can be read in a photo at the scale that it was decoded at, at most `MOST`; None where reading was
    cut off after `seconds` of a core, or the process ended."""
    grey = np.ascontiguousarray(np.asarray(Image.fromarray(photo.rgb).convert("L")))
    rows, columns = grey.shape
    try:
        found = _pool.ask((REQUEST.pack(rows, columns, seconds), grey.tobytes()), _answer, PATIENCE)
    except EndedError as ended:
        if ended.late or ended.took_too_long:
            log.warning("codes of photo %s were not read: it took too long", photo.sha256)
        else:
            log.error("the reader of codes ended its process with %d at photo %s", ended.code, photo.sha256)
        return None
    scale = (photo.width / columns, photo.height / rows)
    return tuple(_code(one, photo, scale) for one in found[:MOST])


def close() -> None:
    """End all processes; the next photo starts another."""
    _pool.close()


def _answer(process: Process) -> list[dict[str, Any]]:
    (size,) = ANSWER.unpack(process.read(ANSWER.size))
    if size > _LARGEST:
        raise EOFError  # what says that much has lost its mind
    found: list[dict[str, Any]] = json.loads(process.read(size))
    return found


def _code(one: Mapping[str, Any], photo: Photo, scale: Point) -> Code:
    text, cut = bounded(one["text"])
    corners = _within(one["corners"], photo, scale)
    return Code(text, "barcode", one["format"], photo.index, corners, cut or one["cut"])


def _within(corners: Iterable[Point], photo: Photo, scale: Point) -> Polygon:
    # ZXing may see a corner beyond the border.
    a, b, c, d = (
        (round(min(max(x * scale[0], 0.0), photo.width), 1), round(min(max(y * scale[1], 0.0), photo.height), 1))
        for x, y in corners
    )
    return a, b, c, d
