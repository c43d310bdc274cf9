"""A grade scale of somebody's own: from a condition and its defects to a name such as `B` or `fair`, by rules."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from regrade.models.category.fields import Condition, Model, Title, as_tuple
from regrade.models.types import CONDITIONS

Severity = Literal["none", "minor", "major"]
"""The worst severity among the recorded defects; `none` where no defect was recorded."""

SEVERITIES: tuple[Severity, ...] = ("none", "minor", "major")


class GradeRule(Model):
    """The name for items of which all that is written holds. Of several rules, the first one counts.

    `severity_in` is about the worst defect recorded; `defect_in` holds when at least one of these was.
    """

    grade: Title
    condition_in: Annotated[list[Condition], Field(min_length=1)] | None = None
    severity_in: Annotated[list[Severity], Field(min_length=1)] | None = None
    defect_in: Annotated[list[str], Field(min_length=1)] | None = None


def _rules(value: Any) -> Any:
    """A mapping of conditions to names is a rule for each."""
    if isinstance(value, dict):
        known = sorted(value.items(), key=lambda pair: CONDITIONS.index(pair[0]) if pair[0] in CONDITIONS else -1)
        return tuple({"grade": grade, "condition_in": [condition]} for condition, grade in known)
    return as_tuple(value)


Grades = Annotated[tuple[GradeRule, ...], BeforeValidator(_rules)]
"""A scale, as rules or as a mapping of conditions to names; empty where a condition's name is all there is."""


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


def faults(rules: Sequence[GradeRule], conditions: Sequence[str]) -> Iterator[tuple[int | None, str]]:
    """Items of `conditions` that no rule names, and rules that never count, each with the rule's index (None: all of
    them together). None where there are no rules.

    It suffices to look at items with at most one defect: a rule that holds for one of an item's defects holds for the
    item, so that with more of them earlier rules only take more.
    """
    if not rules:
        return
    yield from _names_of_two(rules)
    reached: set[int | None] = set()
    for condition in conditions:
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


def _names_of_two(rules: Sequence[GradeRule]) -> Iterator[tuple[int, str]]:
    """Grades are stored by their English name, so that one name cannot have two translations."""
    known: dict[str, str] = {}
    for index, rule in enumerate(rules):
        words = rule.grade
        if known.setdefault(words.en, words.zh_cn) != words.zh_cn:
            yield index, f"'{words.en}' is '{known[words.en]}' in an earlier rule, and '{words.zh_cn}' here; keep one"


def _items(rules: Sequence[GradeRule]) -> Iterator[tuple[Severity, frozenset[str]]]:
    """Without a defect, and with one of each code that a rule speaks of, and with one that none speaks of."""
    yield "none", frozenset()
    named = dict.fromkeys(code for rule in rules for code in rule.defect_in or ())
    for worst in SEVERITIES[1:]:
        for code in (*named, "any other"):
            yield worst, frozenset((code,))
