"""Where the bytes of photos live, under the hash of their content.

A photo is staged (durable, under a temporary name) while it is being graded, and published (durable, under
its hash) only once the whole item has been graded, so that a refused item leaves nothing behind. Here they are files;
`s3` keeps them in a bucket.
"""

import hashlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from regrade.models.errors import RegradeError
from regrade.models.files import held_folder, locked, locked_together, remove_unheld, sync_folder
from regrade.serving.base.errors import PhotoDamagedError, StorageError
from regrade.serving.base.i18n import Message
from regrade.serving.storage import private
from regrade.serving.storage.directio import write_new
from regrade.serving.storage.disk import storage_faults


@dataclass(frozen=True, slots=True)
class StagedPhoto:
    """A photo on its way in: its hash (SHA-256, hex) and the store's own handle for it."""

    sha256: str
    handle: str


Used = Callable[[Collection[str]], set[str]]
"""Given hashes of photos, those that something stored needs."""


class PhotoStore(Protocol):
    """Content-addressed bytes. Every method may be called from any thread, and raises `PhotosAwayError` where what it
    needs is kept by a server that does not answer."""

    folder: Path
    """Where it writes on this machine."""

    def stage(self, photos: Sequence[tuple[bytes, str]], files: Sequence[Path] = ()) -> list[StagedPhoto]:
        """Write photos (bytes and their SHA-256) durably, named by no inspection yet: all, or none.

        `files` are those of them that lie on the disk already, durably, of which no second copy need be written.
        Raises `StorageError` where there is no room for them."""

    def publish(self, staged: Sequence[StagedPhoto]) -> None:
        """Make photos visible under their hashes, durably. Publishing what is there already is no error."""

    def published(self, staged: Sequence[StagedPhoto], used: Used) -> AbstractContextManager[None]:
        """Publish photos for what is done within. Where that is refused, or finds no room (`StorageError`), those of
        them that `used` does not name are removed again."""

    def keep(self, sha256: str, data: bytes) -> None:
        """Store one photo whose row is there already, durably."""

    def discard(self, staged: Sequence[StagedPhoto], used: Used) -> None:
        """Remove staged photos that were not published, but those that `used` names."""

    def keeping(self, hashes: Collection[str]) -> AbstractContextManager[None]:
        """While this is held, `remove` takes none of these photos, in no process: the row that needs them is coming."""

    def remove(self, hashes: Collection[str], used: Used) -> None:
        """Remove published photos, durably, but those that `used` names when nobody keeps them any more."""

    def holds(self, sha256: str) -> bool:
        """Whether there is a photo under `sha256`, whole or not."""

    def size(self, sha256: str) -> int | None:
        """How many bytes there are under `sha256`; None where there is nothing."""

    def read(self, sha256: str) -> bytes:
        """The bytes stored under `sha256`, also from a copy that is at hand. Raises `PhotoDamagedError` where they are
        gone or are not those bytes."""

    def examine(self, sha256: str) -> bytes:
        """The same from where they are kept, whatever copies there are."""

    def file(self, sha256: str) -> Path | None:
        """The file that holds, or would hold, the photo; None where photos are not kept as files."""

    def copy_here(self, sha256: str) -> Path:
        """A file with the photo, which may be a copy made for that; where it is gone or damaged, there may be none, or
        one that is no better."""

    def link(self, sha256: str, seconds: int) -> str | None:
        """A URL by which anybody can read the photo for so long; None where there is no such thing."""

    def hashes(self) -> Iterator[str]:
        """The hashes of all photos present, as their names say."""

    def leftovers(self) -> list[str]:
        """Names of what was begun; while no server runs, the remains of a crash."""

    def clear_leftovers(self, used: Used, *, older: float = 0.0) -> int:
        """Remove the remains of a crash, but photos that `used` names, and say how many. Only for the one server that
        owns the store; beside others, those alone that are `older` (in seconds) than any request."""

    def refuse(self) -> None:
        """Raise `PhotosAwayError` where photos cannot be taken as far as is known. Costs nothing."""

    def look(self) -> tuple[Message, str] | None:
        """What is wrong, in words and for the log; None where photos can be kept. It may wait, and does not raise."""

    def close(self) -> None:
        """End its threads after what they are doing, and take away what was staged and not published."""


class LocalPhotoStore:
    """Photos as files, `ROOT/ab/abcd…`, and `ROOT/tmp` for those on their way in.

    Durable means: the file is fsynced before it is renamed, and afterwards so is every directory in which a
    name was made (fsync(2): "fsync does not necessarily ensure that the entry in the directory has reached
    disk"). A crash in between leaves a temporary file or an orphan, never half a photo under a hash.
    """

    def __init__(self, root: Path) -> None:
        self.root = self.folder = root
        self.staging = root / "tmp"
        make_directories(self.staging)
        self._own: tuple[Path, int] | None = None
        self._making = threading.Lock()

    @storage_faults()
    def stage(self, photos: Sequence[tuple[bytes, str]], files: Sequence[Path] = ()) -> list[StagedPhoto]:
        place = self._place()
        paths = [place / uuid4().hex for _ in photos]
        descriptors: list[int] = []
        try:
            for number, (path, (data, _)) in enumerate(zip(paths, photos, strict=True)):
                if not (files and _linked(path, files[number])):
                    descriptors.append(write_new(path, data))
            # Only once all are written: the first sync then takes most of what the others would have to wait for.
            for descriptor in descriptors:
                os.fsync(descriptor)
        except BaseException:
            _remove(paths)
            raise
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return [StagedPhoto(one, f"{place.name}/{path.name}") for (_, one), path in zip(photos, paths, strict=True)]

    def _place(self) -> Path:
        """Where this process stages: a folder of its own, by whose lock others know what it left when it is gone."""
        with self._making:
            if self._own is None:
                self._own = held_folder(self.staging, private.FOLDER)
            return self._own[0]

    def publish(self, staged: Sequence[StagedPhoto]) -> None:
        # The root too, each time: another thread may have made `ab/` a moment ago and not yet synced its name.
        touched = {self.root}
        for photo in staged:
            target = self.path(photo.sha256)
            make_directories(target.parent)
            # Replacing a file of the same content is harmless and mends one that was damaged.
            (self.staging / photo.handle).replace(target)
            # rename(2) leaves both names where they are one file already: a photo that its item only named.
            (self.staging / photo.handle).unlink(missing_ok=True)
            touched.add(target.parent)
        for directory in touched:
            sync_folder(directory)

    @contextmanager
    def published(self, staged: Sequence[StagedPhoto], used: Used) -> Iterator[None]:
        hashes = {photo.sha256 for photo in staged}
        try:
            with storage_faults(), self.keeping(hashes):
                self.publish(staged)
                yield
        except StorageError as error:
            # A commit that could not be synced may be there again after a crash, and needs its photos then; and so may
            # one of which the database's server did not live to tell.
            if error.fault not in ("failing", "away"):
                with suppress(OSError):
                    self.remove(hashes, used)
            raise
        except RegradeError:
            # Refused before anything was written: erased, decided or changed by somebody else meanwhile.
            with suppress(OSError):
                self.remove(hashes, used)
            raise

    def keep(self, sha256: str, data: bytes) -> None:
        self.publish(self.stage([(data, sha256)]))

    def discard(self, staged: Sequence[StagedPhoto], used: Used) -> None:
        _remove([self.staging / photo.handle for photo in staged])

    @contextmanager
    def keeping(self, hashes: Collection[str]) -> Iterator[None]:
        folders = {self.path(sha256).parent for sha256 in hashes}
        for folder in folders:
            make_directories(folder)
        with locked_together(folders):
            yield

    def remove(self, hashes: Collection[str], used: Used) -> None:
        # A process that was killed while it stored one of them may have left a copy.
        self._clear_unheld()
        folders = defaultdict(set)
        for sha256 in hashes:
            folders[self.path(sha256).parent].add(sha256)
        for folder, here in folders.items():
            if folder.is_dir():
                with locked(folder):
                    for sha256 in here - used(here):
                        self.path(sha256).unlink(missing_ok=True)
                    sync_folder(folder)

    def read(self, sha256: str) -> bytes:
        try:
            data = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise PhotoDamagedError(sha256, missing=True) from None
        # A few milliseconds for the largest photo: what is shown as evidence must be what was sent.
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PhotoDamagedError(sha256, missing=False)
        return data

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def size(self, sha256: str) -> int | None:
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def examine(self, sha256: str) -> bytes:
        return self.read(sha256)

    def path(self, sha256: str) -> Path:
        """The file that holds, or would hold, the photo `sha256`."""
        return place(self.root, sha256)

    def file(self, sha256: str) -> Path:
        return self.path(sha256)

    def copy_here(self, sha256: str) -> Path:
        return self.path(sha256)

    def link(self, sha256: str, seconds: int) -> None:
        return None

    def refuse(self) -> None:
        """Whether there is room is for `Disk` to say."""

    def look(self) -> tuple[Message, str] | None:
        if os.access(self.staging, os.W_OK):
            return None
        return Message("problem.photos_unwritable"), f"{self.staging}"

    def close(self) -> None:
        with self._making:
            own, self._own = self._own, None
        if own is not None:
            os.close(own[1])
            remove_unheld(own[0])

    def hashes(self) -> Iterator[str]:
        for directory in sorted(self.root.iterdir()):
            if directory != self.staging and directory.is_dir():
                yield from sorted(entry.name for entry in directory.iterdir())

    def leftovers(self) -> list[str]:
        return sorted(str(path.relative_to(self.staging)) for path in self.staging.rglob("*") if path.is_file())

    def clear_leftovers(self, used: Used, *, older: float = 0.0) -> int:
        # Releases before 0.4 staged in the folder itself.
        leftovers = [path for path in self.staging.iterdir() if not path.is_dir()]
        leftovers = [path for path in leftovers if not older or unused_for(path) > older]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers) + self._clear_unheld()

    def _clear_unheld(self) -> int:
        return sum(remove_unheld(path) for path in self.staging.iterdir() if path.is_dir())


def place(root: Path, sha256: str) -> Path:
    """Where the photo `sha256` lies in the store `root`."""
    return root / sha256[:2] / sha256


def unused_for(path: Path) -> float:
    """Seconds since a file was made, changed or given another name; 0 where it is gone."""
    try:
        return time.time() - path.stat().st_ctime
    except FileNotFoundError:
        return 0.0


def _linked(path: Path, file: Path) -> bool:
    """Whether `path` could be made another name of `file`: it may be gone, or on a file system without links."""
    try:
        path.hardlink_to(file)
    except OSError:
        return False
    return True


def _remove(paths: Sequence[Path]) -> None:
    """Remove files, as far as that is possible: what stays is cleared at the next start, or an orphan."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def make_directories(path: Path) -> None:
    """Make `path` and its parents, for their owner alone, so that each new name is durable where it stands."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(private.FOLDER, exist_ok=True)
    sync_folder(path.parent)
