"""The process that `reader` starts: reads grey pixels from standard input and writes what codes they hold to standard
output. It has little memory and no rights; see `regrade.models.processes`."""

import json
import os
import signal
from contextlib import suppress
from typing import Any, Final

import zxingcpp

from regrade.models.codes.names import ANSWER, FORMATS, LONGEST, MOST, REQUEST
from regrade.models.processes import give_up_rights

MEMORY: Final = 2**30
"""Address space, in bytes."""
_NAMES: Final = {getattr(zxingcpp.BarcodeFormat, name): told for name, told in FORMATS.items()}
_WANTED: Final = zxingcpp.BarcodeFormats(list(_NAMES))


def main() -> None:
    """Serve until standard input ends."""
    give_up_rights(MEMORY, nice=0)  # it works while who asks waits, on the same core
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while len(head := source.read(REQUEST.size)) == REQUEST.size:
        rows, columns, seconds = REQUEST.unpack(head)
        grey = source.read(rows * columns)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        content = json.dumps(_read(memoryview(grey).cast("B", (rows, columns)))).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        target.write(ANSWER.pack(len(content)) + content)
        target.flush()


def _read(grey: memoryview) -> list[dict[str, Any]]:
    found = zxingcpp.read_barcodes(grey, formats=_WANTED, try_invert=False)
    return [_told(one) for one in found[:MOST] if one.text]


def _told(one: zxingcpp.Barcode) -> dict[str, Any]:
    at = one.position
    corners = [(point.x, point.y) for point in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)]
    text = one.text.encode("utf-8", "replace").decode()[: LONGEST + 1]
    return {"text": text[:LONGEST], "cut": len(text) > LONGEST, "format": _NAMES.get(one.format), "corners": corners}


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # nobody waits for the answer any more
        main()
    os._exit(0)
