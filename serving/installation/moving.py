"""Moves the photos of a site from files into a bucket, from there back, or from one bucket to another.

Photo by photo: read and compared with its hash, sent, and seen to be there. What is there already is only seen to be
whole, so that moving may be broken off anywhere and gone on with. Only when all are there is it written down where they
are now; until then nothing has changed. What was moved stays where it was, until it is removed there.
"""

import hashlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from regrade.serving.base.errors import PhotoDamagedError
from regrade.serving.storage.photostore import LocalPhotoStore, PhotoStore

AT_ONCE: Final = 8
PART: Final = 500

Progress = Callable[[int, int], None]
"""Is told how many photos of how many are done."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How many photos are there now, how many of them had to be sent, and those that could not be: missing or damaged
    where they were."""

    photos: int
    sent: int
    lost: tuple[str, ...]


def move_photos(source: PhotoStore, target: PhotoStore, wanted: Collection[str], progress: Progress) -> Moved:
    """Bring the photos `wanted` from one store to another. Raises `PhotosAwayError` and `StorageError`; moved anew, it
    goes on."""
    hashes, done, sent = sorted(wanted), 0, 0
    lost: list[str] = []
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="move") as movers:
        for start in range(0, len(hashes), PART):
            some = hashes[start : start + PART]
            for sha256, was_sent in zip(some, movers.map(partial(_move, source, target), some), strict=True):
                done += 1
                sent += was_sent is True
                if was_sent is None:
                    lost.append(sha256)
                progress(done, len(hashes))
    return Moved(len(hashes) - len(lost), sent, tuple(lost))


def _move(source: PhotoStore, target: PhotoStore, sha256: str) -> bool | None:
    """Whether the photo had to be sent; None where it cannot be."""
    try:
        data = source.examine(sha256)
    except PhotoDamagedError:
        # It may have been moved before, and removed where it was.
        return False if _is_there(target, sha256) else None
    if target.size(sha256) == len(data) and _is_there(target, sha256):
        return False
    keep(target, sha256, data)
    return True


def keep(target: PhotoStore, sha256: str, data: bytes) -> None:
    """Put one photo into a store, durably, and read it back."""
    target.keep(sha256, data)
    if hashlib.sha256(target.examine(sha256)).hexdigest() != sha256:
        raise PhotoDamagedError(sha256, missing=False)


def _is_there(target: PhotoStore, sha256: str) -> bool:
    try:
        target.examine(sha256)
    except PhotoDamagedError:
        return False
    return True


def remove_all(source: PhotoStore, moved: Collection[str]) -> None:
    """Remove photos where they were, once they are elsewhere."""
    hashes = sorted(moved)
    for start in range(0, len(hashes), PART):
        source.remove(hashes[start : start + PART], lambda _: set())
    if isinstance(source, LocalPhotoStore):
        for folder in source.root.iterdir():
            if folder != source.staging and not any(folder.iterdir()):
                folder.rmdir()
