"""Checked rubrics, ready to be shown and recorded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from regrade.models.category.fields import Words
from regrade.models.category.scale import GradeRule
from regrade.serving.examples.items import PHOTOS
from regrade.serving.rubric.schema import ConditionText, DefectText


@dataclass(frozen=True, slots=True)
class Rubric:
    """One version of the rubric of a category, complete: a seller's own holds what it takes over from the house.

    `conditions` are those of the category, in the order of `CONDITIONS`; `defects` are the codes to record, most severe
    first; `grades` maps to the grade names of a scale and is empty where there is none. `file` is where it was written;
    None: in the category's definition.
    """

    category: str
    seller: str | None
    version: int
    extends: str | None
    conditions: Mapping[str, ConditionText]
    clarifications: tuple[Words, ...]
    defects: Mapping[str, DefectText]
    grades: tuple[GradeRule, ...]
    file: Path | None

    @property
    def label(self) -> str:
        """How a decision refers to the rubric it was made by: `toys@1`, or `acme/toys@2` for a seller's."""
        return f"{identity(self.category, self.seller)}@{self.version}"

    @property
    def origin(self) -> str:
        """Where it was written, in words."""
        return f"the definition of {self.category}" if self.file is None else str(self.file)

    @property
    def grade_names(self) -> tuple[str, ...]:
        """The grade names that can be given, in the order of the rules."""
        return tuple(dict.fromkeys(rule.grade.en for rule in self.grades))


@dataclass(frozen=True, slots=True)
class Rubrics:
    """All rubrics in force, by category and seller (None: the house's)."""

    by_place: Mapping[tuple[str, str | None], Rubric]

    def of(self, category: str | None, seller: str | None) -> Rubric | None:
        """The rubric by which an item is judged: the seller's own, else the house's, else None."""
        if category is None:
            return None
        return self.by_place.get((category, seller)) or self.by_place.get((category, None))

    def __iter__(self) -> Iterator[Rubric]:
        return iter(self.by_place.values())

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that have a rubric."""
        return tuple(dict.fromkeys(category for category, _ in self.by_place))


def identity(category: str, seller: str | None) -> str:
    """The label without its version: `toys`, `acme/toys`."""
    return category if seller is None else f"{seller}/{category}"


@cache
def example_photos() -> Mapping[str, Path]:
    """The photos that a rubric may show, by name: those that the product renders, for its demo or for rubrics alone."""
    return {path.name: path for path in sorted(PHOTOS.glob("*.jpg"))}


def example_photo(name: str) -> Path:
    """The file of an example photo (JPEG). Raises `KeyError` for any other name than those of `example_photos`."""
    return example_photos()[name]
