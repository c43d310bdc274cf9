"""Backups are made while the service goes on, hold all that was acknowledged, and say so when they do not."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from regrade.serving.base.errors import BackupError, DamagedDatabaseError, StorageError
from regrade.serving.base.settings import Settings
from regrade.serving.installation.backup import make as making
from regrade.serving.installation.backup.check import check_backup
from regrade.serving.installation.backup.known import known
from regrade.serving.installation.backup.make import make_backup
from regrade.serving.installation.backup.repository import Repository
from regrade.serving.installation.backup.restore import restore
from regrade.serving.installation.backup.source import copy_database
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.storage import migrations
from regrade.serving.storage.database import Database
from tests.serving.storage.backups import newest, run, settings, verified

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_only]


def objects(out: Path) -> dict[str, int]:
    """Content → when it was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "objects").rglob("*") if path.is_file()}


def test_a_service_on_a_restored_backup_shows_the_same(
    service: Any, serve: Any, stored: Path, out: Path, tmp_path: Path
) -> None:
    told = run("backup", out, "--data-dir", stored)
    assert "2 inspections, 3 photos" in told
    assert "2 inspections, 3 photos" in run("restore", out, "--data-dir", tmp_path / "new")
    assert "2 inspections with 3 different photos" in run("store", "verify", "--data-dir", tmp_path / "new")
    key = service.key("admin", "after the backup")
    restored = serve(tmp_path / "new")
    assert restored.with_key(key).get("/v1/inspections").status_code == 401
    for one in service.client.get("/v1/inspections").json()["items"]:
        address = f"/v1/inspections/{one['id']}"
        assert restored.client.get(address).json() == one
        for photo in one["photos"]:
            path = f"{address}/photos/{photo['index']}"
            assert restored.client.get(path).content == service.client.get(path).content
    (tmp_path / "evidence.json").write_bytes(restored.client.get(f"{address}/evidence").content)
    public = service.client.get("/v1/evidence/key").json()["public_key"]
    run("evidence", "verify", tmp_path / "evidence.json", "--key", public)


def test_a_restored_installation_goes_on(serve: Any, stored: Path, out: Path, tmp_path: Path, photo: bytes) -> None:
    make_backup(settings(stored), out)
    restore(out, tmp_path / "new")
    restored = serve(tmp_path / "new")
    assert restored.post([photo]).status_code == 201
    make_backup(settings(tmp_path / "new"), out)
    assert newest(out).inspections == 3


def test_a_second_backup_copies_what_is_new(service: Any, stored: Path, out: Path, render_photo: Any) -> None:
    run("backup", out, "--data-dir", stored)
    before = objects(out)
    service.post([render_photo(2), render_photo(3)], {"rma": "3"})  # one of them is there already
    run("backup", out, "--data-dir", stored)
    after = objects(out)
    assert after | before == after  # nothing was written again
    manifest = newest(out)
    fresh = after.keys() - before.keys()
    assert len(fresh & {one.sha256 for one in Repository(out, write=False).listed(manifest)}) == 1
    assert fresh <= {manifest.files["regrade.db"].sha256, manifest.photos.listed.sha256, *fresh}
    assert (manifest.inspections, manifest.photos.count) == (3, 4)


def test_backups_while_items_come_in_are_whole_each(service: Any, out: Path, tmp_path: Path, render_photo: Any) -> None:
    photos = [render_photo(seed, (320, 240)) for seed in range(24)]
    ended = threading.Event()

    def station() -> None:
        for photo in photos:
            assert service.post([photo]).status_code == 201
        ended.set()

    thread = threading.Thread(target=station)
    thread.start()
    while not ended.is_set():
        make_backup(service.settings, out)
    thread.join()
    make_backup(service.settings, out)
    names = sorted(path.stem for path in (out / "snapshots").iterdir())
    assert len(names) >= 2
    assert check_backup(out).faults == ()
    for name in {names[0], names[len(names) // 2], names[-1]}:
        restore(out, tmp_path / name, snapshot=name)
        report = verified(tmp_path / name)
        assert (report.sound, report.orphans, report.leftovers) == (True, (), ())
    assert newest(out).inspections == len(photos)


def test_what_is_erased_meanwhile_is_in_no_snapshot_and_fails_none(
    service: Any, stored: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased = service.client.get("/v1/inspections").json()["items"][0]
    real, copies = copy_database, []

    def copy_then_erase(file: Path, target: Path) -> Any:
        copies.append(real(file, target))
        if len(copies) == 1:
            gone = service.client.delete(f"/v1/inspections/{erased['id']}", params={"reason": "asked for"})
            assert gone.status_code == 200
        return copies[-1]

    monkeypatch.setattr(making, "copy_database", copy_then_erase)
    run("backup", out, "--data-dir", stored)
    assert (len(copies), newest(out).lost, newest(out).photos.count) == (2, (), 2)
    # Not even as content that no snapshot needs.
    assert not {erased["photos"][0]["sha256"], copies[0].sha256} & objects(out).keys()
    restore(out, tmp_path / "new")
    assert (verified(tmp_path / "new").sound, verified(tmp_path / "new").erased) == (True, 1)


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_photo_that_is_lost_already_is_named_and_the_rest_is_kept(
    service: Any, stored: Path, out: Path, harm: str
) -> None:
    lost = service.files()[0]
    lost.unlink() if harm == "missing" else lost.write_bytes(b"other")
    assert f"not in the backup: {lost.name}" in run("backup", out, "--data-dir", stored, code=1)
    assert (newest(out).lost, newest(out).photos.count) == ((lost.name,), 2)
    assert check_backup(out).faults == ()


def test_a_photo_that_is_lost_since_is_still_in_the_backup(
    service: Any, stored: Path, out: Path, tmp_path: Path
) -> None:
    make_backup(settings(stored), out)
    service.files()[0].unlink()
    make_backup(settings(stored), out)
    restore(out, tmp_path / "new")
    assert verified(tmp_path / "new").sound


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_all_state_is_in_it_and_the_cache_is_not(service: Any, stored: Path, out: Path, tmp_path: Path) -> None:
    (stored / "labels.splits.json").write_text("{}")
    made = service.client.get("/v1/inspections").json()["items"][0]["id"]
    assert service.client.get(f"/v1/inspections/{made}/photos/0?width=99").status_code == 200
    make_backup(settings(stored), out)
    restore(out, tmp_path / "new")
    beside = {f"regrade.db-{part}" for part in ("wal", "shm", "acknowledged")} | {"serve.lock", "backups.json"}
    missing = files_in(stored) - files_in(tmp_path / "new") - beside
    assert {name.partition("/")[0] for name in missing} == {"cache"}
    assert files_in(tmp_path / "new") <= files_in(stored)


def test_what_settings_name_elsewhere_is_in_it_too(data: Path, out: Path, tmp_path: Path) -> None:
    policy = Path(shutil.copy(DEFAULT_POLICY, tmp_path / "own.yaml"))
    (tmp_path / "rubrics").mkdir()
    (tmp_path / "rubrics" / "mine.yaml").write_text("x")
    own: dict[str, Any] = {"policy_file": policy, "rubric_dir": tmp_path / "rubrics", "lease_minutes": 7}
    make_backup(Settings(_env_file=None, data_dir=data, **own), out)
    said = run("restore", out, "--data-dir", tmp_path / "new")
    assert "REGRADE_LEASE_MINUTES=7" in said.replace("\n", "")
    assert (tmp_path / "new" / "settings" / "policy.yaml").read_bytes() == policy.read_bytes()
    assert (tmp_path / "new" / "settings" / "rubrics" / "mine.yaml").read_text() == "x"


def test_nobody_else_can_read_a_backup_or_what_is_restored(data: Path, out: Path, tmp_path: Path) -> None:
    make_backup(settings(data), out)
    restore(out, tmp_path / "new")
    for root in (out, tmp_path / "new"):
        modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (root, *root.rglob("*"))}
        assert modes == {(True, 0o700), (False, 0o600)}


def test_old_snapshots_go_and_with_them_what_only_they_had(
    service: Any, stored: Path, out: Path, render_photo: Any
) -> None:
    make_backup(settings(stored), out)
    first = newest(out)
    service.post([render_photo(5)])
    said = run("backup", out, "--keep", "1", "--data-dir", stored)
    assert f"removed {first.snapshot}" in said
    assert [path.stem for path in (out / "snapshots").iterdir()] == [newest(out).snapshot]
    assert first.files["regrade.db"].sha256 not in objects(out)
    assert check_backup(out).faults == ()


def test_the_installation_remembers_its_backups(data: Path, out: Path) -> None:
    run("backup", out, "--data-dir", data)
    (one,) = known(data)
    assert (one.folder, one.snapshot) == (str(out), newest(out).snapshot)
    assert one.snapshot in run("backup", "list", out)


KILLED = """
import os, sys
from pathlib import Path
from regrade.serving.installation.backup.make import make_backup
from regrade.serving.base.settings import Settings
syncs, last, real = 0, int(sys.argv[3]), os.fsync
def fsync(descriptor):
    global syncs
    syncs += 1
    if syncs == last:
        os.kill(os.getpid(), 9)
    real(descriptor)
os.fsync = fsync
make_backup(Settings(_env_file=None, data_dir=sys.argv[1]), Path(sys.argv[2]))
print(syncs)
"""


def test_a_backup_that_is_killed_never_looks_whole(data: Path, tmp_path: Path) -> None:
    def backed_up(out: Path, last: int) -> "subprocess.CompletedProcess[bytes]":
        words: list[str | Path] = [sys.executable, "-c", KILLED, data, out, str(last)]
        return subprocess.run(words, capture_output=True, timeout=60, check=False)

    most = int(backed_up(tmp_path / "whole", 0).stdout)
    for last in (2, most * 2 // 3, most - 2):
        out = tmp_path / str(last)
        assert backed_up(out, last).returncode == -signal.SIGKILL
        for name in (path.stem for path in (out / "snapshots").glob("*")):
            restore(out, tmp_path / f"{last} restored", snapshot=name)
        make_backup(settings(data), out)
        assert check_backup(out).faults == ()
        assert list((out / "tmp").iterdir()) == []


def test_two_at_once_do_not_get_into_each_others_way(data: Path, out: Path) -> None:
    first = Repository(out, write=True)
    with pytest.raises(BackupError, match="else is at work"):
        make_backup(settings(data), out)
    first.close()
    make_backup(settings(data), out)


def test_a_full_backup_disk_is_said_and_leaves_no_snapshot(data: Path, volume: Any) -> None:
    make_backup(settings(data), volume.folder / "out")
    volume.fill()
    with pytest.raises((StorageError, BackupError), match=r"is full"):
        make_backup(settings(data), volume.folder / "out")
    assert len(list((volume.folder / "out" / "snapshots").iterdir())) == 1
    volume.clear()
    make_backup(settings(data), volume.folder / "out")
    assert check_backup(volume.folder / "out").faults == ()


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(data: Path, out: Path) -> None:
    (data / "regrade.db").write_bytes((data / "regrade.db").read_bytes()[:-4096])
    with pytest.raises(DamagedDatabaseError, match="cut short"):
        make_backup(settings(data), out)
    assert not out.exists()


def test_data_of_an_older_version_can_be_backed_up_before_they_are_brought_up_to_date(
    out: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'data' / 'regrade.db'}")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    database.close()
    run("backup", out, "--data-dir", tmp_path / "data")
    assert newest(out).schema == "0002"
    restore(out, tmp_path / "new")
    assert verified(tmp_path / "new").sound


def test_of_a_database_that_is_no_file_it_says_that_it_is_not_in_it(
    data: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_DATABASE_URL", f"sqlite:///file:{data / 'regrade.db'}?uri=true")
    assert "`pg_dump`" in run("backup", out, "--data-dir", data)
    assert (newest(out).database, newest(out).photos.count) == (None, 3)
    assert "pg_restore" in run("restore", out, "--data-dir", tmp_path / "new")
