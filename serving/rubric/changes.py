"""What differs between two versions of a rubric, and whether the version says so."""

from collections.abc import Iterator
from dataclasses import dataclass

from regrade.models.category.fields import Words
from regrade.serving.base.errors import RubricError
from regrade.serving.rubric.types import Rubric, identity


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs, such as `conditions.used.text`, and how: a key of `HOW`."""

    field: str
    how: str

    def __str__(self) -> str:
        return f"{self.field} ({HOW[self.how]})"


HOW = {
    "changed": "changed",
    "changed_en": "changed in en",
    "changed_zh": "changed in zh-CN",
    "added": "added",
    "removed": "removed",
    "moved": "in another order",
}
"""What may have become of a field, in words."""


def changes(old: Rubric, new: Rubric) -> tuple[Change, ...]:
    """Every field that differs, in the order of a file."""
    return tuple(_changes(old, new))


def changed_conditions(old: Rubric, new: Rubric) -> tuple[str, ...]:
    """The conditions whose meaning may have changed: their own text, or all of them where a clarification did."""
    if old.clarifications != new.clarifications:
        return tuple(new.conditions)
    before = {name: entry.text for name, entry in old.conditions.items()}
    return tuple(name for name, entry in new.conditions.items() if entry.text != before.get(name))


def refuse_same_version(old: Rubric, new: Rubric) -> tuple[Change, ...]:
    """What changed from `old` to `new`.

    Raises `RubricError` where they are of different categories or sellers, and where something changed but the version
    did not go up: decisions already made refer to what the version said then.
    """
    if (old.category, old.seller) != (new.category, new.seller):
        raise RubricError(
            f"{old.origin} is the rubric {identity(old.category, old.seller)} and {new.origin} is "
            f"{identity(new.category, new.seller)}; compare two versions of the same one."
        )
    found = changes(old, new)
    if found and new.version <= old.version:
        listed = ", ".join(str(change) for change in found)
        raise RubricError(
            f"{new.origin}: version: {new.label} says something else than {old.label} did ({old.origin}): {listed}. "
            f"Raise version to {old.version + 1} or higher: decisions already made refer to {old.label}."
        )
    return found


def _changes(old: Rubric, new: Rubric) -> Iterator[Change]:
    if old.extends != new.extends:
        yield Change("extends", "changed")
    for name, entry in new.conditions.items():
        before = old.conditions.get(name)
        if before is None:
            yield Change(f"conditions.{name}", "added")
            continue
        yield from _words(f"conditions.{name}.text", before.text, entry.text)
        if before.examples != entry.examples:
            yield Change(f"conditions.{name}.examples", "changed")
    yield from (Change(f"conditions.{name}", "removed") for name in old.conditions if name not in new.conditions)
    for index in range(max(len(old.clarifications), len(new.clarifications))):
        field = f"clarifications[{index}]"
        if index >= len(new.clarifications):
            yield Change(field, "removed")
        elif index >= len(old.clarifications):
            yield Change(field, "added")
        else:
            yield from _words(field, old.clarifications[index], new.clarifications[index])
    for code, words in new.defects.items():
        if code not in old.defects:
            yield Change(f"defects.{code}", "added")
        else:
            yield from _words(f"defects.{code}", old.defects[code], words)
    yield from (Change(f"defects.{code}", "removed") for code in old.defects if code not in new.defects)
    shared = [code for code in old.defects if code in new.defects]
    if shared != [code for code in new.defects if code in old.defects]:
        yield Change("defects", "moved")
    if old.grades != new.grades:
        yield Change("grades", "changed")


def _words(field: str, old: Words, new: Words) -> Iterator[Change]:
    english, chinese = old.en != new.en, old.zh_cn != new.zh_cn
    if english or chinese:
        yield Change(field, "changed" if english and chinese else "changed_en" if english else "changed_zh")
