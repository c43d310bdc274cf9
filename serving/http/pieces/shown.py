"""The pieces of an item, as they go over the wire."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from regrade.models.pieces.types import Piece, Pieces, State
from regrade.serving.base.i18n import text
from regrade.serving.base.text_forms import Name
from regrade.serving.storage.records import Inspection

MOST_FOUND = 100
"""Names in one count: all that may be expected, and as many again."""


class PieceOut(BaseModel):
    name: str
    quantity: int


class ExpectedPieceOut(PieceOut):
    codes: list[str] = Field(description="What may stand on it in a barcode, by the catalogue.")


class SeenPieceOut(PieceOut):
    """A piece of which codes were read: at least so many are there."""

    codes: list[str] = Field(description="Those that were read. Whatever stood there: show it as text.")
    photos: list[int] = Field(description="Photos that show them; none where the station's scanner read them.")


class CountOfPiecesOut(BaseModel):
    """What a person found."""

    pieces: list[PieceOut] = Field(description="All that is there.")
    by: str
    role: str
    at: datetime


class PiecesOut(BaseModel):
    """Which pieces belong to the item, and which of them are there."""

    state: State = Field(description="`unknown`: nobody has looked yet.")
    words: str = Field(description="The same in a sentence, in the language asked for.")
    expected: list[ExpectedPieceOut] = Field(description="By the catalogue, as it was when the item came in.")
    seen: list[SeenPieceOut] = Field(description="What codes tell of; nothing is guessed of pieces without one.")
    counted: CountOfPiecesOut | None = Field(description="The newest count, null where nobody has counted.")
    missing: list[PieceOut] | None = Field(description="Expected and not found; null where nobody has counted.")
    extra: list[PieceOut] | None = Field(description="Found and not expected; null where nobody has counted.")


class FoundPieceIn(BaseModel):
    """A piece that is there, and how many of it."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["charger"])
    quantity: int = Field(1, strict=True, ge=0, le=10_000, description="0 is as leaving it out.")


def _each_once(pieces: list[FoundPieceIn]) -> list[FoundPieceIn]:
    seen: set[str] = set()
    for one in pieces:
        if one.name.casefold() in seen:
            raise PydanticCustomError("repeated_entry", "must not name {name} twice", {"name": one.name})
        seen.add(one.name.casefold())
    return pieces


FoundPieces = Annotated[list[FoundPieceIn], Field(max_length=MOST_FOUND), AfterValidator(_each_once)]


class CountIn(BaseModel):
    """What is there of an item."""

    model_config = ConfigDict(extra="forbid")

    pieces: FoundPieces = Field(description="All that is there, `[]` where nothing is: what is not named is missing.")


def found(pieces: Sequence[FoundPieceIn] | None) -> tuple[Piece, ...] | None:
    """What was found, as it is stored; None where nothing was said of it."""
    return None if pieces is None else tuple(Piece(one.name, one.quantity) for one in pieces)


def pieces_out(pieces: Pieces | None, lang: str) -> PiecesOut | None:
    """None where no pieces are expected."""
    if pieces is None:
        return None
    count = pieces.count
    return PiecesOut(
        state=pieces.state,
        words=words_of(pieces, lang),
        expected=[
            ExpectedPieceOut(name=one.name, quantity=one.quantity, codes=list(one.codes)) for one in pieces.expected
        ],
        seen=[
            SeenPieceOut(name=one.name, quantity=one.quantity, codes=list(one.codes), photos=list(one.photos))
            for one in pieces.seen
        ],
        counted=None
        if count is None
        else CountOfPiecesOut(pieces=_out(count.pieces), by=count.by, role=count.role, at=count.at),
        missing=None if count is None else _out(pieces.missing),
        extra=None if count is None else _out(pieces.extra),
    )


def pieces_json(inspection: Inspection, lang: str) -> dict[str, Any] | None:
    """The same, for a page of the desk; None of what was erased, too."""
    out = None if inspection.erased is not None else pieces_out(inspection.pieces_now, lang)
    return None if out is None else out.model_dump(mode="json")


def words_of(pieces: Pieces, lang: str) -> str:
    """What is there, in a sentence."""
    told = text(f"pieces.{pieces.state}", lang, missing=listed(pieces.missing, lang))
    if not pieces.extra:
        return told
    return f"{told} {text('pieces.extra', lang, extra=listed(pieces.extra, lang))}"


def listed(pieces: Iterable[Piece | PieceOut], lang: str) -> str:
    """`charger, 2 × cable`."""
    told = (one.name if one.quantity == 1 else f"{one.quantity} × {one.name}" for one in pieces)
    return ("、" if lang.startswith("zh") else ", ").join(told)


def _out(pieces: Iterable[Piece]) -> list[PieceOut]:
    return [PieceOut(name=one.name, quantity=one.quantity) for one in pieces]
