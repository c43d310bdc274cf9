"""Whether the version of a category went up with what reviewers judge by: decisions already made refer to it."""

from typing import Final

from regrade.models.category.schema import Category
from regrade.models.errors import DatasetError

JUDGED_BY: Final = ("conditions", "clarifications", "defect_types", "grades")


def changed(old: Category, new: Category) -> tuple[str, ...]:
    """The fields of `JUDGED_BY` in which the two differ."""
    return tuple(field for field in JUDGED_BY if getattr(old, field) != getattr(new, field))


def refuse_same_version(old: Category, new: Category) -> None:
    """Raise `DatasetError` where what reviewers judge by has changed and `version` has not gone up."""
    fields = changed(old, new)
    if old.has_rubric and fields and new.version <= old.version:
        raise DatasetError(
            f"{new.name}: version: {', '.join(fields)} changed since {old.name}@{old.version}. Set version to "
            f"{old.version + 1} or higher: decisions already made refer to {old.name}@{old.version}."
        )
