"""`regrade data export`: a dataset of ours → a folder in a format of others, whole or not at all."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from regrade.datasets.atomic import new_folder
from regrade.datasets.category import Category
from regrade.datasets.formats.registry import DatasetFormat
from regrade.datasets.manifest import Record
from regrade.models.errors import DatasetError


def export_dataset(
    kind: DatasetFormat, records: Sequence[Record], categories: Mapping[str, Category], out: Path
) -> None:
    """Write `records` and copies of their photos to the new folder `out`.

    Raises `DatasetError` for no records, a category without a definition and a missing photo; `out` is then not there.
    """
    if not records:
        raise DatasetError("nothing to export: no photo of the dataset is left by what was asked for")
    for record in records:
        if record.category not in categories:
            raise DatasetError(f"{record.id}: unknown category '{record.category}'; legal: {', '.join(categories)}")
        if not record.file.is_file():
            raise DatasetError(f"{record.id}: no photo at {record.file}; see regrade data check")
    with new_folder(out) as folder:
        kind.write(records, categories, folder)
