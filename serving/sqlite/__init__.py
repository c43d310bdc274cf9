"""SQLite: how it is opened, and how it is noticed that something of it is missing."""

from regrade.serving.sqlite.check import is_corrupt, quick_check
from regrade.serving.sqlite.engine import WRITE, file_of, is_sqlite, open_to_read, open_to_write
from regrade.serving.sqlite.guard import Guard

__all__ = [
    "WRITE",
    "Guard",
    "file_of",
    "is_corrupt",
    "is_sqlite",
    "open_to_read",
    "open_to_write",
    "quick_check",
]
