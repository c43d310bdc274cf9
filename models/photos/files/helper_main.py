"""The process that `helper` starts: reads files from standard input and writes their pixels to standard output.

It may use no more than its memory, writes no file, and dies of SIGPROF when a photo has taken its core-seconds: the
kernel counts them, so that it does not matter what a decoder does meanwhile.
"""

import json
import os
import signal
from contextlib import suppress
from typing import IO, Final

from regrade.models.errors import PhotoError
from regrade.models.photos.files.formats import FORMATS
from regrade.models.photos.files.helper import ANSWER, REQUEST
from regrade.models.photos.files.pixels import decode
from regrade.models.processes import give_up_rights

MEMORY: Final = 3 * 2**30
"""Address space, in bytes: libwebp holds a photo of 50 megapixels four times over."""
_NICE: Final = 5


def main() -> None:
    """Serve until standard input ends."""
    give_up_rights(MEMORY, _NICE)
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a library prints may get among the pixels
    while len(head := source.read(REQUEST.size)) == REQUEST.size:
        size, side, media_type, seconds = REQUEST.unpack(head)
        data = source.read(size)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        _answer(target, data, media_type.rstrip(b"\0").decode(), side)
        signal.setitimer(signal.ITIMER_PROF, 0)
        target.flush()


def _answer(target: IO[bytes], data: bytes, media_type: str, side: int) -> None:
    try:
        decoded = decode(data, media_type, FORMATS[media_type].read(data), side)
    except PhotoError as error:
        content = json.dumps({"code": error.code, "message": str(error)}).encode()
        target.write(ANSWER.pack(1, 0, 0, 0, 0, len(content)) + content)
    else:
        rgb = decoded.rgb
        target.write(ANSWER.pack(0, *rgb.shape[:2], decoded.width, decoded.height, rgb.nbytes))
        target.write(rgb.tobytes())


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # nobody waits for the answer any more
        main()
    os._exit(0)  # there is nothing to tidy up, and flushing would fail again
