"""Makes a backup while the service goes on.

The database is copied first, then the photos that this copy speaks of: a photo is always on the disk before its row is,
so whatever the copy names is there to be copied. Only an erasure takes photos away meanwhile; the database is then
copied anew, until the copy speaks of no photo that has gone.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from regrade.serving.base.errors import BackupError, PhotoDamagedError
from regrade.serving.base.settings import Settings
from regrade.serving.installation.backup.known import Known, remember
from regrade.serving.installation.backup.manifest import Manifest, Photos, Stored
from regrade.serving.installation.backup.repository import COPIERS, Repository
from regrade.serving.installation.backup.source import (
    DATABASE,
    Contents,
    contents_of,
    copy_database,
    files_of,
    shown_settings,
)
from regrade.serving.installation.data_dir import open_to_read
from regrade.serving.installation.photos import open_photos
from regrade.serving.storage.database import Database
from regrade.serving.storage.disk import storage_faults

ATTEMPTS: Final = 5

Progress = Callable[[int, int], None]
"""Is told how many bytes of how many are done."""


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot that was made: its manifest, how many bytes were new, which snapshots went, and how many bytes."""

    manifest: Manifest
    new_bytes: int
    pruned: tuple[str, ...]
    freed_bytes: int


def make_backup(
    settings: Settings, out: Path, *, keep: int | None = None, progress: Progress = lambda done, total: None
) -> Made:
    """Add a snapshot of the installation to the backup folder `out`, then remove all but the newest `keep`.

    Raises `BackupError`, `DatabaseError`, and `StorageError` where `out` has no room; no snapshot is made then.
    """
    _refuse_nested(settings.data_dir.resolve(), out.resolve())
    database = open_to_read(settings, older=True)
    try:
        repository = Repository(out, write=True)
        try:
            with storage_faults(repository.root):
                before = repository.added
                made = _Making(settings, database, repository, progress).run()
                new = repository.added - before
                remember(settings.data_dir.absolute(), Known(str(repository.root), made.snapshot, made.taken_at))
                return Made(made, new, *_tidied(repository, keep))
        finally:
            repository.close()
    finally:
        database.close()


def _refuse_nested(data_dir: Path, out: Path) -> None:
    if out.is_relative_to(data_dir) or data_dir.is_relative_to(out):
        raise BackupError(
            f"{out} and the data directory lie in each other. Put the backup elsewhere, best on another disk."
        )


class _Making:
    def __init__(self, settings: Settings, database: Database, repository: Repository, progress: Progress) -> None:
        self._settings = settings
        self._database = database
        self._repository = repository
        self._photos = open_photos(settings)
        self._photos.refuse()
        self._progress = progress
        self._taken_at = datetime.now(UTC)

    def run(self) -> Manifest:
        files = self._files()
        contents, lost = self._settled(files)
        listed = "".join(f"{photo.sha256} {photo.size}\n" for photo in contents.photos if photo.sha256 not in lost)
        kept = [photo for photo in contents.photos if photo.sha256 not in lost]
        manifest = Manifest(
            snapshot=self._repository.name_for(self._taken_at),
            taken_at=self._taken_at.isoformat(),
            regrade=version("regrade"),
            schema=contents.schema,
            inspections=contents.inspections,
            database=DATABASE if DATABASE in files else None,
            files=files,
            photos=Photos(len(kept), sum(photo.size for photo in kept), self._put(listed.encode())),
            lost=tuple(sorted(lost)),
            settings=shown_settings(self._settings),
        )
        self._repository.publish(manifest)
        return manifest

    def _files(self) -> dict[str, Stored]:
        files = {}
        for name, path in files_of(self._settings):
            try:
                files[name] = self._repository.add(path)
            except FileNotFoundError:
                continue  # it has gone since the folder was read
        return files

    def _settled(self, files: dict[str, Stored]) -> tuple[Contents, frozenset[str]]:
        """Copy database and photos until the one speaks of nothing that the others lack, or it is lost for good."""
        before: frozenset[str] = frozenset()
        for _ in range(ATTEMPTS):
            contents = self._copy_database(files)
            gone = self._copy_photos(contents.photos)
            # Still named after the database was copied anew: nobody has erased it.
            if gone <= before:
                break
            before = gone
        return contents, gone

    def _copy_database(self, files: dict[str, Stored]) -> Contents:
        """Copy the database, and say what the copy holds; one that is no file is only asked."""
        if self._settings.database_file is None:
            return contents_of(self._database)
        work = self._repository.fresh()
        files[DATABASE] = copy_database(self._settings.database_file, work)
        copy = Database(f"sqlite:///{work}", read_only=True)
        try:
            contents = contents_of(copy)
        finally:
            copy.close()
        self._repository.take(work, files[DATABASE])
        return contents

    def _copy_photos(self, photos: Sequence[Stored]) -> frozenset[str]:
        """Copy those that the backup does not have yet; returns the hashes of those that are gone or damaged."""
        new = [photo for photo in photos if not self._repository.has(photo)]
        total, done, gone = sum(photo.size for photo in new), 0, set()
        with ThreadPoolExecutor(COPIERS, thread_name_prefix="copy") as copiers:
            for photo, copied in zip(new, copiers.map(self._copy_photo, new), strict=True):
                done += photo.size
                self._progress(done, total)
                if not copied:
                    gone.add(photo.sha256)
        return frozenset(gone)

    def _copy_photo(self, photo: Stored) -> bool:
        try:
            if (file := self._photos.file(photo.sha256)) is not None:
                return self._repository.add_known(file, photo)
            return self._repository.add_read(self._photos.examine(photo.sha256), photo)
        except (FileNotFoundError, PhotoDamagedError):
            return False

    def _put(self, data: bytes) -> Stored:
        work = self._repository.fresh()
        work.write_bytes(data)
        stored = self._repository.add(work)
        work.unlink()
        return stored


def _tidied(repository: Repository, keep: int | None) -> tuple[tuple[str, ...], int]:
    """Remove all snapshots but the newest `keep`, and what no snapshot needs; says which, and how many bytes."""
    names = repository.names()
    old = tuple(names[:-keep]) if keep else ()
    repository.forget(old)
    return old, repository.sweep()
