"""What it costs to keep what is stored: counting commits, looking at the log at a start, asking for room, backups.

    .venv/bin/python benchmarks/storage.py               # writes benchmarks/results/storage.json

Commits are made with and without the count in turns, in one transaction of five rows each, on the disk of `--folder`.
The log is one as a killed process leaves it. Backups are of made-up photos, copied on one disk.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig import parser, percentiles, write
from sqlalchemy import insert

from regrade.models.types import ItemResult, Quality
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.evidence import Signer
from regrade.serving.inspections.store import InspectionStore, asked_for
from regrade.serving.installation.backup.check import check_backup
from regrade.serving.installation.backup.make import make_backup
from regrade.serving.installation.backup.restore import restore
from regrade.serving.installation.data_dir import open_database
from regrade.serving.storage.database import Database
from regrade.serving.storage.disk import Disk
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id
from regrade.serving.storage.sqlite.soundness import state_of
from regrade.serving.storage.tables import audit


def commits(folder: Path, count: int) -> dict[str, Any]:
    """Milliseconds of a commit, and of the thread's CPU in it, with the count and without."""
    databases = {}
    for name in ("counted", "plain"):
        databases[name] = database = Database(f"sqlite:///{folder / name}.db")
        database.migrate()
    databases["plain"]._guard = None
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in databases}
    for _ in range(count):
        for name, database in databases.items():
            rows = [{"id": new_id(), "at": datetime.now(UTC), "action": "view", "detail": {}} for _ in range(5)]
            wall, cpu = time.perf_counter(), time.thread_time()
            with database.write() as connection:
                connection.execute(insert(audit), rows)
            found[name]["cpu"].append((time.thread_time() - cpu) * 1000)
            found[name]["wall"].append((time.perf_counter() - wall) * 1000)
    for database in databases.values():
        database.close()
    return {
        name: {what: percentiles(values, (50, 95), 3) for what, values in one.items()} for name, one in found.items()
    }


def look_at_log(folder: Path, megabytes: int) -> dict[str, float]:
    """Milliseconds that a log of so many megabytes takes at a start."""
    file = folder / f"log{megabytes}.db"
    with sqlite3.connect(file, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE t (x)")
        for _ in range(megabytes * 4):
            connection.execute("INSERT INTO t VALUES (randomblob(240000))")
        took = timed(lambda: state_of(file))
        size = file.with_name(f"{file.name}-wal").stat().st_size
    connection.close()
    return {"megabytes": round(size / 1e6, 1), "ms": round(took * 1000, 1)}


def room(folder: Path) -> dict[str, float]:
    """Microseconds that a request is asked for: is there room for it?"""
    disk = Disk({"data": folder}, 1)

    def ask() -> None:
        for _ in range(10_000):
            disk.refuse(1)

    took = timed(ask)
    return {"us": round(took / 10_000 * 1e6, 2)}


def backups(folder: Path, photos: int, size: int) -> dict[str, Any]:
    """Seconds of a first backup, of one with a hundredth more, of a check and of a restore."""
    settings = Settings(_env_file=None, data_dir=folder / "data")
    add(settings, photos, size)
    out = folder / "backup"
    first = timed(lambda: make_backup(settings, out))
    add(settings, max(1, photos // 100), size)
    second = timed(lambda: make_backup(settings, out))
    check = timed(lambda: check_backup(out))
    again = timed(lambda: restore(out, folder / "restored"))
    assert check_backup(out).faults == ()
    seconds = {"first": first, "next": second, "verify": check, "restore": again}
    return {"photos": photos, "bytes_each": size, "seconds": {name: round(one, 2) for name, one in seconds.items()}}


def add(settings: Settings, photos: int, size: int) -> None:
    """Store `photos` inspections of one photo each."""
    database = open_database(settings)
    signer = Signer.load(settings.data_dir / "keys")
    store, files = InspectionStore(database, asked_for, signer), LocalPhotoStore(settings.data_dir / "photos")
    _, key = KeyStore(database).create("station", "benchmark")
    result = ItemResult(None, None, (), (Quality(True, (), {}),), {}, {})
    for _ in range(photos):
        data = os.urandom(size)
        staged = files.stage([(data, sha256(data))])
        files.publish(staged)
        photo = StoredPhoto(0, staged[0].sha256, "image/jpeg", size, 4000, 3000)
        store.insert(
            Inspection(new_id(), datetime.now(UTC), "retake", key.id, None, "d", {"rma": "1"}, result, None, (photo,))
        )
    database.close()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def main() -> None:
    made = parser(__doc__)
    options = made.parse_args()
    quick = options.quick
    folder = Path(tempfile.mkdtemp(prefix="regrade-storage-", dir=options.folder))
    try:
        found = {
            "commit_ms": commits(folder, 20 if quick else 500),
            "log_at_start": [look_at_log(folder, n) for n in ((1,) if quick else (1, 4, 64))],
            "room": room(folder),
            "backup": backups(folder, 20 if quick else 2000, 100_000 if quick else 500_000),
        }
    finally:
        shutil.rmtree(folder)
    write(found, "storage", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
