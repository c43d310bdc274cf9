"""Is a SQLite database all there? Looked into before SQLite opens it, which would mend in its own way what it finds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regrade.serving.storage.sqlite.wal import Log, read_log

MAGIC: Final = b"SQLite format 3\0"
HEADER: Final = 100


@dataclass(frozen=True, slots=True)
class State:
    """What the files of a database hold. `commit` is the newest one that SQLite would come up with.

    `fault` says what is wrong with the files themselves, None where nothing is. `clean`: whether it was closed in good
    order, with nothing left in its log. `empty`: whether there is nothing at all.
    """

    commit: int
    fault: str | None
    clean: bool
    empty: bool


def state_of(file: Path) -> State:
    """What the database `file` and its log hold; one that is not there holds nothing. Raises OSError."""
    log = read_log(file.with_name(file.name + "-wal"))
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            first = opened.read(HEADER)
    except FileNotFoundError:
        size, first = 0, b""
    newest = log.first_page or first
    commit = int.from_bytes(newest[60:64]) if newest.startswith(MAGIC) else 0
    return State(commit, _fault(first, size, log), clean=log.frames == 0, empty=not newest)


def _fault(first: bytes, size: int, log: Log) -> str | None:
    if log.broken:
        return "Its write-ahead log is damaged: commits that follow on the damaged place would be lost."
    if first and not first.startswith(MAGIC):
        return "Its file does not begin as one of SQLite does."
    if first and not log.committed and size < _announced(first):
        return f"Its file is cut short: {size} bytes of {_announced(first)}."
    return None


def _announced(first: bytes) -> int:
    """The bytes that a database's header says there are; 0 where it does not."""
    page_size = int.from_bytes(first[16:18])
    changes, pages, valid_for = (int.from_bytes(first[at : at + 4]) for at in (24, 28, 92))
    # 1 stands for 65,536. The number of pages counts only where the header was written by a version that keeps it.
    return pages * (65536 if page_size == 1 else page_size) if changes == valid_for else 0
