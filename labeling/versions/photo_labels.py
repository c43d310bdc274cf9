"""From what reviewers said of an item to what its single photos are labelled.

A reviewer grades the item, a dataset labels photos. On an item of one photo that is the same. On several photos the
worst visible state wins, so the others may well look better:

- A condition that a defect drawn on some photo implies is the label of the photos that have such a defect, and of no
  other.
- `damaged` with nothing drawn on any of several photos labels none: it is not known which of them shows it.
- Every other condition labels all photos alike.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from regrade.datasets.category import Category
from regrade.datasets.manifest import SEVERITIES, DefectBox
from regrade.labeling.versions.decisions import DecidedDefect, DecidedPhoto, DeskDecision

Scope = Literal["photo", "item", "unknown"]
"""Whether the reviewers' condition is that of this photo: `photo` because it is the only one or shows the defect,
`item` because all photos of the item count alike; `unknown` where another photo decided, or nobody knows which."""
BoxesFrom = Literal["reviewer", "model"]
DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class PhotoLabel:
    """What a decision says of one of its photos. `boxes_from` is None where nobody said where defects are."""

    scope: Scope
    defects: tuple[DefectBox, ...]
    defect_codes: tuple[str, ...]
    boxes_from: BoxesFrom | None


def photo_labels(decision: DeskDecision, category: Category, *, model_boxes: bool = False) -> Mapping[int, PhotoLabel]:
    """By the index of the photo. `model_boxes` takes the model's boxes where a reviewer who saw them let them stand.

    The conditions of `decision` must be those of the category. Defects of a type that it does not have are passed over:
    a reviewer may record any.
    """
    boxes_from, stated = _standing(decision, model_boxes)
    defects = tuple(d for d in stated if d.type in category.defect_names and d.severity in SEVERITIES)
    scopes = _scopes(decision, category, defects)
    return {photo.index: _label(photo, scopes[photo.index], defects, boxes_from) for photo in decision.photos}


def _standing(decision: DeskDecision, model_boxes: bool) -> tuple[BoxesFrom | None, tuple[DecidedDefect, ...]]:
    if decision.defects is not None:
        return "reviewer", decision.defects
    seen = any(not look.blind and look.condition == decision.condition for look in decision.looks)
    return ("model", decision.model.defects) if model_boxes and seen and decision.model else (None, ())


def _scopes(decision: DeskDecision, category: Category, defects: tuple[DecidedDefect, ...]) -> dict[int, Scope]:
    indices = [photo.index for photo in decision.photos]
    if len(indices) == 1:
        return {indices[0]: "photo"}
    if decision.condition is None:
        return dict.fromkeys(indices, "item")
    rank = category.condition_names.index
    implied = {d.name: rank(d.implies) for d in category.defect_types}
    showing = {d.photo for d in defects if implied[d.type] >= rank(decision.condition)}
    if showing:
        return {index: "photo" if index in showing else "unknown" for index in indices}
    return dict.fromkeys(indices, "unknown" if decision.condition == DAMAGED else "item")


def _label(
    photo: DecidedPhoto, scope: Scope, defects: tuple[DecidedDefect, ...], boxes_from: BoxesFrom | None
) -> PhotoLabel:
    mine = [d for d in defects if d.photo == photo.index]
    codes = tuple(name for name, _ in Counter(d.type for d in mine).most_common())
    boxes = tuple(DefectBox(d.type, d.severity, d.box) for d in mine if d.box is not None)
    return PhotoLabel(scope, boxes, codes, boxes_from)
