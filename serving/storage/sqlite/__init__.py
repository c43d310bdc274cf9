"""SQLite: how it is opened, and how it is noticed that something of it is missing."""

from regrade.serving.base.database_url import file_of, is_sqlite
from regrade.serving.storage.sqlite.check import is_corrupt, quick_check
from regrade.serving.storage.sqlite.engine import WRITE, open_to_read, open_to_write
from regrade.serving.storage.sqlite.guard import Guard

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
