"""Pieces as they are stored: in a column of JSON, and what is left of it."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from regrade.models.pieces.types import Pieces

PIECES: Final[TypeAdapter[Pieces]] = TypeAdapter(Pieces)


def stored_pieces(value: Mapping[str, Any] | None) -> Pieces | None:
    """Pieces as a column has them; None where none are expected."""
    return None if value is None else PIECES.validate_python(value)


def pieces_column(pieces: Pieces | None) -> dict[str, Any] | None:
    """What the column holds of them."""
    return None if pieces is None else PIECES.dump_python(pieces, mode="json", exclude_none=True)


def only_state(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is left in the column once the item is erased: names of pieces name the thing, and who counted a person."""
    return None if stored is None else {"state": stored["state"]}
