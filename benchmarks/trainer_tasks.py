"""Tasks that the shipped backbone was not built on: categories of two conditions, defined in `foreign/` as users would.

Each is made of one source of the photos beside the bench, so that no source gives a condition away.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from regrade.datasets.category import Category, load_categories
from regrade.datasets.manifest import Record

FOLDER: Final = Path(__file__).parent / "foreign"


@dataclass(frozen=True, slots=True)
class Task:
    """Photos of one `source`; `means` maps what they are labelled with to the task's conditions."""

    name: str
    source: str
    what: str
    means: Mapping[str, str]

    @property
    def category(self) -> Category:
        """Its definition."""
        return load_categories(FOLDER)[self.name]

    def of(self, records: list[Record]) -> list[Record]:
        """Its photos among `records`, as ones of its category. Where all are of one group, each stands for itself."""
        mine = [r for r in records if r.source == self.source and r.condition in self.means]
        alone = len({r.group for r in mine}) == 1
        return [self._named(r, r.id if alone else r.group) for r in mine]

    def _named(self, record: Record, group: str) -> Record:
        votes = tuple(self.means[v] for v in record.votes if v in self.means)
        condition = self.means[record.condition or ""]
        return replace(record, category=self.name, condition=condition, votes=votes, group=group, split="train")


TASKS: Final = (
    Task("cans", "cfsd", "damaged or sound", {"unopened": "used", "used": "used", "damaged": "damaged"}),
    Task("fabric", "fabric-stain", "stained or clean", {"opened": "opened", "damaged": "damaged"}),
    Task("tagged", "secondhand-fashion", "with its tag or without", {"unopened": "unopened", "opened": "opened"}),
)
