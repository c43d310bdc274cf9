"""Which items are graded anew, in a list that is made once: what comes or goes later changes no part of it."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from regrade.serving.base.errors import BulkError
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.s3.objects import Objects

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif")


@dataclass(frozen=True, slots=True)
class Work:
    """One item. `photos` are paths below the folder, or SHA-256 hashes of stored ones; `category` is the one that was
    declared, None where the model says."""

    id: str
    photos: tuple[str, ...]
    category: str | None = None


def of_folder(folder: Path) -> Iterator[Work]:
    """Each photo in `folder` and below it, as an item of its own; its id is its path. In the order of the paths.

    Raises `BulkError` for what is no folder.
    """
    if not folder.is_dir():
        raise BulkError(f"There is no folder {folder}. Name one with photos, or `store` for those of the service.")
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES:
                path = (Path(root) / name).relative_to(folder).as_posix()
                # Names need not be UTF-8, ids must: the path keeps the bytes.
                yield Work(readable(path), (path,))


def of_bucket(objects: Objects) -> Iterator[Work]:
    """Each photo in a bucket below a prefix, as an item of its own; its id is its name. In the order of the names.

    Raises `PhotosAwayError`.
    """
    for name in objects.names():
        if Path(name).suffix.lower() in SUFFIXES:
            yield Work(name, (name,))


def read_of(objects: Objects, name: str) -> bytes:
    """The bytes of a photo in a bucket; raises OSError where it is gone, and `PhotosAwayError`."""
    if (data := objects.get(name)) is None:
        raise FileNotFoundError(name)
    return data


def read_in(folder: Path, name: str) -> bytes:
    """The bytes of a photo of `folder`; raises OSError, also for what is no file: a pipe would be waited for."""
    path = folder / name
    if path.exists() and not path.is_file():
        raise OSError(f"{readable(name)} is no file")
    return path.read_bytes()


def readable(path: str) -> str:
    """A path as text that can be written anywhere: bytes of it that are not UTF-8 as `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def of_store(past: Iterable[Inspection]) -> Iterator[Work]:
    """The items of an installation that still have photos, in the order of `past`."""
    for one in past:
        if one.erased is None and one.photos:
            yield Work(one.id, tuple(photo.sha256 for photo in one.photos), one.item.get("category"))


def write_list(items: Iterable[Work], file: Path) -> int:
    """Write the list, a line of JSON an item; returns how many there are. An unfinished one stays apart."""
    count = 0
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8") as out:
        for one in items:
            out.write(json.dumps(asdict(one)) + "\n")  # in ASCII, which keeps names that are not UTF-8
            count += 1
    unfinished.replace(file)
    return count


def read_parts(file: Path, size: int) -> Iterator[list[Work]]:
    """The list again, `size` items at a time."""
    with file.open(encoding="utf-8") as lines:
        while some := [json.loads(line) for line in islice(lines, size)]:
            yield [Work(one["id"], tuple(one["photos"]), one["category"]) for one in some]
