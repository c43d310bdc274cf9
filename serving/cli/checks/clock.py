"""Whether this machine's clock can be trusted: what is signed says when it happened."""

import ctypes
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from regrade.serving.cli.checks.check import Check

_UNSYNCHRONISED: Final = 5
"""What adjtimex(2) returns then: TIME_ERROR."""
_ROOM: Final = 256
"""Bytes that `struct timex` fits in."""


def look_at_clock(data_dir: Path) -> Iterator[Check]:
    """Whether anything keeps the clock right, and whether it has gone back behind what is stored."""
    now = datetime.now(UTC)
    newest = max((path.stat().st_mtime for path in data_dir.glob("regrade.db*")), default=0.0)
    if newest > now.timestamp() + 60:
        written = datetime.fromtimestamp(newest, UTC)
        yield Check("clock", "failing", f"it is {now:%F %T} UTC here, and the database was written at {written:%F %T}")
    elif is_synchronised() is False:
        yield Check("clock", "warning", f"{now:%F %T} UTC, and nothing keeps it right: run chrony or systemd-timesyncd")
    else:
        yield Check("clock", "ok", f"{now:%F %T} UTC")


def is_synchronised() -> bool | None:
    """Whether the kernel is told the time (NTP); None where that cannot be known."""
    if sys.platform != "linux":
        return None
    try:
        found: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_ROOM))  # modes = 0: reads
    except (OSError, AttributeError):
        return None
    return None if found < 0 else found != _UNSYNCHRONISED
