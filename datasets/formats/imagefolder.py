"""ImageFolder: photos in folders named by their condition, as torchvision and Hugging Face read them.

    [SPLIT/]CONDITION/[GROUP/]photo.jpg

A folder below the condition's is one item (or one session): its photos are a group. Photos nobody could decide on
lie in `undecided/`. A folder may be named by a defect type as well, which says nothing of the condition.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from regrade.datasets.category import Category
from regrade.datasets.formats.draft import Draft, Stated
from regrade.datasets.formats.files import SourceFolder, file_name, is_photo, original_text, split_of, walk
from regrade.datasets.manifest import Record
from regrade.datasets.report import UNDECIDED
from regrade.models.errors import DatasetError


def read(source: SourceFolder) -> list[Draft]:
    """A draft for each photo below the folder; files of other kinds are passed over."""
    if not source.given.is_dir():
        raise DatasetError(f"{source.given}: is a file; an ImageFolder is a folder of folders named by condition")
    drafts = [_draft(source, path) for path in walk(source.path) if is_photo(path)]
    if not drafts:
        raise DatasetError(f"{source.path}: holds no photo in a folder named by condition")
    return drafts


def _draft(source: SourceFolder, path: Path) -> Draft:
    if not source.inside(path):
        raise DatasetError(f"{path}: a link out of {source.path}; copy the photo there")
    folders = list(path.relative_to(source.path).parts[:-1])
    split = split_of(folders[0]) if folders else None
    if split is not None:
        folders.pop(0)
    if not folders:
        raise DatasetError(f"{path}: lies in no folder named by condition")
    label, *group = folders
    stated = Stated(split=split, group=original_text("/".join(group)) or None)
    return Draft(file=path, where=str(path), stated=stated, labels=((label,),))


def write(records: Sequence[Record], categories: Mapping[str, Category], folder: Path) -> None:
    """`SPLIT/CONDITION/ID.jpg`; groups of several photos get a folder of their own below."""
    sizes = Counter(record.group for record in records)
    for record in records:
        place = folder / record.split / (record.condition or UNDECIDED)
        if sizes[record.group] > 1:
            place /= file_name(record.group)
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record.file, place / (file_name(record.id) + record.file.suffix))
