import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Dialect, insert, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from regrade.serving.base.errors import PhotoDamagedError, RevisionError
from regrade.serving.base.i18n import Message
from regrade.serving.inspections.verify import remove_surplus, verify_store
from regrade.serving.storage import migrations
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import LocalPhotoStore, make_directories
from regrade.serving.storage.tables import api_keys, metadata
from tests.databases import NewDatabase


@pytest.fixture
def bare(tmp_path: Path, new_database: NewDatabase) -> Iterator[Database]:
    """A database without a schema."""
    opened = Database(new_database(tmp_path, schema=False))
    yield opened
    opened.close()


def test_the_migrations_make_the_tables_that_the_code_uses(bare: Database) -> None:
    bare.migrate()
    with bare.read() as connection:
        other = {index for table in metadata.tables.values() for index in table.indexes if not _has(bare, index)}
        context = MigrationContext.configure(
            connection, opts={"include_object": lambda one, name, kind, reflected, to: one not in other}
        )
        assert compare_metadata(context, metadata) == []


def _has(database: Database, index: Any) -> bool:
    """Whether an index is one that this kind of database has."""
    only = index._ddl_if
    return only is None or only.dialect == ("postgresql" if database.shared else "sqlite")


def test_the_newest_revision_is_the_one_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_migrating_again_changes_nothing(tmp_path: Path, new_database: NewDatabase) -> None:
    for _ in range(2):
        database = Database(new_database(tmp_path, schema=False))
        database.migrate()
        database.close()


def test_a_migration_that_fails_leaves_nothing_half_done(bare: Database) -> None:
    with bare.write() as connection:
        connection.execute(text("CREATE TABLE reviews (x INTEGER)"))  # in the way of the migration's last table
    with pytest.raises(Exception, match="already exists"):
        bare.migrate()
    with bare.read() as connection:
        assert inspect(connection).get_table_names() == ["reviews"]


@pytest.mark.sqlite_only
def test_commits_are_synced_and_the_log_is_written_ahead(bare: Database) -> None:
    with bare.read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_failed_transaction_leaves_nothing(bare: Database) -> None:
    database = bare
    database.migrate()
    row = {"id": "1", "name": "x", "role": "admin", "secret_hash": "x", "created_at": datetime.now(UTC)}
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(api_keys), [row, row])
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM api_keys")).scalar() == 0


def test_the_tables_can_be_made_in_postgresql() -> None:
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        made = str(CreateTable(table).compile(dialect=dialect))
        assert table.name in made


def put(store: LocalPhotoStore, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    store.publish(store.stage([(data, sha256)]))
    return sha256


def test_what_is_refused_leaves_no_photo_but_those_of_others(tmp_path: Path) -> None:
    """Erased, decided or changed by somebody else while it was graded: files are there before the row is to be."""
    store, data = LocalPhotoStore(tmp_path / "photos"), [b"mine alone", b"another item's too"]
    hashes = [hashlib.sha256(one).hexdigest() for one in data]
    staged = store.stage(list(zip(data, hashes, strict=True)))
    with pytest.raises(RevisionError), store.published(staged, lambda here: {hashes[1]} & set(here)):
        raise RevisionError(Message("problem.revision_raced"))
    assert [store.holds(one) for one in hashes] == [False, True]


def test_a_published_photo_reads_back(tmp_path: Path) -> None:
    store = LocalPhotoStore(tmp_path / "photos")
    assert store.read(put(store, b"pixels")) == b"pixels"
    assert store.leftovers() == []


def test_a_staged_photo_is_not_visible_and_can_be_discarded(tmp_path: Path) -> None:
    store = LocalPhotoStore(tmp_path)
    (staged,) = store.stage([(b"pixels", "ab" * 32)])
    with pytest.raises(PhotoDamagedError):
        store.read("ab" * 32)
    store.discard([staged], set)
    store.discard([staged], set)
    assert (list(store.hashes()), store.leftovers()) == ([], [])


def test_what_a_process_left_that_is_gone_is_removed_at_once_and_what_another_is_writing_is_not(tmp_path: Path) -> None:
    """Several services share a folder: one was killed amid an item, which another then stored, and erased."""
    running, other, erasing = (LocalPhotoStore(tmp_path) for _ in range(3))
    staged = running.stage([(b"pixels", "ab" * 32)])
    killed = tmp_path / "tmp" / "of a process that was killed"
    killed.mkdir()
    (killed / "half").write_bytes(b"the same pixels")
    other.stage([(b"more", "cd" * 32)])
    other.close()  # in good order: it takes along what it staged
    erasing.remove({"ab" * 32}, set)
    assert erasing.leftovers() == [staged[0].handle]
    assert erasing.clear_leftovers(set) == 0  # not even by who believes to be alone
    running.publish(staged)
    assert erasing.read(put(running, b"pixels")) == b"pixels"


def test_publishing_the_same_photo_twice_keeps_it_once(tmp_path: Path) -> None:
    store = LocalPhotoStore(tmp_path)
    sha256 = put(store, b"pixels")
    put(store, b"pixels")
    assert list(store.hashes()) == [sha256]


def test_publishing_again_mends_a_damaged_photo(tmp_path: Path) -> None:
    store = LocalPhotoStore(tmp_path)
    store.path(put(store, b"pixels")).write_bytes(b"pix")
    assert store.read(put(store, b"pixels")) == b"pixels"


def test_every_new_name_is_synced_in_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalPhotoStore(tmp_path / "photos")
    synced: list[str] = []
    real = os.fsync

    def record(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    sha256 = hashlib.sha256(b"pixels").hexdigest()
    (staged,) = store.stage([(b"pixels", sha256)])
    assert synced == [str(store.staging / staged.handle)]  # the content, before it gets its name
    synced.clear()
    store.publish([staged])
    assert {str(store.root), str(store.root / sha256[:2])} <= set(synced)


def test_a_photo_whose_writing_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalPhotoStore(tmp_path)

    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        store.stage([(b"pixels", "ab" * 32), (b"more pixels", "cd" * 32)])
    assert store.leftovers() == []


def test_directories_are_made_with_their_parents(tmp_path: Path) -> None:
    make_directories(tmp_path / "a" / "b" / "c")
    make_directories(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_sound_store_is_found_sound(service: Any, photo: bytes) -> None:
    service.post([photo, photo])
    report = verify_store(service.runtime.database, service.runtime.photos)
    assert report.sound
    assert (report.inspections, report.photos, report.orphans, report.leftovers) == (1, 1, (), ())


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_harmed_photo_is_found(service: Any, photo: bytes, harm: str) -> None:
    service.post([photo])
    (path,) = service.files()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(photo[:-1])
    report = verify_store(service.runtime.database, service.runtime.photos)
    assert not report.sound
    assert getattr(report, harm) == (path.name,)


def test_an_inspection_without_one_of_its_photos_is_found(service: Any, photo: bytes) -> None:
    made = service.post([photo, photo]).json()
    with service.runtime.database.write() as connection:
        connection.execute(text("DELETE FROM inspection_photos WHERE position = 0"))
    assert verify_store(service.runtime.database, service.runtime.photos).incomplete == (made["id"],)


def test_orphans_and_leftovers_are_found_and_removed(service: Any, photo: bytes) -> None:
    service.post([photo])
    photos = service.runtime.photos
    orphan, killed = put(photos, b"orphan"), photos.staging / "of a process that was killed"
    killed.mkdir()
    (killed / "half").write_bytes(b"left")
    report = verify_store(service.runtime.database, photos)
    assert report.sound
    assert (report.orphans, list(report.leftovers)) == ((orphan,), [f"{killed.name}/half"])
    remove_surplus(service.runtime.database, photos, report)
    assert [path.read_bytes() for path in service.files()] == [photo]


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_harmed_photo_is_never_served_as_good(service: Any, photo: bytes, harm: str) -> None:
    made = service.post([photo]).json()
    address = f"/v1/inspections/{made['id']}/photos/0"
    assert service.client.get(f"{address}?width=100").status_code == 200  # this one is now in the cache
    (path,) = service.files()
    path.unlink() if harm == "missing" else path.write_bytes(photo[:-1])
    for query in ("", "?width=100", "?width=60"):
        answer = service.client.get(address + query)
        assert (answer.status_code, answer.json()["type"]) == (500, "urn:regrade:problem:photo-damaged")
        assert "regrade store verify" in answer.json()["detail"]


def test_a_thumbnail_that_was_cut_off_in_the_cache_is_made_anew(service: Any, photo: bytes) -> None:
    address = f"/v1/inspections/{service.post([photo]).json()['id']}/photos/0?width=100"
    good = service.client.get(address).content
    (cached,) = (path for path in (service.settings.data_dir / "cache").rglob("*.jpg"))
    for length in (0, 500):
        cached.write_bytes(cached.read_bytes()[:length])
        assert service.client.get(address).content == good
