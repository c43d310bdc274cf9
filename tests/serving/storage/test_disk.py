import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from regrade.models.errors import BundleError
from regrade.serving.base.errors import SpoiltBundleError, StorageError
from regrade.serving.base.health import Finding, Health
from regrade.serving.base.settings import Settings
from regrade.serving.grading.admission import Admission
from regrade.serving.storage.database import Database
from regrade.serving.storage.disk import GIB, Disk, Space, fault_of, space_of, storage_faults

ROOM = Space("data", Path("/"), free=10 * GIB, reserve=GIB, files=10**6, reserve_files=1000, read_only=False)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    return error


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(errno.ENOSPC, ""), "full"),
        (OSError(errno.EDQUOT, ""), "full"),
        (OSError(errno.EROFS, ""), "read_only"),
        (sqlite_error(sqlite3.SQLITE_FULL), "full"),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), "failing"),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), "read_only"),
        (raised_from(OperationalError("INSERT", {}, Exception()), sqlite_error(sqlite3.SQLITE_FULL)), "full"),
        (
            raised_from(
                SpoiltBundleError("packaging", "2", ""), raised_from(BundleError(""), OSError(errno.ENOSPC, ""))
            ),
            "full",
        ),
        (OSError(errno.EACCES, ""), None),
        (sqlite_error(sqlite3.SQLITE_BUSY), None),
        (ValueError(), None),
    ],
)
def test_a_fault_of_the_disk_is_known_whatever_it_is_wrapped_in(error: Exception, fault: str | None) -> None:
    found = fault_of(error)
    assert (None if found is None else found.fault) == fault


def test_a_database_without_room_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'small.db'}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
    with database.write() as connection:
        connection.execute(text("PRAGMA max_page_count = 3"))
        with pytest.raises(StorageError, match="is full"), storage_faults():
            connection.execute(text("INSERT INTO t VALUES (zeroblob(100000))"))
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 0
    database.close()


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError), storage_faults():
        raise KeyError


@pytest.mark.parametrize(
    ("expected", "size", "lacks"),
    [
        (0, 0, False),
        (8 * GIB, 0, False),
        (9 * GIB + 1, 0, True),  # what others are sending takes the room
        (9 * GIB, GIB // 2, False),  # a large request may take half of the reserve
        (9 * GIB, GIB, True),
    ],
)
def test_what_is_let_in_leaves_the_reserve_alone(expected: int, size: int, lacks: bool) -> None:
    assert (ROOM.lacks(expected, size) is not None) == lacks


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"files": 999}, "999 more files"),
        ({"read_only": True, "reserve": 0}, "cannot be written"),
        ({"free": GIB - 1}, "1.1 GB left, and 1.1 GB of it must stay free"),
        ({"files": None}, None),
        ({"free": 0, "reserve": 0, "files": 0, "reserve_files": 0}, None),
    ],
)
def test_what_is_lacking_is_named(change: dict[str, Any], said: str | None) -> None:
    values = {name: getattr(ROOM, name) for name in Space.__slots__} | change
    lack = Space(**values).lacks(0, 0)
    assert (said in str(lack)) if said else lack is None


@pytest.mark.parametrize(("total", "reserve"), [(100 * GIB, GIB), (GIB, GIB // 20)])
def test_the_default_reserve_fits_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, reserve: int
) -> None:
    real = os.statvfs(tmp_path)

    class Found:
        f_blocks, f_frsize, f_bavail, f_files, f_favail, f_flag = total // 4096, 4096, 0, 0, 0, real.f_flag

    monkeypatch.setattr(os, "statvfs", lambda folder: Found)
    found = space_of("data", tmp_path, None)
    assert (found.reserve, found.files) == (reserve, None)
    assert space_of("data", tmp_path, 0).reserve == 0


def test_uploads_under_way_count_until_they_are_written(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    free = space_of("data", tmp_path, 0).free
    admission = Admission(settings, lambda size: disk.refuse(size))
    disk = Disk({"data": tmp_path}, free - 10 * 2**20, lambda: admission.unwritten)
    with admission.enter(2**20) as first, admission.enter(20 * 2**20):
        with pytest.raises(StorageError), admission.enter(2**20):
            pass
        with pytest.raises(StorageError):
            first.received(2 * 2**20)
        assert disk.look().state == "failing"
    assert admission.unwritten == 0
    assert disk.look().state == "ok"


def test_what_is_written_counts_no_longer(tmp_path: Path) -> None:
    admission = Admission(Settings(_env_file=None, data_dir=tmp_path))
    with admission.enter(100) as ticket:
        ticket.received(150)
        assert (admission.unwritten, admission.bytes_in_flight) == (150, 150)
        ticket.written()
        assert (admission.unwritten, admission.bytes_in_flight) == (0, 150)
    assert (admission.unwritten, admission.bytes_in_flight) == (0, 0)


def test_a_quota_is_found_out_by_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk({"data": tmp_path}, 0)

    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, "quota")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        disk.failed(StorageError("full", "full"))
        assert disk.look().state == "failing"
        with pytest.raises(StorageError):
            disk.refuse()
    assert disk.look().state == "ok"
    disk.refuse()
    assert list(tmp_path.iterdir()) == []


def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    findings: Iterator[Any] = iter([*["ok"] * 2, *["failing"] * 3, *["ok"] * 2])
    health = Health()
    health.add(lambda: Finding("disk", next(findings), "no room", "no room in /data"))
    for _ in range(7):
        health.look()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["not well: disk: no room in /data", "well again: disk"]


def test_free_room_is_told_as_a_metric(service: Any) -> None:
    lines = service.client.get("/metrics").text.splitlines()
    (free,) = [line for line in lines if line.startswith('regrade_disk_free_bytes{volume="data"}')]
    assert float(free.split()[1]) > 0
    assert 'regrade_well{check="disk"} 1.0' in lines
