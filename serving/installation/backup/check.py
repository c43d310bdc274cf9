"""Reads a whole backup and compares all of it with its hashes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from regrade.serving.base.errors import BackupError
from regrade.serving.installation.backup.manifest import Manifest, Stored
from regrade.serving.installation.backup.repository import Repository

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was read of a backup. `faults` are in words; where there is none, every snapshot can be restored."""

    snapshots: int
    contents: int
    size: int
    faults: tuple[str, ...]


def check_backup(out: Path, progress: Progress = lambda done, total: None) -> Checked:
    """Check every snapshot of the backup folder `out`, each content once. Raises `BackupError` where it is none."""
    repository = Repository(out, write=False)
    try:
        faults: list[str] = []
        names = repository.names()
        wanted: dict[str, tuple[Stored, str]] = {}
        for name in names:
            for stored, what in _contents(repository, name, faults):
                wanted.setdefault(stored.sha256, (stored, what))
        total, done = sum(stored.size for stored, _ in wanted.values()), 0
        for stored, what in wanted.values():
            faults += _fault(repository.path(stored.sha256), stored, what)
            progress(done := done + stored.size, total)
        return Checked(len(names), len(wanted), total, tuple(faults))
    finally:
        repository.close()


def _contents(repository: Repository, name: str, faults: list[str]) -> Iterator[tuple[Stored, str]]:
    """All content of a snapshot, and what it is; what cannot be read of it goes into `faults`."""
    try:
        manifest = repository.manifest(name)
        yield from _named(repository, manifest)
    except BackupError as error:
        faults.append(str(error))


def _named(repository: Repository, manifest: Manifest) -> Iterator[tuple[Stored, str]]:
    for path, stored in manifest.files.items():
        yield stored, f"{path} of {manifest.snapshot}"
    for stored in repository.listed(manifest):
        yield stored, f"a photo of {manifest.snapshot}"


def _fault(path: Path, stored: Stored, what: str) -> list[str]:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return [f"missing: {path} ({what})"]
    except OSError as error:
        return [f"unreadable: {path} ({what}): {error.strerror}"]
    return [] if found == stored.sha256 else [f"damaged: {path} ({what})"]
