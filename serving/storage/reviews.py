"""What is stored of a human decision on an inspection."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pydantic import TypeAdapter

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


DEFECTS: TypeAdapter[tuple[ReviewedDefect, ...]] = TypeAdapter(tuple[ReviewedDefect, ...])


@dataclass(frozen=True, slots=True)
class Review:
    """What a human decided of an inspection. `defects` is None where nothing was said of the model's.

    `rubric` is the label of the rubric that was shown, `seller_grade` the seller's own name for the condition, and
    `seconds` how long the reviewer had the item. `undone_at` is set where the reviewer took the decision back.
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
    note: str | None
    task_id: str | None = None
    kind: Kind = "unsure"
    blind: bool = False
    rubric: str | None = None
    seller_grade: str | None = None
    seconds: float | None = None
    undone_at: datetime | None = None
