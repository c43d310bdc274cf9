"""Photos that are sent ahead of their items, so that grading an item need only name them.

They lie as files, `ROOT/KEY/HASH`, apart by the key that sent them: what one key has sent no other can use, nor find
out. Of a photo that has come in part, `HASH.TOTAL.part` holds what is there; more is put behind it, also after a
restart. Its name says how many bytes the photo is to have, to which later parts are held (`HASH.part`: nobody said).
What is told to a client is on the disk by then. Nothing stays longer than its time, and no key may have more than its
budget.
"""

import fcntl
import hashlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from regrade.models.errors import PhotoError
from regrade.models.files import sync_folder
from regrade.models.photos.intake import IntakeLimits, check_photo
from regrade.serving.base.errors import BudgetError, UploadError, UploadGapError
from regrade.serving.base.i18n import Message
from regrade.serving.storage import private
from regrade.serving.storage.directio import write_new
from regrade.serving.storage.disk import storage_faults, written
from regrade.serving.storage.photostore import make_directories, unused_for

FOLDER: Final = "uploads"
SWEEP_SECONDS: Final = 60.0
BLOCK: Final = 4096
"""Bytes that a file takes at least, however little it holds: without that, a budget of bytes is none of files."""
_PART: Final = ".part"
_NEW: Final = ".new"

log = logging.getLogger("regrade")


@dataclass(frozen=True, slots=True)
class Staged:
    """What is there of a photo: its first `size` bytes, or all (`whole`); until `expires_at`, where anything is.

    `total` is how many bytes it has, or was said to have with its first part; None where nobody has said.
    """

    sha256: str
    size: int
    whole: bool
    expires_at: datetime | None
    total: int | None = None
    fresh: bool = False
    """Whether it became whole by this very request."""

    def refuse_other(self, total: int | None) -> None:
        """Raise `UploadError` (`upload-total-mismatch`) where the photo has another number of bytes than `total`."""
        if total is not None and self.total is not None and total != self.total:
            params = {"total": total, "known": self.total}
            raise UploadError("upload-total-mismatch", Message("problem.upload_total", params))


class StagedPhotos:
    """The photos sent ahead, of one installation. Methods block on the disk and may be called from any thread.

    `lifetime` is in seconds, `budget` in bytes for each key. With `shared`, several processes have them: one alone then
    writes to a photo at a time; what others are taking in at that moment is not counted in a key's budget.
    """

    def __init__(
        self,
        root: Path,
        limits: IntakeLimits,
        *,
        lifetime: float,
        budget: int,
        now: Callable[[], float] = time.time,
        shared: bool = False,
    ) -> None:
        self.root = root
        self._limits = limits
        self._lifetime = lifetime
        self._budget = budget
        self._now = now
        self._shared = shared
        self._locks = tuple(threading.Lock() for _ in range(16))
        self._counting = threading.Lock()
        self._coming: Counter[str] = Counter()
        """Bytes that are being written, by key."""
        self._swept_at = -float("inf")

    def find(self, key_id: str, sha256: str) -> Path | None:
        """The file of a photo that `key_id` has sent ahead, whole, and that has not expired."""
        path = self._path(key_id, sha256)
        return path if self._expiry(path) is not None else None

    def state(self, key_id: str, sha256: str) -> Staged:
        """What is there of a photo. A whole one is kept for its full time again."""
        with self._lock(sha256):
            return self._state(key_id, sha256)

    def put(self, key_id: str, sha256: str, at: int, data: bytes | bytearray, total: int | None) -> Staged:
        """Take `data`, the bytes of a photo from `at` on, of `total` (None where nobody has said).

        Bytes that are there already are left as they are, and must be the same. When this returns, what it tells
        survives a loss of power.
        Raises `UploadGapError` where bytes before `at` are missing, `UploadError` (`upload-hash-mismatch`) or
        `PhotoError` for a whole that is not what its hash says or no photo, of which nothing is kept, `UploadError`
        (`upload-total-mismatch`) for a part of another total than the first one's, `BudgetError`, and `StorageError`.
        """
        with storage_faults(), self._lock(sha256):
            there = self._state(key_id, sha256)
            if not there.whole and at > there.size:
                raise UploadGapError(there.size)
            if len(data) != total:  # a whole shows by its hash what is right
                there.refuse_other(total)
            path = self._path(key_id, sha256) if there.whole else self._part(key_id, sha256)
            if there.size and not same_bytes(path, at, data, there.size):
                raise UploadError("upload-hash-mismatch", Message("problem.upload_hash", {"photo": sha256}))
            if there.whole:
                return there
            fresh = bytes(data[there.size - at :])
            with self._room(key_id, len(fresh)):
                if total is not None and at + len(data) == total:
                    return self._complete(key_id, sha256, there.size, fresh, total)
                return self._append(key_id, sha256, fresh, there.total or total)

    def drop(self, key_id: str, hashes: Collection[str]) -> None:
        """Remove photos of a key: they are in the photo store by now."""
        for sha256 in set(hashes):
            with self._lock(sha256), suppress(OSError):
                self._path(key_id, sha256).unlink(missing_ok=True)

    def forget(self, sha256: str) -> None:
        """Remove a photo, whoever sent it and however much of it there is: it was erased."""
        with self._lock(sha256):
            found = [path for path in self._files() if path.name.split(".")[0] == sha256]
            for path in found:
                path.unlink(missing_ok=True)
            for folder in {path.parent for path in found}:
                sync_folder(folder)

    def refuse_if_over(self, key_id: str, size: int) -> None:
        """Raise `BudgetError` where `size` more bytes of `key_id` would be too many."""
        with self._counting:
            self._check(key_id, size)

    def sweep(self) -> int:
        """Remove what has expired, at most once a minute; returns how many files that were."""
        if time.monotonic() - self._swept_at < SWEEP_SECONDS:
            return 0
        self._swept_at = time.monotonic()
        removed = 0
        for path in self._expired():
            with self._lock(path.name), suppress(OSError):
                if self._expiry(path) is None:
                    path.unlink(missing_ok=True)
                    removed += 1
        if removed:
            log.info("removed %d photos whose items never came", removed)
        return removed

    def leftovers(self) -> list[Path]:
        """Files that nobody will ask for: expired ones and, while no server runs, those that a crash left behind."""
        return sorted([*self._expired(), *(path for path in self._files() if path.suffix == _NEW)])

    def clear_leftovers(self, *, older: float = 0.0) -> int:
        """Remove them, and folders without files. Only for the one server that owns the installation; beside others,
        those alone that are `older` (in seconds) than any request."""
        found = [path for path in self.leftovers() if not older or unused_for(path) > older]
        for path in found:
            path.unlink(missing_ok=True)
        if self.root.is_dir():
            for folder in self.root.iterdir():
                with suppress(OSError):
                    folder.rmdir()
        return len(found)

    def _state(self, key_id: str, sha256: str) -> Staged:
        path = self._path(key_id, sha256)
        if self._expiry(path) is not None:
            with suppress(FileNotFoundError):
                now = self._now()
                os.utime(path, (now, now))
                size = path.stat().st_size
                return Staged(sha256, size, True, self._moment(now + self._lifetime), total=size)
        part = self._part(key_id, sha256)
        if (expires := self._expiry(part)) is None:
            part.unlink(missing_ok=True)
            return Staged(sha256, 0, False, None)
        return Staged(sha256, part.stat().st_size, False, self._moment(expires), total=_total_of(part))

    def _complete(self, key_id: str, sha256: str, have: int, fresh: bytes, total: int) -> Staged:
        part, path = self._part(key_id, sha256), self._path(key_id, sha256)
        data = part.read_bytes() + fresh if have else fresh
        try:
            if len(data) != total or hashlib.sha256(data).hexdigest() != sha256:
                raise UploadError("upload-hash-mismatch", Message("problem.upload_hash", {"photo": sha256}))
            check_photo(data, self._limits)
        except (UploadError, PhotoError):
            part.unlink(missing_ok=True)  # what is wrong stays wrong: begin anew
            raise
        make_directories(path.parent)
        new = path.with_name(f"{sha256}.{uuid4().hex}{_NEW}")
        try:
            descriptor = write_new(new, data)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            new.replace(path)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        now = self._now()
        os.utime(path, (now, now))
        part.unlink(missing_ok=True)
        sync_folder(path.parent)
        return Staged(sha256, total, True, self._moment(now + self._lifetime), total=total, fresh=True)

    def _append(self, key_id: str, sha256: str, fresh: bytes, total: int | None) -> Staged:
        before = self._part(key_id, sha256)
        part = before if total is None else before.with_name(f"{sha256}.{total}{_PART}")
        if fresh:
            make_directories(part.parent)
            if part != before and before.exists():
                before.replace(part)
            descriptor = os.open(part, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, private.FILE)
            with os.fdopen(descriptor, "ab") as file:
                file.write(fresh)
                file.flush()
                os.fsync(file.fileno())
                now = self._now()
                os.utime(file.fileno(), (now, now))
            sync_folder(part.parent)
        return self._state(key_id, sha256)

    @contextmanager
    def _room(self, key_id: str, size: int) -> Iterator[None]:
        """Count `size` bytes as the key's while they are written. Raises `BudgetError`."""
        with self._counting:
            self._check(key_id, size)
            self._coming[key_id] += size
        try:
            yield
        finally:
            with self._counting:
                self._coming[key_id] -= size

    def _check(self, key_id: str, size: int) -> None:
        ends, used = [], self._coming[key_id]
        for path in self._files(key_id):
            if (end := self._expiry(path)) is not None:
                ends.append(end)
                with suppress(FileNotFoundError):
                    used += max(path.stat().st_size, BLOCK)
        if used + size > self._budget:
            params = {"used": written(used), "budget": written(self._budget)}
            again = max(1, round(min(ends) - self._now())) if ends else 1
            raise BudgetError(Message("problem.upload_budget", params), again)

    def _files(self, key_id: str | None = None) -> Iterator[Path]:
        folders = [self.root / key_id] if key_id is not None else self._folders()
        for folder in folders:
            with suppress(FileNotFoundError):
                yield from list(folder.iterdir())

    def _folders(self) -> list[Path]:
        return [folder for folder in self.root.iterdir() if folder.is_dir()] if self.root.is_dir() else []

    def _expired(self) -> list[Path]:
        return [path for path in self._files() if path.exists() and self._expiry(path) is None]

    def _expiry(self, path: Path) -> float | None:
        """When a file expires, in seconds since 1970; None where it has, or is not there."""
        try:
            end = path.stat().st_mtime + self._lifetime
        except FileNotFoundError:
            return None
        return end if end > self._now() else None

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    def _path(self, key_id: str, sha256: str) -> Path:
        return self.root / key_id / sha256

    def _part(self, key_id: str, sha256: str) -> Path:
        """The file of what has come of a photo; where nothing has, the one of a photo whose size nobody has said."""
        folder = self.root / key_id
        return next(folder.glob(f"{sha256}.*{_PART}"), folder / f"{sha256}{_PART}")

    @contextmanager
    def _lock(self, sha256: str) -> Iterator[None]:
        # By the hash alone: few wait for each other who need not, and `forget` holds off all keys at once.
        with self._locks[int(sha256[:1], 16)]:
            if not self._shared:
                yield
                return
            make_directories(self.root)
            descriptor = os.open(self.root / f".lock-{sha256[:1]}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)


def _total_of(part: Path) -> int | None:
    said = part.name.split(".")[1:-1]
    return int(said[0]) if said else None


def same_bytes(path: Path, at: int, data: bytes | bytearray, size: int) -> bool:
    """Whether `data`, the bytes of a photo from `at` on, are what the file at `path` holds of them in its `size` bytes;
    of a file that is gone, nothing is told."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(at)
        return file.read(max(0, min(len(data), size - at))) == data[: max(0, size - at)]
    return True
