"""Validation errors in words: the line, the path of the field, what is wrong and what would be right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from regrade.models.category.legal import fields_at, literals_at
from regrade.serving.policy.schema import PATTERNS
from regrade.serving.policy.source import Step, dotted

_ASKED = {
    "model_type": "a mapping of fields to values",
    "dict_type": "a mapping of fields to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text; put it in quotes if it looks like a number",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_too_short": "a text that says something",
    "too_short": "a list of at least one",
}


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """Where a field stands: its path in the file, and the line if it can be told."""

    path: tuple[Step, ...]
    line: int | None


def describe(
    model: type[BaseModel], error: ValidationError, place: Callable[[Sequence[Step]], FieldPlace]
) -> list[str]:
    """One sentence a fault of `error`, which validating `model` raised; `place` finds a path in the file.

    In the order of the lines.
    """
    faults: list[tuple[int, str]] = []
    for detail in error.errors(include_url=False):
        path = tuple(step for step in detail["loc"] if step != "[key]")
        where = place(path)
        line = f"line {where.line}: " if where.line else ""
        faults.append((where.line or 0, f"{line}{dotted(where.path)}: {_words(model, path, detail)}"))
    return [words for _, words in sorted(faults, key=lambda fault: fault[0])]


def _words(model: type[BaseModel], path: Sequence[Step], detail: Any) -> str:
    kind, given = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return f"no such field. Legal fields: {', '.join(fields_at(model, path[:-1]))}."
    if kind == "missing":
        return "missing; it must be set."
    if kind in ("literal_error", "enum"):
        legal = ", ".join(literals_at(model, path)) or detail["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        return f"{given!r} is not legal. Legal values: {legal}."
    if kind == "value_error":
        return f"{detail['ctx']['error']}."
    bounds = {
        "greater_than": ("gt", "greater than"),
        "greater_than_equal": ("ge", "at least"),
        "less_than": ("lt", "less than"),
        "less_than_equal": ("le", "at most"),
    }
    if kind in bounds:
        key, words = bounds[kind]
        return f"{given!r} is out of range; it must be {words} {detail['ctx'][key]:g}."
    if kind == "string_pattern_mismatch":
        return f"{given!r} is not legal; it must be {_asked_by(detail['ctx']['pattern'])}."
    if kind.startswith("title_"):
        return f"it {detail['msg']}."
    shown = "" if isinstance(given, dict | list) else f" (it is {given!r})"
    asked = _ASKED.get(kind) or detail["msg"].removeprefix("Input should be ")
    return f"it must be {asked}{shown}."


def _asked_by(pattern: str) -> str:
    return PATTERNS.get(pattern, f"text that fits {pattern}")
