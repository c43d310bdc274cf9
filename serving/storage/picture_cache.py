"""Pictures that were made of stored photos, as files: a cache that may be deleted, and that keeps to a bound."""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from regrade.serving.storage import private
from regrade.serving.storage.photostore import make_directories

_DIGEST: Final = hashlib.sha256().digest_size
_LEFT: Final = 0.9
"""Of the bound, once the pictures that were not wanted for the longest time have been removed."""
_USED_EVERY: Final = 3600.0
"""Seconds within which a use is not noted again."""

log = logging.getLogger("regrade")


class PictureCache:
    """Files under `root`, by the hash of the photo and a word for what was made of it. Methods block.

    A file begins with the hash of what follows: it is not synced to the disk, so that a loss of power may leave half of
    it. Where it cannot be written, for want of room, nothing is kept.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.root = root
        self._most_bytes = most_bytes
        self._bytes: int | None = None
        self._lock = threading.Lock()
        self._told = False
        """Whether it is in the log that the cache cannot be written."""

    def get(self, sha256: str, made: str) -> bytes | None:
        """The picture `made` of the photo `sha256`; None where it is not there whole."""
        path = self._path(sha256, made)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        data = stored[_DIGEST:]
        if stored[:_DIGEST] != hashlib.sha256(data).digest():
            return None
        note_use(path, _USED_EVERY)
        return data

    def put(self, sha256: str, made: str, data: bytes) -> None:
        """Keep a picture, and let go of old ones where there are too many bytes of them."""
        path = self._path(sha256, made)
        fresh = path.with_name(f"{path.stem}.{uuid4().hex}.tmp")
        try:
            make_directories(path.parent)
            write_private(fresh, hashlib.sha256(data).digest() + data)
            fresh.replace(path)
        except OSError as error:
            # A full disk makes pictures slow, and no worse.
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            if not self._told:
                log.warning("pictures cannot be kept in %s: %s", self.root, error.strerror)
            self._told = True
            return
        self._told = False
        self._grown(_DIGEST + len(data))

    def forget(self, sha256: str) -> None:
        """Remove all that was made of a photo."""
        for path in (self.root / sha256[:2]).glob(f"{sha256}-*"):
            path.unlink(missing_ok=True)

    def _path(self, sha256: str, made: str) -> Path:
        return self.root / sha256[:2] / f"{sha256}-{made}.jpg"

    def _grown(self, size: int) -> None:
        with self._lock:
            self._bytes = sum(one[1] for one in _files(self.root)) if self._bytes is None else self._bytes + size
            if self._bytes > self._most_bytes:
                self._bytes = shrink(self.root, int(self._most_bytes * _LEFT))


# What other caches of files do likewise, `ROOT/ab/…` each.


def shrink(root: Path, most: float) -> int:
    """Remove the files of a cache that were used the longest time ago, until at most `most` bytes are left; returns how
    many are."""
    files = sorted(_files(root))
    left = sum(size for _, size, _ in files)
    for _, size, path in files:
        if left <= most:
            break
        with suppress(OSError):
            path.unlink(missing_ok=True)
        left -= size
    return left


def _files(root: Path) -> Iterator[tuple[float, int, Path]]:
    """When each file was used, its size and its path."""
    for path in root.glob("??/*"):
        with suppress(OSError):  # another process may have removed it
            about = path.stat()
            yield about.st_mtime, about.st_size, path


def note_use(path: Path, every: float) -> None:
    """Note that a file was used, unless that was noted within `every` seconds."""
    # It may have been removed a moment ago, or the disk cannot be written.
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > every:
            os.utime(path)


def write_private(path: Path, data: bytes) -> None:
    """Write a new file for its owner alone, without syncing it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private.FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
