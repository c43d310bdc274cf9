"""How much memory a process has held, and when it looks for what nobody needs any more."""

import gc
import re
from pathlib import Path
from typing import Final

_THRESHOLDS: Final = (700, 10, 200)
"""Of Python's three generations; the last is 10 by default."""


def peak_bytes(pid: int) -> int | None:
    """The most memory that was resident at once since the process began (VmHWM, proc(5)), None where nobody tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def collect_garbage_seldom() -> None:
    """Leave what is in memory now out of the search for garbage, and search through all the rest only now and then.

    For a service that has started: a search takes 0.1 s and more, in which nobody is answered, and it comes the oftener
    the more connections are opened. What the service makes for a request does not need it: nothing of it refers to
    itself in a circle (`tests/serving/connections/test_garbage.py`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
