"""PostgreSQL: how it is opened, who may write when, and which of its errors mean that it is away for a moment."""

from regrade.serving.storage.postgresql.engine import is_postgresql, open_to_read, open_to_write, reading
from regrade.serving.storage.postgresql.faults import holds_nul
from regrade.serving.storage.postgresql.turns import alone_in, take_turn

__all__ = [
    "alone_in",
    "holds_nul",
    "is_postgresql",
    "open_to_read",
    "open_to_write",
    "reading",
    "take_turn",
]
