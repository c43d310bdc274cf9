"""A backup folder. Content lies under its hash, once, whatever number of snapshots share it.

OUT/regrade-backup.json      what this folder is
OUT/objects/ab/abcd…         photos, databases and all other files, each under the SHA-256 of its content
OUT/snapshots/TIME.json      manifests, each written when all that it names is safe on the disk
OUT/tmp/                     what is being copied
"""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from regrade.models.files import sync_folder
from regrade.serving.base.errors import BackupError
from regrade.serving.installation.backup.manifest import FORMAT, Manifest, Stored
from regrade.serving.storage.photostore import make_directories

MARKER: Final = "regrade-backup.json"
COPIERS: Final = 8
"""Threads that copy photos: each waits for the disk, and synced together they wait less."""
_NAME: Final = "%Y-%m-%dT%H-%M-%S-%f"
"""Names of snapshots, but for the last three digits: times to the millisecond, which sort as texts."""
_CHUNK: Final = 1024 * 1024


class Repository:
    """The backup folder `root`, locked until `close`: to write for one, or to read for many.

    Raises `BackupError` where it is none, or somebody else is at work there.
    """

    def __init__(self, root: Path, *, write: bool) -> None:
        self.root = root.absolute()
        self.objects, self.snapshots, self.staging = (self.root / name for name in ("objects", "snapshots", "tmp"))
        if write:
            self._make()
        elif not (self.root / MARKER).is_file():
            raise BackupError(f"{root} is no backup folder. `regrade backup` makes one.")
        self._touched: set[Path] = set()
        self._counting = threading.Lock()
        self.added = 0
        """Bytes that were added and are not what was there before."""
        self._lock = os.open(self.root / MARKER, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise BackupError(f"Somebody else is at work on the backup folder {root}. Try again later.") from None
        if write:
            self._clear()

    def close(self) -> None:
        """Let others at the folder."""
        os.close(self._lock)

    def path(self, sha256: str) -> Path:
        """The file that holds, or would hold, the content `sha256`."""
        return self.objects / sha256[:2] / sha256

    def has(self, stored: Stored) -> bool:
        """Whether the content is there, as far as its size tells."""
        try:
            return self.path(stored.sha256).stat().st_size == stored.size
        except FileNotFoundError:
            return False

    def fresh(self) -> Path:
        """A name for something that is about to be written."""
        return self.staging / uuid4().hex

    def add(self, source: Path) -> Stored:
        """Copy a file in, synced, unless its content is there already. Raises OSError, such as FileNotFoundError."""
        with source.open("rb") as file:
            stored = Stored(hashlib.file_digest(file, "sha256").hexdigest(), file.tell())
        if not self.has(stored):
            with self._copied(source) as (work, stored):  # it may have changed since
                self.take(work, stored)
        return stored

    def add_known(self, source: Path, expected: Stored) -> bool:
        """Copy a file in, synced; False, and nothing copied, where its content is not the expected. Raises OSError."""
        with self._copied(source) as (work, stored):
            if stored != expected:
                return False
            self.take(work, stored)
            return True

    def add_read(self, data: bytes, expected: Stored) -> bool:
        """Write content that was read elsewhere and compared with its hash, synced; False where its size is another."""
        if len(data) != expected.size:
            return False
        work = self.fresh()
        try:
            with _private(work) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self.take(work, expected)
        finally:
            with suppress(OSError):
                work.unlink(missing_ok=True)
        return True

    def take(self, work: Path, stored: Stored) -> None:
        """Give the finished, synced file `work` its place."""
        target = self.path(stored.sha256)
        make_directories(target.parent)
        with self._counting:
            if not target.exists():
                self.added += stored.size
            work.replace(target)
            self._touched.add(target.parent)

    def publish(self, manifest: Manifest) -> None:
        """Make a snapshot of what was added: it is there wholly, or not at all."""
        for folder in (*self._touched, self.objects):
            sync_folder(folder)
        self._write(self.snapshots / f"{manifest.snapshot}.json", manifest.dump())

    def names(self) -> list[str]:
        """The names of all snapshots, the oldest first."""
        return sorted(path.stem for path in self.snapshots.glob("[0-9]*.json"))

    def manifest(self, name: str) -> Manifest:
        """The manifest of a snapshot. Raises `BackupError`."""
        return Manifest.load(self.snapshots / f"{name}.json")

    def name_for(self, moment: datetime) -> str:
        """The name of a snapshot made at `moment` (UTC). It sorts after all others, also where the clock went back."""
        for last in self.names()[-1:]:
            moment = max(moment, datetime.strptime(f"{last}000", _NAME).replace(tzinfo=UTC) + timedelta(milliseconds=1))
        return moment.strftime(_NAME)[:-3]

    def listed(self, manifest: Manifest) -> Iterator[Stored]:
        """The photos of a snapshot. Raises `BackupError` where the list is missing or damaged."""
        data = self.read(manifest.photos.listed, f"the list of photos of {manifest.snapshot}")
        for line in data.decode().splitlines():
            sha256, _, size = line.partition(" ")
            yield Stored(sha256, int(size))

    def read(self, stored: Stored, what: str) -> bytes:
        """The content of something small. Raises `BackupError` where it is missing or damaged."""
        try:
            data = self.path(stored.sha256).read_bytes()
        except OSError as error:
            raise BackupError(f"{self.path(stored.sha256)} ({what}) cannot be read: {error.strerror}.") from error
        if hashlib.sha256(data).hexdigest() != stored.sha256:
            raise BackupError(f"{self.path(stored.sha256)} ({what}) is damaged.")
        return data

    def fetch(self, stored: Stored, target: Path, what: str) -> None:
        """Copy content into the new file `target`, synced.

        Raises `BackupError` where it is missing or damaged, and has then left no file.
        """
        try:
            found = _copy(self.path(stored.sha256), target)
        except FileNotFoundError:
            raise BackupError(f"{self.path(stored.sha256)} ({what}) is missing from the backup.") from None
        if found != stored:
            target.unlink()
            raise BackupError(f"{self.path(stored.sha256)} ({what}) is damaged in the backup.")

    def forget(self, names: Iterable[str]) -> None:
        """Remove snapshots; their content goes with `sweep`."""
        for name in names:
            (self.snapshots / f"{name}.json").unlink()
        sync_folder(self.snapshots)

    def sweep(self) -> int:
        """Remove content that no snapshot needs, and say how many bytes that was.

        Raises `BackupError`, and removes nothing, where a manifest cannot be read: nobody knows what it needs.
        """
        needed = set(self.needed())
        freed = 0
        for path in self.contents():
            if path.name not in needed:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def needed(self, names: Collection[str] | None = None) -> Iterator[str]:
        """The hashes of all that snapshots need, some more than once. Raises `BackupError`."""
        for name in self.names() if names is None else names:
            manifest = self.manifest(name)
            yield manifest.photos.listed.sha256
            yield from (one.sha256 for one in manifest.files.values())
            yield from (one.sha256 for one in self.listed(manifest))

    def contents(self) -> Iterator[Path]:
        """All files of content."""
        for folder in sorted(self.objects.iterdir()):
            yield from sorted(folder.iterdir())

    @contextmanager
    def _copied(self, source: Path) -> Iterator[tuple[Path, Stored]]:
        work = self.fresh()
        try:
            yield work, _copy(source, work)
        finally:
            with suppress(OSError):
                work.unlink(missing_ok=True)

    def _make(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise BackupError(f"{self.root} is a file. Name a folder for the backup.")
        if not (self.root / MARKER).exists():
            others = [path.name for path in self.root.iterdir()] if self.root.is_dir() else []
            # A first backup that was killed at once leaves empty folders.
            if set(others) - {"lost+found", "objects", "snapshots", "tmp"}:
                raise BackupError(f"{self.root} is neither empty nor a backup folder. Name another.")
            make_directories(self.root)
        for folder in (self.objects, self.snapshots, self.staging):
            make_directories(folder)
        if not (self.root / MARKER).exists():
            self._write(self.root / MARKER, json.dumps({"format": FORMAT}).encode() + b"\n")

    def _write(self, path: Path, data: bytes) -> None:
        """Write a small file of the folder's own: wholly, or not at all."""
        work = self.fresh()
        with _private(work) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        work.replace(path)
        sync_folder(path.parent)

    def _clear(self) -> None:
        """Remove what a backup that was killed has left."""
        for path in self.staging.iterdir():
            path.unlink()


def _copy(source: Path, target: Path) -> Stored:
    """Copy a file, synced, for its owner alone."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reading, _private(target) as writing:
        while data := reading.read(_CHUNK):
            digest.update(data)
            size += writing.write(data)
        writing.flush()
        os.fsync(writing.fileno())
    return Stored(digest.hexdigest(), size)


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
