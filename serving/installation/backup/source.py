"""What of an installation goes into a backup: a copy of its database, its other files, and its photos."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Select, Table, func, inspect, make_url, select, union_all

from regrade.serving.base.errors import BackupError
from regrade.serving.base.settings import Settings
from regrade.serving.installation.backup.known import NAME as KNOWN
from regrade.serving.installation.backup.manifest import Stored
from regrade.serving.storage.database import Database
from regrade.serving.storage.s3.store import FOLDER as PHOTOS_S3
from regrade.serving.storage.sqlite.mark import SUFFIX
from regrade.serving.storage.tables import PHOTO_TABLES, inspections

DATABASE: Final = "regrade.db"
"""The database's name in a backup, whatever it was called."""
OUTSIDE: Final = "settings"
"""The folder, in a backup, of files that settings name and that lie elsewhere."""
_LEFT_OUT: Final = ("cache", "photos", PHOTOS_S3, "uploads", "serve.lock", KNOWN)
_PARTS: Final = ("", "-wal", "-shm", "-journal", SUFFIX)
_SUFFIXES: Final = (".tmp", ".partial", ".lock")


def files_of(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Every file of the installation but photos and database: its path in the backup, and where it lies.

    Left out: what can be made anew (the cache), locks, and what is being written.
    """
    data_dir = settings.data_dir.absolute()
    databases = (data_dir / DATABASE, settings.database_file or data_dir / DATABASE)
    parts = {database.with_name(database.name + suffix) for database in databases for suffix in _PARTS}
    for path in _walk(data_dir, set()):
        name = path.relative_to(data_dir)
        if name.parts[0] not in _LEFT_OUT and path.suffix not in _SUFFIXES and path not in parts:
            yield name.as_posix(), path
    if settings.policy_file is not None:
        yield f"{OUTSIDE}/policy.yaml", settings.policy_file
    if settings.rubric_dir is not None:
        for path in _walk(settings.rubric_dir, set()):
            yield f"{OUTSIDE}/rubrics/{path.relative_to(settings.rubric_dir).as_posix()}", path


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """All files below a folder; links are followed, each folder once."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)
        elif entry.is_file():
            yield Path(entry.path)


def shown_settings(settings: Settings) -> dict[str, Any]:
    """The settings that are not the default, without a password."""
    found: dict[str, Any] = settings.model_dump(mode="json", exclude_defaults=True)
    if settings.database_url is not None:
        found["database_url"] = make_url(settings.database_url).render_as_string(hide_password=True)
    return found


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database says: its schema, how many inspections it has, and the photos of those that are not erased."""

    schema: str
    inspections: int
    photos: tuple[Stored, ...]


def contents_of(database: Database) -> Contents:
    """What a database says, in one transaction. Raises `DatabaseError`."""
    schema = database.check_revision(older=True)
    with database.read() as connection:
        erasures, there = _knows_erasures(connection), inspect(connection).get_table_names()
        parts = [_photos(table, erasures) for table in PHOTO_TABLES if table.name in there]
        every = union_all(*parts).subquery()
        query = select(every.c.sha256, func.max(every.c.size)).group_by(every.c.sha256).order_by(every.c.sha256)
        count = connection.execute(select(func.count()).select_from(inspections)).scalar_one()
        photos = tuple(Stored(*row) for row in connection.execute(query))
    return Contents(schema, count, photos)


def _photos(table: Table, erasures: bool) -> Select[Any]:
    query = select(table.c.sha256, table.c.size)
    if not erasures:
        return query
    return query.join(inspections, inspections.c.id == table.c.inspection_id).where(inspections.c.erased_at.is_(None))


def _knows_erasures(connection: Connection) -> bool:
    """Whether the database is not of a version before there were any."""
    return any(column["name"] == "erased_at" for column in inspect(connection).get_columns(inspections.name))


def copy_database(file: Path, target: Path) -> Stored:
    """Copy a SQLite database into the new file `target`, synced, as it stands at one moment; others may go on writing.

    The copy holds nothing of rows that were deleted. Raises `BackupError` where the database or its copy is not sound.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", timeout=30, uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        with closing(sqlite3.connect(f"file:{quote(str(target))}?mode=ro", uri=True)) as copy:
            found = [line for (line,) in copy.execute("PRAGMA quick_check(5)")]
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The database {file} cannot be copied: {error}.") from error
    if found != ["ok"]:
        raise BackupError(
            f"The database {file} is not sound: {'; '.join(found)}. Look at it with regrade store verify."
        )
    target.chmod(0o600)
    with target.open("rb+") as written:
        os.fsync(written.fileno())
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return Stored(digest, target.stat().st_size)
