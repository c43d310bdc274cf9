"""A small volume that tests fill up: a real one where they may mount it, else one that behaves so."""

import errno
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection, Engine, event

SIZE = 96 * 2**20
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
