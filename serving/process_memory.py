"""How much memory a process has held."""

import re
from pathlib import Path


def peak_bytes(pid: int) -> int | None:
    """The most memory that was resident at once since the process began (VmHWM, proc(5)), None where nobody tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
