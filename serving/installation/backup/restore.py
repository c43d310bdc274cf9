"""Puts a snapshot into an empty folder, every byte checked against its hash. The database comes last."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from regrade.models.files import sync_folder, write_atomically
from regrade.serving.base.errors import BackupError
from regrade.serving.installation.backup.manifest import Manifest, Stored
from regrade.serving.installation.backup.repository import COPIERS, Repository
from regrade.serving.installation.data_dir import RESTORING
from regrade.serving.storage import private
from regrade.serving.storage.disk import space_of, storage_faults, written
from regrade.serving.storage.migrations import revisions
from regrade.serving.storage.photostore import make_directories, place

Progress = Callable[[int, int], None]
_HARMLESS: Final = {"lost+found"}


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and the hashes of photos that the backup had, but damaged."""

    manifest: Manifest
    skipped: tuple[str, ...]


def restore(
    backup: Path,
    data_dir: Path,
    *,
    snapshot: str | None = None,
    skip_damaged: bool = False,
    progress: Progress = lambda done, total: None,
) -> Restored:
    """Restore the newest snapshot of `backup`, or the one named, into `data_dir`, which must be empty or not there.

    Raises `BackupError`, and with `skip_damaged` not for photos that are damaged in the backup; what had been restored
    till then is removed again.
    """
    repository = Repository(backup, write=False)
    try:
        manifest = repository.manifest(snapshot or _newest(repository))
        _check_schema(manifest)
        target = data_dir.absolute()
        _prepare(target, manifest)
        with storage_faults(target):
            return _Restoring(repository, manifest, target, skip_damaged, progress).run()
    finally:
        repository.close()


def _newest(repository: Repository) -> str:
    names = repository.names()
    if not names:
        raise BackupError(f"There is no snapshot in {repository.root}.")
    return names[-1]


def _check_schema(manifest: Manifest) -> None:
    if manifest.schema not in revisions():
        raise BackupError(
            f"The snapshot {manifest.snapshot} was made by a newer regrade, {manifest.regrade}: its schema is "
            f"{manifest.schema}, which this one does not know. Restore it with that version or a later one."
        )


def _prepare(target: Path, manifest: Manifest) -> None:
    """Make the folder, and mark it as one that is not whole yet."""
    if target.exists() and not target.is_dir():
        raise BackupError(f"{target} is a file. Name a folder that is empty or not there.")
    found = {path.name for path in target.iterdir()} - _HARMLESS if target.is_dir() else set()
    if RESTORING in found:
        raise BackupError(f"A restore into {target} was cut short. Empty the folder, and restore again.")
    if found:
        raise BackupError(f"{target} is not empty. Name a folder that is empty or not there; nothing was changed.")
    make_directories(target)
    target.chmod(private.FOLDER)
    free = space_of("", target, 0).free
    if free < manifest.size:
        raise BackupError(f"{target} has {written(free)} left, and the snapshot takes {written(manifest.size)}.")
    write_atomically(target / RESTORING, f"{manifest.snapshot}\n".encode())


class _Restoring:
    def __init__(
        self, repository: Repository, manifest: Manifest, target: Path, skip_damaged: bool, progress: Progress
    ) -> None:
        self._repository = repository
        self._manifest = manifest
        self._target = target
        self._skip_damaged = skip_damaged
        self._progress = progress
        self._done = 0
        self._folders = {target}

    def run(self) -> Restored:
        try:
            skipped = tuple(self._photos())
            for name, stored in sorted(self._manifest.files.items(), key=lambda one: one[0] == self._manifest.database):
                self._make_folder(self._inside(name).parent)
                self._repository.fetch(stored, self._inside(name), name)
                self._advance(stored)
            for folder in sorted(self._folders):
                sync_folder(folder)
        except BaseException:
            _empty(self._target)
            raise
        (self._target / RESTORING).unlink()
        sync_folder(self._target)
        return Restored(self._manifest, skipped)

    def _photos(self) -> Iterator[str]:
        """Restore the photos; yields the hash of each that is damaged."""
        photos = list(self._repository.listed(self._manifest))
        paths = [place(self._target / "photos", photo.sha256) for photo in photos]
        for path in paths:
            self._make_folder(path.parent)
        with ThreadPoolExecutor(COPIERS, thread_name_prefix="copy") as copiers:
            for photo, fetched in zip(photos, copiers.map(self._fetch, photos, paths), strict=True):
                self._advance(photo)
                if not fetched:
                    yield photo.sha256

    def _fetch(self, photo: Stored, path: Path) -> bool:
        try:
            self._repository.fetch(photo, path, "a photo")
        except BackupError:
            if not self._skip_damaged:
                raise
            return False
        return True

    def _advance(self, stored: Stored) -> None:
        self._done += stored.size
        self._progress(self._done, self._manifest.size)

    def _inside(self, name: str) -> Path:
        path = self._target / name
        if not path.resolve().is_relative_to(self._target.resolve()):
            raise BackupError(f"The snapshot names a file outside its folder: {name}.")
        return path

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._folders:
            self._make_folder(folder.parent)
            folder.mkdir(private.FOLDER)
            self._folders.add(folder)


def _empty(target: Path) -> None:
    """Leave the folder as empty as it was."""
    for path in target.iterdir():
        if path.name not in _HARMLESS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
