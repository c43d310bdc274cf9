"""What files of datasets are refused for, in one sentence that says where the file is wrong and what would be right."""

from collections.abc import Sequence

from regrade.models.category.fields import INCONSISTENT
from regrade.models.category.validation import dataset_error, field_path, one_of
from regrade.models.errors import DatasetError

__all__ = ["INCONSISTENT", "OWN_CATEGORIES", "dataset_error", "field_path", "one_of", "one_of_these"]

OWN_CATEGORIES = "Name the folder of your own definitions with --categories."
"""What to do about a category that is not known."""


def one_of_these(what: str, value: str, legal: Sequence[str]) -> None:
    """Raise `DatasetError`, listing the `legal` values, where `value` is none of them."""
    if value not in legal:
        raise DatasetError(f"{what}: unknown value '{value}'; legal values: {', '.join(legal)}")
