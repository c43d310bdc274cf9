"""Copies of photos that are kept in a bucket, as files on this machine: a cache that may be deleted."""

import hashlib
import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from regrade.serving.storage.photostore import make_directories, place
from regrade.serving.storage.picture_cache import note_use, shrink, write_private

_LEFT: Final = 0.9
"""Of the bound, when it was counted, and the copies that were not wanted for the longest time have been removed."""
_COUNTED: Final = 0.05
"""Of the bound: what a process adds before it counts anew what all of them have added. So N processes keep to the bound
but for N - 2 such shares."""
_USED_EVERY: Final = 60.0
"""Seconds within which a use is not noted again."""

log = logging.getLogger("regrade")


class PhotoCache:
    """Files under `root`, by the hashes of the photos; at most `most_bytes` of them. Methods block.

    Several processes may have it. Nothing is synced to the disk: what a crash leaves of a copy is found by its hash,
    and what it leaves unfinished counts, and goes, as the rest does. Where there is no room, nothing is kept.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self.root = root
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self._added: int | None = None
        """Bytes that this process added since it last counted; None where it never did."""
        self._told = False

    def path(self, sha256: str) -> Path:
        """The file that holds, or would hold, a copy of the photo."""
        return place(self.root, sha256)

    def get(self, sha256: str) -> bytes | None:
        """A photo, whole; None where there is no copy, or a damaged one, which is removed."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            self.forget(sha256)
            return None
        note_use(path, _USED_EVERY)
        return data

    def put(self, sha256: str, data: bytes) -> None:
        """Keep a copy, and let go of old ones where there are too many bytes of them."""
        if len(data) > self.most_bytes * _LEFT:
            return
        path = self.path(sha256)
        fresh = path.with_name(f"{sha256}.{uuid4().hex}.tmp")
        try:
            make_directories(path.parent)
            write_private(fresh, data)
            fresh.replace(path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            if not self._told:
                log.warning("photos cannot be kept in %s: %s", self.root, error.strerror)
            self._told = True
            return
        self._told = False
        self._grown(len(data))

    def forget(self, sha256: str) -> None:
        """Remove what there is of a photo, unfinished copies too."""
        for path in self.path(sha256).parent.glob(f"{sha256}*"):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _grown(self, size: int) -> None:
        with self._lock:
            if self._added is not None:
                self._added += size
                if self._added < self.most_bytes * _COUNTED:
                    return
            self._added = 0
            shrink(self.root, self.most_bytes * _LEFT)
