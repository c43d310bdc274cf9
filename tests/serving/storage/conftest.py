"""A small volume that tests fill up, a real one where they may mount it; and data to be backed up."""

import errno
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection, Engine, event

from regrade.models.types import ItemResult, Quality
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.evidence import Signer
from regrade.serving.inspections.store import InspectionStore, asked_for
from regrade.serving.installation.data_dir import open_database
from regrade.serving.review import Lottery
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id

SIZE = 96 * 2**20
DEAR = {"rma": "1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
"""So dear that a person must look at it."""
"""Enough for two bundles with their networks."""


class Volume(Protocol):
    """A volume of 96 MiB."""

    folder: Path

    def fill(self, leave: int = 0) -> None:
        """Leave not a byte, or so many."""

    def clear(self) -> None:
        """Make room again."""


class Mounted:
    """A tmpfs of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True, capture_output=True)

    def fill(self, leave: int = 0) -> None:
        with (self.folder / "ballast").open("ab", buffering=0) as file, suppress(OSError):
            for size in (2**20, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))
            file.truncate(file.tell() - leave)

    def clear(self) -> None:
        (self.folder / "ballast").unlink()

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True)


class Pretended:
    """A folder in which nothing can be written while it is `full`: neither files nor the database."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.full = False
        for name in ("write", "posix_fallocate", "fsync"):
            self._guard(name, patch)
        self._real_statvfs = os.statvfs
        patch.setattr(os, "statvfs", self._statvfs)
        event.listen(Engine, "commit", self._commit)

    def fill(self, leave: int = 0) -> None:
        self.full = not leave

    def clear(self) -> None:
        self.full = False

    def end(self) -> None:
        self.full = False
        event.remove(Engine, "commit", self._commit)

    def _guard(self, name: str, patch: pytest.MonkeyPatch) -> None:
        real = getattr(os, name)

        def guarded(descriptor: int, *given: Any) -> Any:
            if self.full and self._is_here(Path(f"/proc/self/fd/{descriptor}").readlink()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(descriptor, *given)

        patch.setattr(os, name, guarded)

    def _statvfs(self, folder: Any) -> Any:
        found = self._real_statvfs(folder)
        if not self._is_here(Path(folder)):
            return found
        names = ("f_blocks", "f_frsize", "f_files", "f_favail", "f_flag")
        free = 0 if self.full else SIZE // found.f_frsize
        same = {name: getattr(found, name) for name in names}
        return SimpleNamespace(**same | {"f_blocks": SIZE // found.f_frsize, "f_bavail": free})

    def _commit(self, connection: Connection) -> None:
        if self.full and connection.get_execution_options().get("regrade_write"):
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    def _is_here(self, path: Path) -> bool:
        return path.is_relative_to(self.folder)


def _can_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Mounted(Path(folder)).end()
        except (subprocess.CalledProcessError, OSError):
            return False
    return True


@pytest.fixture(params=["mounted", "pretended"] if _can_mount() else ["pretended"])
def volume(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Volume]:
    """An empty volume. Where mounting is not allowed, the one that is pretended is all there is."""
    folder = tmp_path / "volume"
    folder.mkdir()
    made = Mounted(folder) if request.param == "mounted" else Pretended(folder, monkeypatch)
    yield made
    made.end()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def stored(service: Any, render_photo: Any) -> Path:
    """The data of a running service with two inspections, of three photos in all; one is decided on."""
    service.post([render_photo(0), render_photo(1)], DEAR)
    service.post([render_photo(2)], {"rma": "2"})
    claim = service.client.post("/v1/reviews/claim").json()
    body = {"lease": claim["lease"]["token"], "condition": "used"}
    assert service.client.post(f"/v1/reviews/{claim['inspection']['id']}", json=body).status_code == 200
    data: Path = service.settings.data_dir
    return data


@pytest.fixture
def data(migrated: Path, tmp_path: Path) -> Path:
    """The data of no running service, with two inspections of three photos in all; none is of anything."""
    folder = tmp_path / "data"
    folder.mkdir(0o700)
    shutil.copy(migrated, folder / "regrade.db")
    database = open_database(Settings(_env_file=None, data_dir=folder))
    photos, key = LocalPhotoStore(folder / "photos"), KeyStore(database).create("station", "bench")[1]
    store = InspectionStore(database, asked_for, Signer.load(folder / "keys"))
    Lottery.load(folder / "keys")
    for number, contents in enumerate(([b"one", b"two"], [b"three"])):
        staged = photos.stage([(content, hashlib.sha256(content).hexdigest()) for content in contents])
        photos.publish(staged)
        of = tuple(StoredPhoto(n, one.sha256, "image/jpeg", len(contents[n]), 9, 9) for n, one in enumerate(staged))
        result = ItemResult(None, None, (), tuple(Quality(True, (), {}) for _ in of), {}, {})
        item = {"rma": str(number)}
        store.insert(Inspection(new_id(), datetime.now(UTC), "retake", key.id, None, "d", item, result, None, of))
    database.close()
    return folder
