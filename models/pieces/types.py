"""What belongs to an item: which pieces are expected, which codes tell of some, and what a person counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

State = Literal["complete", "incomplete", "unknown"]
"""`unknown`: no person has looked yet. Codes that were read are a guess, and settle nothing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """So many of one name; names are the same in large and small letters."""

    name: str
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class ExpectedPiece(Piece):
    """A piece of the catalogue's; `codes` are what may stand on it."""

    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenPiece(Piece):
    """A piece of which codes were read: at least so many are there. `photos` are those that show them; none where a
    scanner read them."""

    codes: tuple[str, ...] = ()
    photos: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """All pieces that a person found, and no others are there."""

    pieces: tuple[Piece, ...]
    by: str
    key_id: str
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Pieces:
    """What is `expected`, `seen` by the machine, and counted. Of an erased item the state alone is left."""

    state: State
    expected: tuple[ExpectedPiece, ...] = ()
    seen: tuple[SeenPiece, ...] = ()
    count: Count | None = None

    @property
    def missing(self) -> tuple[Piece, ...]:
        """What is expected and was not found; nothing before somebody has looked."""
        return () if self.count is None else lacking(self.expected, self.count.pieces)

    @property
    def extra(self) -> tuple[Piece, ...]:
        """What was found and is not expected."""
        return () if self.count is None else lacking(self.count.pieces, self.expected)

    def counted(self, count: Count | None) -> "Pieces":
        """The same once a person has counted; None: nobody has."""
        state: State = "unknown"
        if count is not None:
            state = "incomplete" if lacking(self.expected, count.pieces) else "complete"
        return replace(self, state=state, count=count)


def lacking(wanted: Iterable[Piece], found: Iterable[Piece]) -> tuple[Piece, ...]:
    """What of `wanted` is not among `found`, each with how many."""
    there = _numbers(found)
    less = [Piece(one.name, one.quantity - there.get(one.name.casefold(), 0)) for one in wanted]
    return tuple(one for one in less if one.quantity > 0)


def spelt(found: Iterable[Piece], expected: Sequence[Piece]) -> tuple[Piece, ...]:
    """What was found under the names that are expected and in their order, the rest after it, and nothing of which
    there is none."""
    names = {one.name.casefold(): (place, one.name) for place, one in enumerate(expected)}
    kept = [one for one in found if one.quantity > 0]
    kept.sort(key=lambda one: names.get(one.name.casefold(), (len(names), ""))[0])
    return tuple(Piece(names.get(one.name.casefold(), (0, one.name))[1], one.quantity) for one in kept)


def same_pieces(one: Sequence[Piece] | None, other: Sequence[Piece] | None) -> bool:
    """Whether two people have found the same, or neither has said anything."""
    if one is None or other is None:
        return one is other
    return not lacking(one, other) and not lacking(other, one)


def gathered(pieces: Iterable[ExpectedPiece]) -> tuple[ExpectedPiece, ...]:
    """Each name once, with all that is expected of it."""
    found: dict[str, ExpectedPiece] = {}
    for one in pieces:
        before = found.get(one.name.casefold())
        codes = one.codes if before is None else tuple(dict.fromkeys([*before.codes, *one.codes]))
        number = one.quantity + (0 if before is None else before.quantity)
        found[one.name.casefold()] = ExpectedPiece(one.name if before is None else before.name, number, codes)
    return tuple(found.values())


def in_short(pieces: Iterable[Piece]) -> str:
    """`charger; cable x2`, as tables have it."""
    return "; ".join(one.name if one.quantity == 1 else f"{one.name} x{one.quantity}" for one in pieces)


def missing_column(pieces: Pieces | None) -> str | None:
    """What is missing, in short, as lists have it: an empty text where all is there, None where nobody knows."""
    return None if pieces is None or pieces.count is None else in_short(pieces.missing)


def _numbers(pieces: Iterable[Piece]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in pieces:
        found[one.name.casefold()] = found.get(one.name.casefold(), 0) + one.quantity
    return found
