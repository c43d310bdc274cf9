"""What is stored of a human decision on an inspection."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal, get_args

from pydantic import TypeAdapter
from sqlalchemy import Row

from regrade.models.pieces.types import Piece
from regrade.models.types import Box
from regrade.serving.base.dispositions import Disposition

Kind = Literal["unsure", "sample", "second", "third"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BLIND_KINDS: tuple[Kind, ...] = ("sample", "second", "third")
"""Looks at which the reviewer knows nothing of the model's, or of other reviewers', opinion."""


@dataclass(frozen=True, slots=True)
class ReviewedDefect:
    """A defect as a reviewer recorded it: on which photo, of what type, and where if that was drawn."""

    photo: int
    type: str
    severity: str = "major"
    box: Box | None = None
    score: float = 1.0
    """In [0, 1]: the model's, where the reviewer kept a defect of the model's."""


DISPOSITION: TypeAdapter[Disposition] = TypeAdapter(Disposition)
DEFECTS: TypeAdapter[tuple[ReviewedDefect, ...]] = TypeAdapter(tuple[ReviewedDefect, ...])
FOUND: TypeAdapter[tuple[Piece, ...]] = TypeAdapter(tuple[Piece, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """What a reviewer says beside the verdict, from the request to the table: to add to it, add a field here, a column
    to `tables` with a migration, and the field to `http.schemas.ReviewIn`.

    `rubric` is the label of the rubric that was shown, `seller_grade` the seller's own name for the condition, and
    `seconds` how long the reviewer had the item.
    """

    note: str | None = None
    rubric: str | None = None
    seller_grade: str | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, source: object) -> dict[str, Any]:
        """The remarks among the attributes of `source`, by name."""
        return {field.name: getattr(source, field.name) for field in fields(Remarks)}


@dataclass(frozen=True, slots=True)
class Review(Remarks):
    """What a human decided of an inspection. `defects` is None where nothing was said of the model's, `pieces` where
    nothing was said of what is there.

    `undone_at` is set where the reviewer took the decision back.
    """

    id: str
    inspection_id: str
    decided_at: datetime
    key_id: str
    reviewer: str
    model_condition: str | None
    condition: str
    disposition: Disposition
    disposition_source: Literal["policy", "reviewer"]
    defects: tuple[ReviewedDefect, ...] | None
    task_id: str | None = None
    kind: Kind = "unsure"
    blind: bool = False
    role: str | None = None
    """That of the key; None in decisions of before inspectors at the bench decided too, which are reviewers'."""
    pieces: tuple[Piece, ...] | None = None
    undone_at: datetime | None = None


_AS_JSON: Final[Mapping[str, TypeAdapter[Any]]] = {"disposition": DISPOSITION, "defects": DEFECTS, "pieces": FOUND}
_KEPT_APART: Final = "undone_at"
"""In a table of its own, for a decision is never changed."""


def row_of(review: Review) -> dict[str, Any]:
    """What is written of a human decision: its fields, each in the column of its name."""
    names = [field.name for field in fields(Review) if field.name != _KEPT_APART]
    return {name: _written(name, getattr(review, name)) for name in names}


def review_of(row: Row[Any]) -> Review:
    """The decision in a row of `reviews`, with `undone_at` of `review_undos`."""
    return Review(**{field.name: _read(field.name, getattr(row, field.name)) for field in fields(Review)})


def _written(name: str, value: Any) -> Any:
    return value if value is None or name not in _AS_JSON else _AS_JSON[name].dump_python(value, mode="json")


def _read(name: str, value: Any) -> Any:
    return value if value is None or name not in _AS_JSON else _AS_JSON[name].validate_python(value)
