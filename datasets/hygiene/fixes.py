"""Fixes to a manifest: proposed by `regrade data hygiene`, chosen by a person, applied by `regrade data apply-fixes`.

One JSON object a line, for one photo each; only those that are `chosen` are made:

    {"id": "pk-17", "issue": "leak", "suggestion": {"group": "pk-3", "split": "train"}, "reason": "…", "chosen": true}
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from regrade.datasets.category import Category
from regrade.datasets.manifest import SPLITS, Record
from regrade.datasets.validation import dataset_error, one_of
from regrade.models.errors import DatasetError
from regrade.models.types import CONDITIONS

ISSUES: tuple[str, ...] = ("leak", "group", "copy", "label", "outlier")
_STRICT = ConfigDict(extra="forbid", strict=True)
_Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What to change of a photo's record; None leaves it. `remove` drops the record and leaves the file."""

    __pydantic_config__ = _STRICT

    group: _Text | None = None
    split: Annotated[str, AfterValidator(one_of("split", SPLITS))] | None = None
    condition: Annotated[str, AfterValidator(one_of("condition", CONDITIONS))] | None = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """A change to the record `id`, why it is proposed, and by what sort of issue."""

    __pydantic_config__ = _STRICT

    id: _Text
    issue: Annotated[str, AfterValidator(one_of("issue", ISSUES))]
    suggestion: Suggestion
    reason: str = ""
    chosen: bool = False


_FIX = TypeAdapter(Fix)


def fix_row(fix: Fix) -> dict[str, object]:
    """The fix as a JSON object, what it leaves alone left out."""
    suggestion = {name: value for name, value in asdict(fix.suggestion).items() if value}
    return {"id": fix.id, "issue": fix.issue, "suggestion": suggestion, "reason": fix.reason, "chosen": fix.chosen}


def fix_lines(fixes: Iterable[Fix]) -> str:
    """The fixes as JSONL."""
    return "".join(json.dumps(fix_row(fix), ensure_ascii=False) + "\n" for fix in fixes)


def read_fixes(path: Path) -> list[tuple[str, Fix]]:
    """Where each fix stands, and what it is. Raises `DatasetError` naming file, line and field."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from None
    fixes = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            where = f"{path}:{number}"
            try:
                fixes.append((where, _FIX.validate_json(line)))
            except ValidationError as error:
                raise dataset_error(where, error, tuple(Fix.__dataclass_fields__)) from None
    return fixes


def check_conditions(
    records: Sequence[Record], fixes: Iterable[tuple[str, Fix]], categories: Mapping[str, Category]
) -> None:
    """Raise `DatasetError` for a chosen condition that the photo's category does not have."""
    category_of = {record.id: record.category for record in records}
    for where, fix in fixes:
        category = categories.get(category_of.get(fix.id, ""))
        condition = fix.suggestion.condition
        if fix.chosen and category is not None and condition not in (None, *category.condition_names):
            legal = ", ".join(category.condition_names)
            raise DatasetError(f"{where}: condition: '{condition}' in {category.name}; legal values: {legal}")


def apply_fixes(records: Sequence[Record], fixes: Iterable[tuple[str, Fix]]) -> list[Record]:
    """`records` with the chosen fixes made, one after the other; a removed record stays removed.

    A condition that a person decided takes the place of the votes. Raises `DatasetError` for an unknown id.
    """
    by_id = {record.id: record for record in records}
    removed: set[str] = set()
    for where, fix in fixes:
        if fix.id not in by_id:
            raise DatasetError(f"{where}: id: the dataset has no photo '{fix.id}'")
        if not fix.chosen:
            continue
        suggestion, record = fix.suggestion, by_id[fix.id]
        if suggestion.remove:
            removed.add(fix.id)
        if suggestion.condition is not None:
            record = replace(record, condition=suggestion.condition, votes=(suggestion.condition,))
        by_id[fix.id] = replace(record, group=suggestion.group or record.group, split=suggestion.split or record.split)
    return [by_id[record.id] for record in records if record.id not in removed]
