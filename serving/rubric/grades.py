"""From a condition and its defects to the seller's own grade name, by ordered rules."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from regrade.models.types import CONDITIONS
from regrade.serving.rubric.schema import SEVERITIES, GradeRule, Severity
from regrade.serving.rubric.types import Rubric


class Found(Protocol):
    """A defect, the model's or a reviewer's."""

    @property
    def type(self) -> str: ...
    @property
    def severity(self) -> str: ...


def seller_grade(rubric: Rubric, condition: str, defects: Iterable[Found]) -> str | None:
    """What the seller calls an item of `condition` with `defects`; None where his rubric has no grade names."""
    found = tuple(defects)
    rule = first_rule(rubric.grades, condition, _worst(found), frozenset(defect.type for defect in found))
    return None if rule is None else rubric.grades[rule].grade


def first_rule(rules: Sequence[GradeRule], condition: str, worst: Severity, codes: frozenset[str]) -> int | None:
    """The index of the rule that counts for an item."""
    for index, rule in enumerate(rules):
        if rule.condition_in is not None and condition not in rule.condition_in:
            continue
        if rule.severity_in is not None and worst not in rule.severity_in:
            continue
        if rule.defect_in is not None and codes.isdisjoint(rule.defect_in):
            continue
        return index
    return None


def faults(rules: Sequence[GradeRule]) -> Iterator[tuple[int | None, str]]:
    """Items that no rule names, and rules that never count, each with the rule's index (None: all of them together).

    It suffices to look at items with at most one defect: a rule that holds for one of an item's defects holds for the
    item, so that with more of them earlier rules only take more.
    """
    reached: set[int | None] = set()
    for condition in CONDITIONS:
        nameless = []
        for worst, codes in _items(rules):
            index = first_rule(rules, condition, worst, codes)
            reached.add(index)
            if index is None and worst not in nameless:
                nameless.append(worst)
        if nameless:
            whose = "" if len(nameless) == len(SEVERITIES) else f" whose worst defect is {' or '.join(nameless)}"
            yield None, f"no rule names an item that is {condition}{whose}; end with one that does"
    for index in range(len(rules)):
        if index not in reached:
            yield index, "never counts: the rules before it take every item that it names; move it up or remove it"


def _items(rules: Sequence[GradeRule]) -> Iterator[tuple[Severity, frozenset[str]]]:
    """Without a defect, and with one of each code that a rule speaks of, and with one that none speaks of."""
    yield "none", frozenset()
    named = dict.fromkeys(code for rule in rules for code in rule.defect_in or ())
    for worst in SEVERITIES[1:]:
        for code in (*named, "any other"):
            yield worst, frozenset((code,))


def _worst(defects: Iterable[Found]) -> Severity:
    severities = {defect.severity for defect in defects}
    return "major" if "major" in severities else "minor" if severities else "none"
