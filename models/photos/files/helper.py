"""Decoding in processes that can be ended, for files whose structure does not show that they are quick: see
`regrade.models.processes`. They yield the cores to whoever else wants them."""

import json
import logging
import struct
from typing import Final

import numpy as np

from regrade.models.errors import PhotoError
from regrade.models.photos.files.pixels import Decoded
from regrade.models.photos.files.refusals import too_slow, unreadable
from regrade.models.processes import EndedError, Pool, Process

REQUEST: Final = struct.Struct("<QI16sd")
"""Bytes of the file, side in pixels, media type, core-seconds; the file follows."""
ANSWER: Final = struct.Struct("<BIIIIQ")
"""0, rows and columns of pixels, width and height of the whole photo, and the number of bytes of the pixels, which
follow; or 1, and at the end the number of bytes of a refusal in JSON."""
_IDLE: Final = 2
"""Processes that are kept. Each holds some 60 MB."""
_PATIENCE: Final = 120.0
"""Seconds to wait for an answer where the caller says nothing else: the cores may be busy with other things."""

log = logging.getLogger("regrade")

_pool = Pool("regrade.models.photos.files.helper_main", _IDLE)


def decode(data: bytes, media_type: str, side: int, seconds: float, patience: float | None = None) -> Decoded:
    """What `pixels.decode` makes of a file, within `seconds` of a core and `patience` seconds by the clock.

    Raises `PhotoError`: as that does, and `too_slow`.
    """
    patience = _PATIENCE if patience is None else patience
    head = REQUEST.pack(len(data), side, media_type.encode(), seconds)
    try:
        return _pool.ask((head, data), _answer, patience, sound=PhotoError)
    except EndedError as ended:
        if ended.late:
            raise too_slow(patience) from ended
        if ended.took_too_long:
            raise too_slow(seconds) from ended
        log.error("a decoder of %s ended its process with %d", media_type, ended.code)
        raise unreadable() from ended


def close() -> None:
    """End all processes, busy ones included; the next photo starts another."""
    _pool.close()


def _answer(process: Process) -> Decoded:
    refused, rows, columns, width, height, size = ANSWER.unpack(process.read(ANSWER.size))
    content = process.read(size)
    if refused:
        raise PhotoError(**json.loads(content))
    return Decoded(np.frombuffer(content, np.uint8).reshape(rows, columns, 3), width, height)
