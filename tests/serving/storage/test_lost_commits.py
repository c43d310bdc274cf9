"""A database that lacks what was acknowledged is not opened as if nothing were; one that lacks nothing always is."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from regrade.serving.access.keys import KeyStore
from regrade.serving.base.errors import DamagedDatabaseError, DatabaseError, NewerDatabaseError
from regrade.serving.base.settings import Settings
from regrade.serving.cli.main import build_app
from regrade.serving.installation.backup.known import Known, remember
from regrade.serving.installation.data_dir import open_database, open_to_read
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.storage.database import Database
from regrade.serving.storage.migrations import HEAD
from regrade.serving.storage.sqlite.wal import FRAME_HEADER, HEADER, read_log

pytestmark = pytest.mark.slow

COMMITS = 8
COMMANDS = (
    "serve --port 0",
    "keys list",
    "keys create --role admin",
    "store verify",
    "audit",
    "replay --policy x.yaml",
)
"""Whatever opens the database, each in its own way."""
REGRADE = Path(sys.executable).with_name("regrade")
WRITER = """
import os, sys
from sqlalchemy import text
from regrade.serving.storage.database import Database
database = Database(f"sqlite:///{sys.argv[1]}")
database.migrate()
for number in range(int(sys.argv[2])):
    with database.write() as connection:
        row = {"id": f"k{number}", "at": "2026-11-28 10:00:00.000000"}
        names = "(id, name, role, secret_hash, created_at)"
        connection.execute(text(f"INSERT INTO api_keys {names} VALUES (:id, 'n', 'station', 'h', :at)"), row)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Path:
    """A data directory whose writer was killed after its 8 commits; the log holds them all."""
    folder = tmp_path_factory.mktemp("killed")
    shutil.copy(migrated, folder / "regrade.db")
    done = subprocess.run([sys.executable, "-c", WRITER, folder / "regrade.db", str(COMMITS)], check=False)
    assert done.returncode == -signal.SIGKILL
    return folder


@pytest.fixture
def data(killed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(killed, tmp_path / "data"))


def settings(data: Path) -> Settings:
    return Settings(_env_file=None, data_dir=data)


def keys(data: Path) -> int:
    database = open_database(settings(data))
    try:
        return len(KeyStore(database).all_keys())
    finally:
        database.close()


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def log_of(data: Path) -> Path:
    return data / "regrade.db-wal"


def frame_size() -> int:
    return FRAME_HEADER + 4096


def test_after_a_kill_all_is_there(data: Path) -> None:
    assert keys(data) == COMMITS
    assert keys(data) == COMMITS  # and after it was closed in good order


@pytest.mark.parametrize("seed", range(12))
def test_a_byte_of_the_log_that_went_bad_is_noticed_wherever_it_is(data: Path, seed: int) -> None:
    flip(log_of(data), random.Random(seed).randrange(log_of(data).stat().st_size))
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    with pytest.raises(DamagedDatabaseError, match=r"acknowledged (are|is) missing|log is damaged"):
        open_database(settings(data))
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_a_byte_of_the_last_commit_that_went_bad_is_noticed(data: Path) -> None:
    flip(log_of(data), log_of(data).stat().st_size - 1)
    with pytest.raises(DamagedDatabaseError, match="The last write that was acknowledged is missing"):
        open_database(settings(data))


def test_without_the_count_a_byte_in_the_midst_is_noticed_all_the_same(data: Path) -> None:
    (data / "regrade.db-acknowledged").unlink()
    flip(log_of(data), HEADER + frame_size() + 100)
    with pytest.raises(DamagedDatabaseError, match="commits that follow on the damaged place"):
        open_database(settings(data))


def test_what_power_cut_short_is_no_damage(data: Path) -> None:
    """The last commit was not finished, and so nobody was told of it."""
    with closing(sqlite3.connect(data / "regrade.db", isolation_level=None)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("CREATE TABLE large (x)")
        size = log_of(data).stat().st_size
        other.execute("INSERT INTO large VALUES (zeroblob(100000))")
        torn = log_of(data).read_bytes()
        files = {path.name: path.read_bytes() for path in data.iterdir() if path != log_of(data)}
    for path in data.iterdir():
        path.unlink()
    for name, content in files.items():
        (data / name).write_bytes(content)
    log_of(data).write_bytes(torn[: size + 4000] + bytes(100) + torn[size + 4100 : -1])
    assert keys(data) == COMMITS


def harm_log_gone(data: Path) -> None:
    log_of(data).unlink()
    (data / "regrade.db-shm").unlink()


def harm_log_emptied(data: Path) -> None:
    log_of(data).write_bytes(b"")


def harm_log_cut(data: Path) -> None:
    os.truncate(log_of(data), log_of(data).stat().st_size // 2)


def harm_database_gone(data: Path) -> None:
    for path in data.glob("regrade.db*"):
        if not path.name.endswith("-acknowledged"):
            path.unlink()


def harm_older_copy(data: Path) -> None:
    old = (data / "regrade.db").read_bytes()  # without what is in the log
    keys(data)
    (data / "regrade.db").write_bytes(old)


def harm_cut_short(data: Path) -> None:
    keys(data)
    os.truncate(data / "regrade.db", (data / "regrade.db").stat().st_size - 4096)


def harm_overwritten(data: Path) -> None:
    keys(data)
    with (data / "regrade.db").open("r+b") as file:
        file.write(b"\0" * 16)


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "the log is removed": (harm_log_gone, "last 8 of the writes .* are missing.*was removed"),
    "the log is emptied": (harm_log_emptied, "last 8 of the writes .* are missing"),
    "the log is cut short": (harm_log_cut, r"acknowledged (are|is) missing.*damaged or cut short"),
    "the database is removed": (harm_database_gone, "Its file is gone"),
    "an older copy takes its place": (harm_older_copy, "last 8 of the writes .* are missing.*older copy"),
    "the database is cut short": (harm_cut_short, "Its file is cut short"),
    "its header is overwritten": (harm_overwritten, "does not begin as one of SQLite does"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_other_harm_is_noticed(data: Path, harm: str) -> None:
    done, said = HARMS[harm]
    done(data)
    with pytest.raises(DamagedDatabaseError, match=said):
        open_database(settings(data))


def test_a_page_that_went_bad_is_noticed_after_a_crash(data: Path) -> None:
    keys(data)
    database = Database(f"sqlite:///{data / 'regrade.db'}")
    with database.read() as connection:
        root = connection.execute(text("SELECT rootpage FROM sqlite_master WHERE name = 'audit'")).scalar_one()
    database.close()
    subprocess.run([sys.executable, "-c", WRITER.replace('f"k{', 'f"l{'), data / "regrade.db", "1"], check=False)
    with (data / "regrade.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 100)
    with pytest.raises(DamagedDatabaseError, match="is damaged"):
        open_database(settings(data))


def test_the_refusal_names_the_newest_backup_there_is(data: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        snapshot = tmp_path / "backups" / "snapshots" / f"s{number}.json"
        snapshot.parent.mkdir(parents=True, exist_ok=True)
        snapshot.write_text("{}")
        at = datetime(2026, 11, 20 + number, 10, 15, tzinfo=UTC).isoformat()
        remember(data, Known(str(tmp_path / "backups"), f"s{number}", at))
    harm_log_gone(data)
    with pytest.raises(DamagedDatabaseError) as caught:
        open_database(settings(data))
    said = str(caught.value)
    assert f"of 2026-11-22 10:15 UTC; `regrade restore {tmp_path / 'backups'} --snapshot s2 --data-dir NEW`" in said
    assert f"`regrade store salvage --data-dir {data}`" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_so_in_words(data: Path, tmp_path: Path, command: str) -> None:
    harm_log_gone(data)
    done = refused([*command.split(), "--data-dir", data], tmp_path)
    assert "are missing" in done
    assert "regrade store salvage" in done


def refused(arguments: list[Any], folder: Path) -> str:
    """What a command that must fail says, in one line."""
    shutil.copy(DEFAULT_POLICY, folder / "x.yaml")
    done = subprocess.run([REGRADE, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    return done.stderr


def test_what_is_left_can_be_used_once_somebody_says_so(data: Path) -> None:
    flip(log_of(data), log_of(data).stat().st_size - 1)
    bad = log_of(data).read_bytes()
    said = CliRunner().invoke(build_app(), ["store", "salvage", "--data-dir", str(data)]).output
    assert "The last write that was acknowledged is missing" in said
    assert keys(data) == COMMITS - 1
    (aside,) = data.glob("damaged-*")
    assert (aside / "regrade.db-wal").read_bytes() == bad
    assert {path.stat().st_mode & 0o777 for path in (aside, *aside.iterdir())} == {0o700, 0o600}


def test_a_salvage_is_in_the_audit_trail(data: Path) -> None:
    harm_log_gone(data)
    CliRunner().invoke(build_app(), ["store", "salvage", "--data-dir", str(data)])
    lines = CliRunner().invoke(build_app(), ["audit", "--json", "--data-dir", str(data)]).stdout.splitlines()
    (entry,) = [json.loads(line) for line in lines]
    assert (entry["action"], entry["detail"]["lost"]) == ("salvage", COMMITS)


def test_a_sound_database_is_not_salvaged(data: Path) -> None:
    before = sorted(data.iterdir())
    result = CliRunner().invoke(build_app(), ["store", "salvage", "--data-dir", str(data)])
    assert "Nothing is missing" in result.output
    assert sorted({*data.iterdir()} - {data / "serve.lock"}) == before


def test_what_is_not_sound_is_left_as_it_is(data: Path) -> None:
    harm_overwritten(data)
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    with pytest.raises(DatabaseError, match=r"is not sound.*Nothing was changed"):
        CliRunner().invoke(build_app(), ["store", "salvage", "--data-dir", str(data)], catch_exceptions=False)
    after = {path.name: path.read_bytes() for path in data.iterdir() if path.name != "serve.lock"}
    assert after == before


def test_a_database_that_is_in_use_is_not_looked_into(data: Path) -> None:
    """What it looks like from outside changes while others write."""
    database = open_database(settings(data))
    (data / "regrade.db-acknowledged").write_text(f"{99:020d}\n")
    assert keys(data) == COMMITS
    database.close()
    with pytest.raises(DamagedDatabaseError):
        open_database(settings(data))


def test_the_count_is_that_of_commits_that_changed_something(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with database.write() as connection:
        connection.execute(text("SELECT * FROM t"))
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.execute(text("INSERT INTO t VALUES (2), (nothing)"))
    database.close()
    assert (tmp_path / "x.db-acknowledged").read_text() == f"{1:020d}\n"


def test_it_agrees_with_sqlite_about_what_is_left_of_a_log(killed: Path, tmp_path: Path) -> None:
    chance = random.Random(1)
    whole = log_of(killed).read_bytes()
    for _ in range(30):
        spoilt = bytearray(whole)
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        (tmp_path / "x.db").write_bytes((killed / "regrade.db").read_bytes())
        (tmp_path / "x.db-wal").write_bytes(spoilt)
        found = read_log(tmp_path / "x.db-wal")
        with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
            (told,) = connection.execute("PRAGMA user_version").fetchone()
        first = found.first_page or (killed / "regrade.db").read_bytes()
        assert int.from_bytes(first[60:64]) == told


@pytest.fixture
def newer(data: Path) -> Iterator[Path]:
    """Data that a later version has written."""
    database = open_database(settings(data))
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    noted = json.loads((data / "version.json").read_text())
    assert noted["schema"] == HEAD
    (data / "version.json").write_text(json.dumps(noted | {"regrade": "7.2.0", "schema": "9999"}))
    yield data
    assert json.loads((data / "version.json").read_text())["regrade"] == "7.2.0"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_older_version_refuses_newer_data_in_words(newer: Path, tmp_path: Path, command: str) -> None:
    said = refused([*command.split(), "--data-dir", newer], tmp_path)
    assert "its schema is 9999" in said
    assert f"with the schema {HEAD}, does not know" in said
    assert "Install regrade 7.2.0 or a later one" in said


def test_newer_data_is_not_read_either(newer: Path) -> None:
    with pytest.raises(NewerDatabaseError):
        open_to_read(settings(newer))
