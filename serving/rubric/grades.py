"""From a condition and its defects to the name that the scale of a rubric has for it."""

from collections.abc import Iterable
from typing import Protocol

from regrade.models.category.fields import Words
from regrade.models.category.scale import Severity, first_rule
from regrade.serving.rubric.types import Rubric


class Found(Protocol):
    """A defect, the model's or a reviewer's."""

    @property
    def type(self) -> str: ...
    @property
    def severity(self) -> str: ...


def seller_grade(rubric: Rubric, condition: str, defects: Iterable[Found]) -> str | None:
    """What an item of `condition` with `defects` is called, as it is stored, in English; None without a scale."""
    words = grade_words(rubric, condition, defects)
    return None if words is None else words.en


def grade_words(rubric: Rubric, condition: str, defects: Iterable[Found]) -> Words | None:
    """What an item of `condition` with `defects` is called; None where the rubric has no scale."""
    found = tuple(defects)
    rule = first_rule(rubric.grades, condition, _worst(found), frozenset(defect.type for defect in found))
    return None if rule is None else rubric.grades[rule].grade


def grade_in(rubric: Rubric | None, stored: str | None, lang: str) -> str | None:
    """A name as it was stored, in `lang` where the rubric still has it."""
    if rubric is None or stored is None:
        return stored
    return next((rule.grade.to(lang) for rule in rubric.grades if rule.grade.en == stored), stored)


def _worst(defects: Iterable[Found]) -> Severity:
    severities = {defect.severity for defect in defects}
    return "major" if "major" in severities else "minor" if severities else "none"
