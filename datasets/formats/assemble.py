"""Drafts of a format → records of a dataset: names understood, boxes checked and turned, gaps filled in."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regrade.datasets.category import Category
from regrade.datasets.checks import majority
from regrade.datasets.formats.draft import Draft, LabelledBox
from regrade.datasets.formats.files import split_of
from regrade.datasets.formats.photos import ImportedPhoto, turn_box
from regrade.datasets.formats.vocabulary import Vocabulary
from regrade.datasets.manifest import SEVERITIES, SPLITS, DefectBox, ItemBox, Record
from regrade.datasets.validation import OWN_CATEGORIES
from regrade.models.errors import DatasetError
from regrade.models.types import Box

_SLACK = 1.0
"""Pixels that a box may stick out: annotation tools round."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for photos that do not say themselves; `renamed` maps foreign labels to ours, or to nothing."""

    category: str | None = None
    item_type: str | None = None
    source: str | None = None
    licence: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)


class Assembler:
    """Makes records of drafts, one after the other."""

    def __init__(self, categories: Mapping[str, Category], defaults: Defaults) -> None:
        self._categories = categories
        self._defaults = defaults
        self._vocabularies: dict[str, Vocabulary] = {}

    def record(self, draft: Draft, name: str, photo: ImportedPhoto, file: Path) -> Record:
        """The record of one photo, called `name`, whose stored file will be `file`.

        `group` is what the draft states or empty, `split` what it states or `train`. Raises `DatasetError` naming
        file and line or field.
        """
        stated, where = draft.stated, draft.where
        vocabulary = self.vocabulary(draft)
        defects, items, box_conditions = self._boxes(draft, photo, vocabulary)
        conditions, votes, codes, types = self._labels(draft, vocabulary)
        conditions += [c for c in box_conditions if not draft.voted]
        if stated.votes is not None:
            votes = [self._vote(vote, vocabulary, where) for vote in stated.votes]
        if stated.condition is not None:
            condition: str | None = vocabulary.require("condition", stated.condition, f"{where}: condition")
            if votes and condition != majority(votes):
                raise DatasetError(f"{where}: condition is {condition}, but the votes are {', '.join(votes)}")
        elif votes:
            condition = majority(votes)
        else:
            condition = vocabulary.worst(conditions)
        codes += [vocabulary.require("defect type", c, f"{where}: defect_codes") for c in stated.defect_codes]
        if stated.split is not None and split_of(stated.split) is None:
            raise DatasetError(f"{where}: split: unknown split '{stated.split}'; legal values: {', '.join(SPLITS)}")
        return Record(
            id=name,
            file=file,
            sha256=photo.sha256,
            category=vocabulary.category.name,
            item_type=self._item_type(draft, types, items, vocabulary),
            width=photo.width,
            height=photo.height,
            group=stated.group or "",
            split=(stated.split and split_of(stated.split)) or SPLITS[0],
            source=self._require("source", stated.source or self._defaults.source, where),
            licence=self._require("licence", stated.licence or self._defaults.licence, where),
            repo=stated.repo or "",
            blob=stated.blob or "",
            condition=condition,
            votes=tuple(votes),
            defect_codes=tuple(dict.fromkeys(codes)),
            defects=tuple(defects),
            items=tuple(items),
            tag=stated.tag,
        )

    def vocabulary(self, draft: Draft) -> Vocabulary:
        """The names of the draft's category, and what they were renamed from. Raises `DatasetError` for none."""
        default = self._defaults.category
        name = self._require("category", draft.stated.category or default, draft.where)
        if name not in self._categories:
            legal = ", ".join(self._categories)
            raise DatasetError(f"{draft.where}: unknown category '{name}'; legal values: {legal}. {OWN_CATEGORIES}")
        if default is not None and name != default:
            raise DatasetError(f"{draft.where}: is of category '{name}', not '{default}'; leave --category out")
        if name not in self._vocabularies:
            self._vocabularies[name] = Vocabulary(self._categories[name], self._defaults.renamed)
        return self._vocabularies[name]

    def _require(self, what: str, value: str | None, where: str) -> str:
        if not value:
            raise DatasetError(f"{where}: states no {what}; give it for all photos with --{what}")
        return value

    def _labels(self, draft: Draft, vocabulary: Vocabulary) -> tuple[list[str], list[str], list[str], list[str]]:
        """Conditions, votes, defect codes (most named first) and item types that the labellers named."""
        conditions: list[str] = []
        votes: list[str] = []
        codes: Counter[str] = Counter()
        types: list[str] = []
        for labels in draft.labels:
            meanings = [vocabulary.meaning(label, draft.where) for label in labels]
            named = [m.name for m in meanings if m.kind == "condition"]
            if len(set(named)) > 1:
                raise DatasetError(f"{draft.where}: has several conditions: {', '.join(named)}; decide on one")
            conditions += named[:1]
            unusable = [m.name for m in meanings if m.kind == "vote"]
            if draft.voted:
                votes += named[:1] or unusable[:1]
            codes.update(dict.fromkeys((m.name for m in meanings if m.kind == "defect type"), 1))
            types += [m.name for m in meanings if m.kind == "item type"]
        return conditions, votes, [name for name, _ in codes.most_common()], types

    def _vote(self, vote: str, vocabulary: Vocabulary, where: str) -> str:
        meaning = vocabulary.meaning(vote, f"{where}: votes")
        return meaning.name if meaning.kind == "vote" else vocabulary.require("condition", vote, f"{where}: votes")

    def _item_type(self, draft: Draft, types: Sequence[str], items: Sequence[ItemBox], vocabulary: Vocabulary) -> str:
        """What the photo says, else what its largest item box says, else what was said of all photos."""
        boxed = max(items, key=lambda i: (i.box[2] - i.box[0]) * (i.box[3] - i.box[1]), default=None)
        legal = vocabulary.category.item_types
        named = draft.stated.item_type or next(iter(types), None) or (boxed and boxed.type) or self._defaults.item_type
        if named is None and len(legal) == 1:
            return legal[0]
        if named is None:
            raise DatasetError(
                f"{draft.where}: states no item type; "
                f"give it for all photos with --item-type, one of {', '.join(legal)}"
            )
        return vocabulary.require("item type", named, f"{draft.where}: item_type")

    def _boxes(
        self, draft: Draft, photo: ImportedPhoto, vocabulary: Vocabulary
    ) -> tuple[list[DefectBox], list[ItemBox], list[str]]:
        """Defect boxes, item boxes, and the conditions that boxes were named after."""
        severities = {d.name: d.severity for d in vocabulary.category.defect_types}
        defects: list[DefectBox] = []
        items: list[ItemBox] = []
        conditions: list[str] = []
        for labelled in draft.boxes:
            meaning = vocabulary.meaning(labelled.label, labelled.where)
            box = _placed(labelled, draft.size, photo)
            if meaning.kind == "condition":
                conditions.append(meaning.name)
            elif meaning.kind == "item type":
                items.append(ItemBox(meaning.name, box))
            elif meaning.kind == "defect type":
                severity = labelled.severity or severities[meaning.name]
                if severity not in SEVERITIES:
                    legal = ", ".join(SEVERITIES)
                    raise DatasetError(f"{labelled.where}: unknown severity '{severity}'; legal values: {legal}")
                defects.append(DefectBox(meaning.name, severity, box))
        return defects, items, conditions


def _placed(labelled: LabelledBox, size: tuple[int, int] | None, photo: ImportedPhoto) -> Box:
    """The box in pixels of the stored photo, to a thousandth. Raises `DatasetError` for an impossible one."""
    width, height = frame = size or photo.upright
    if labelled.relative:
        width, height = frame = photo.upright
    if frame not in (photo.upright, photo.raw):
        raise DatasetError(
            f"{labelled.where}: the boxes are for a photo of {width}×{height} pixels, "
            f"this one has {photo.upright[0]}×{photo.upright[1]}; export both at one size"
        )
    scale_x, scale_y = (width, height) if labelled.relative else (1, 1)
    x1, y1, x2, y2 = (v * s for v, s in zip(labelled.box, (scale_x, scale_y) * 2, strict=True))
    shown = "[" + ", ".join(f"{v:g}" for v in labelled.box) + "]"
    if not all(math.isfinite(v) for v in (x1, y1, x2, y2)) or x1 >= x2 or y1 >= y2:
        raise DatasetError(f"{labelled.where}: box {shown} has no area")
    if x1 < -_SLACK or y1 < -_SLACK or x2 > width + _SLACK or y2 > height + _SLACK:
        raise DatasetError(f"{labelled.where}: box {shown} leaves the photo of {width}×{height} pixels")
    box: Box = (max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2))
    if frame != photo.upright:
        box = turn_box(box, photo.raw, photo.orientation)
    sx, sy = photo.width / photo.upright[0], photo.height / photo.upright[1]
    x1, y1, x2, y2 = (round(v * s, 3) for v, s in zip(box, (sx, sy, sx, sy), strict=True))
    if x1 >= x2 or y1 >= y2:
        raise DatasetError(f"{labelled.where}: box {shown} has no area inside the photo")
    return x1, y1, min(x2, float(photo.width)), min(y2, float(photo.height))
