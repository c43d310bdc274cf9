"""What a reader of a format hands over of one photo: what the file says, before anyone has judged it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict

from regrade.models.types import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Fields of `manifest.Record` that a format can state of a photo in words; None or empty where it does not.

    CSV has them as columns, COCO as `attributes` of the image, Label Studio as fields of a task's `data`.
    """

    # Other tools keep attributes of their own beside these; they are none of ours to refuse.
    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)

    id: str | None = None
    category: str | None = None
    item_type: str | None = None
    condition: str | None = None
    votes: tuple[str, ...] | None = None
    defect_codes: tuple[str, ...] = ()
    tag: bool | None = None
    group: str | None = None
    split: str | None = None
    source: str | None = None
    licence: str | None = None
    repo: str | None = None
    blob: str | None = None


STATED: tuple[str, ...] = tuple(Stated.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """A box with the name that its format gave it, be it an item type, a defect type or a condition.

    `box` is `(x1, y1, x2, y2)`, in pixels or, where `relative`, as shares of width and height.
    `where` names the file and the line or field, for a message.
    """

    label: str
    box: Box
    where: str
    severity: str | None = None
    relative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One photo as a format describes it. `labels` are what it says of the whole photo, a tuple for each labeller;
    `voted` says that these are single votes worth keeping, and not the outcome of some vote."""

    file: Path
    where: str
    stated: Stated = Stated()
    labels: tuple[tuple[str, ...], ...] = ()
    voted: bool = False
    boxes: tuple[LabelledBox, ...] = ()
    size: tuple[int, int] | None = None
    """(width, height) of the frame that boxes in pixels refer to; None means the upright photo."""
