"""What a new rubric would change in past items: grade names, which follow by rule; and what only people can tell."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from regrade.models.types import CONDITIONS
from regrade.serving.replay.policy import Group
from regrade.serving.rubric.changes import Change, changed_conditions, changes
from regrade.serving.rubric.grades import seller_grade
from regrade.serving.rubric.types import Rubric, Rubrics
from regrade.serving.storage.records import Inspection, StoredPhoto

SAMPLE = 20
"""Decisions named for another look."""


@dataclass(frozen=True, slots=True)
class DoubtfulDecision:
    """A past decision that deserves another look under the new text."""

    id: str
    condition: str
    rubric: str | None
    photo: StoredPhoto | None


@dataclass(slots=True)
class RubricChange:
    """The items that one new rubric is for, with what was in force for them before.

    `grades[old][new]` counts items by the seller's grade name, `""` where there is none; `sellers` those whose name
    changes. `decided_under` counts human decisions by the rubric they were made by, `""` where none was recorded.
    `doubtful` counts human decisions on conditions whose text has changed and on their neighbours, from which and to
    which the new text may move items; `sample` are `SAMPLE` of these drawn at random, the same ones at every run.
    """

    old: Rubric
    new: Rubric
    items: int = 0
    by_human: int = 0
    changed: int = 0
    decided_under: Counter[str] = field(default_factory=Counter)
    grades: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    sellers: defaultdict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    doubtful: Counter[str] = field(default_factory=Counter)
    sample: list[DoubtfulDecision] = field(default_factory=list)
    changes: tuple[Change, ...] = ()
    """Every field that differs."""
    conditions: tuple[str, ...] = ()
    """The conditions whose meaning may have changed."""
    _heap: list[tuple[int, str, DoubtfulDecision]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changes = changes(self.old, self.new)
        self.conditions = changed_conditions(self.old, self.new)

    @property
    def at_most(self) -> float:
        """If none of the sample's decisions changes: the share of `doubtful` that may change, at 95% confidence.

        The largest share p with (1 - p)^n >= 0.05 (Hanley & Lippman-Hand, JAMA 249, 1983); 0 where all are looked at.
        """
        if not self.sample or len(self.sample) == self.doubtful.total():
            return 0.0
        return float(1 - 0.05 ** (1 / len(self.sample)))

    def add(self, inspection: Inspection) -> None:
        """Count one inspection that was graded."""
        grade, review = inspection.result.grade, inspection.review
        assert grade is not None
        condition = grade.condition if review is None else review.condition
        defects = inspection.result.defects if review is None or review.defects is None else review.defects
        before = seller_grade(self.old, condition, defects)
        if review is not None and review.rubric is not None:
            before = review.seller_grade
        after = seller_grade(self.new, condition, defects)
        self.items += 1
        self.grades[before or ""][after or ""] += 1
        if before != after:
            self.changed += 1
            self.sellers[inspection.item.get("seller") or ""].add(inspection.id)
        if review is not None:
            self.by_human += 1
            self.decided_under[review.rubric or ""] += 1
            photo = inspection.photos[0] if inspection.photos else None
            self._consider(DoubtfulDecision(inspection.id, condition, review.rubric, photo))

    def _consider(self, look: DoubtfulDecision) -> None:
        if look.rubric == self.new.label or look.condition not in _with_neighbours(self.conditions):
            return
        self.doubtful[look.condition] += 1
        # The items with the smallest hashes are a random sample that is the same at every run.
        digest = hashlib.sha256(f"{self.new.label} {look.id}".encode()).digest()
        entry = (-int.from_bytes(digest[:8]), look.id, look)
        (heapq.heappush if len(self._heap) < SAMPLE else heapq.heappushpop)(self._heap, entry)

    def finish(self) -> None:
        """Put the sample in order: by condition, then as it was drawn."""
        drawn = sorted(self._heap, key=lambda entry: (CONDITIONS.index(entry[2].condition), -entry[0]))
        self.sample = [look for _, _, look in drawn]


@dataclass(slots=True)
class RubricReplay:
    """Counts over past items, for every rubric of `new` that differs from the one in `old`."""

    old: Rubrics
    new: Rubrics
    parts: dict[str, RubricChange] = field(default_factory=dict)
    ungraded: int = 0
    erased: int = 0
    untouched: int = 0
    """Items of categories and sellers whose rubric stays as it is, or that have none."""

    def __post_init__(self) -> None:
        for rubric in self.new:
            before = self.old.of(rubric.category, rubric.seller)
            if before is not None and (before.label != rubric.label or changes(before, rubric)):
                self.parts[rubric.label] = RubricChange(before, rubric)

    def add_all(self, past: Iterable[Inspection]) -> "RubricReplay":
        """Count all of `past`, and finish."""
        for inspection in past:
            self.add(inspection)
        return self.finish()

    def add(self, inspection: Inspection) -> None:
        """Count one inspection."""
        if inspection.erased is not None:
            self.erased += 1
            return
        call = inspection.result.category
        if call is None or inspection.result.grade is None or inspection.decision is None:
            self.ungraded += 1
            return
        rubric = self.new.of(call.name, inspection.item.get("seller"))
        part = None if rubric is None else self.parts.get(rubric.label)
        if part is None:
            self.untouched += 1
        else:
            part.add(inspection)

    def finish(self) -> "RubricReplay":
        """Draw the samples."""
        for part in self.parts.values():
            part.finish()
        return self


def _with_neighbours(conditions: Iterable[str]) -> set[str]:
    near = {CONDITIONS.index(name) + step for name in conditions for step in (-1, 0, 1)}
    return {name for index, name in enumerate(CONDITIONS) if index in near}
