"""A site moves from SQLite to PostgreSQL and back, every row of it, and goes on where it was."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from regrade.serving.base.errors import DatabaseError, DataDirError
from regrade.serving.installation.copying import copy_site
from regrade.serving.installation.data_dir import DataDirLock
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys, inspections, metadata, photo_views
from tests.commands import run_command
from tests.databases import MISSING, Cluster, copy_of, programs
from tests.serving.evidence.conftest import Site

pytestmark = [pytest.mark.postgresql, pytest.mark.skipif(programs() is None, reason=MISSING)]


@pytest.fixture
def site(tmp_path: Path, migrated: Path) -> Iterator[Site]:
    """One on SQLite with items that wait, are decided, and were taken back, and with looks at photos."""
    folder = tmp_path / "site"
    folder.mkdir(0o700)
    made = Site(folder, copy_of(migrated, folder))
    made.open()
    for number in range(4):
        made.add(rma=f"退货-{number}")
    made.decide(), made.decide(None)
    made.desk.undo(made.decide(), made.ann)
    with made.database.write() as connection:
        look = {"at": made.time, "key_id": made.ann.id, "role": "reviewer", "photo": 0, "what": "full"}
        connection.execute(insert(photo_views), [look | {"inspection_id": f"i{n}"} for n in range(3)])
    yield made
    made.database.close()


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Callable[[], Database]]:
    """Makes empty databases of PostgreSQL with the newest schema."""
    opened: list[Database] = []

    def make() -> Database:
        opened.append(Database(cluster.migrated()))
        return opened[-1]

    yield make
    for database in opened:
        database.close()
        cluster.let_go(str(database.engine.url))


def rows_of(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in metadata.sorted_tables}


def test_a_site_is_the_same_in_postgresql_and_back_in_sqlite(
    site: Site, empty: Callable[[], Database], tmp_path: Path, migrated: Path
) -> None:
    there, told = empty(), []
    copied = copy_site(site.database, there, lambda done, total: told.append((done, total)))
    assert rows_of(there) == rows_of(site.database)
    assert told[-1] == (sum(one.rows for one in copied),) * 2
    back = Database(copy_of(migrated, tmp_path))
    assert copy_site(there, back) == copied
    with site.database.read() as one, back.read() as other:
        for column in ("item", "result", "decision"):  # to the byte, for texts of JSON are hashed and signed
            query = text(f"SELECT id, {column} FROM inspections ORDER BY id")
            assert one.execute(query).all() == other.execute(query).all()
    back.close()


def test_commands_move_a_site_which_then_passes_every_check(site: Site, cluster: Cluster, monkeypatch: Any) -> None:
    url = cluster.create()
    (decided, *_) = [row.inspection_id for row in site.all("SELECT inspection_id FROM reviews")]
    done = run_command("store", "copy", "--to", url, "--data-dir", site.data_dir)
    assert "are the same in both databases" in done.output
    (site.data_dir / "regrade.db").unlink()
    monkeypatch.setenv("REGRADE_DATABASE_URL", url)
    assert " 0 findings" in run_command("store", "verify", "--data-dir", site.data_dir).output
    file, key = site.data_dir / "evidence.json", site.data_dir / "key.pem"
    run_command("evidence", "export", decided, "--out", file, "--data-dir", site.data_dir)
    key.write_text(run_command("evidence", "key", "--data-dir", site.data_dir).stdout)
    run_command("evidence", "verify", file, "--key", key)


def test_the_copy_is_decided_on_and_looked_at_like_the_first(site: Site, empty: Callable[[], Database]) -> None:
    there = empty()
    copy_site(site.database, there)
    moved = Site(site.data_dir, there.engine.url.render_as_string(hide_password=False))
    moved.decide("in the other database")
    look = {"at": moved.time, "key_id": "k", "role": "admin", "photo": 0, "what": "full", "inspection_id": "i"}
    with there.write() as connection:
        assert connection.execute(insert(photo_views).returning(photo_views.c.number), look).scalar() == 4
    assert moved.codes() == set()
    moved.database.close()


def test_what_is_append_only_stays_so_in_the_copy(site: Site, empty: Callable[[], Database]) -> None:
    there = empty()
    copy_site(site.database, there)
    for statement in ("DELETE FROM evidence_steps", "UPDATE audit SET action = 'x'", "DELETE FROM reviews"):
        with pytest.raises(DBAPIError, match="append-only"), there.write() as connection:
            connection.execute(text(statement))


def test_a_database_that_is_not_empty_is_left_as_it_is(site: Site, empty: Callable[[], Database]) -> None:
    there = empty()
    key = {"id": "k", "name": "x", "role": "admin", "secret_hash": "h", "created_at": site.time}
    with there.write() as connection:
        connection.execute(insert(api_keys).values(key))
    with pytest.raises(DatabaseError, match="not empty: there are rows in api_keys"):
        copy_site(site.database, there)
    assert len(rows_of(there)["api_keys"]) == 1


def test_a_copy_that_fails_leaves_nothing(site: Site, empty: Callable[[], Database]) -> None:
    """SQLite does not mind texts that are longer than their column; PostgreSQL does."""
    with site.database.write() as connection:
        connection.execute(inspections.update().values(sku="s" * 200))
    there = empty()
    with pytest.raises(DatabaseError, match="A row of inspections is not taken: value too long"):
        copy_site(site.database, there)
    assert rows_of(there)["api_keys"] == []


def test_a_row_that_is_lost_on_the_way_is_noticed(site: Site, empty: Callable[[], Database]) -> None:
    there = empty()
    lost = text(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
        "CREATE TRIGGER lose BEFORE INSERT ON disclosures FOR EACH ROW EXECUTE FUNCTION lose()"
    )
    with there.engine.begin() as connection:
        connection.execute(lost)
    with pytest.raises(DatabaseError, match="disclosures is not what was copied"):
        copy_site(site.database, there)


def test_nothing_is_copied_while_a_service_runs(site: Site, cluster: Cluster) -> None:
    lock = DataDirLock(site.data_dir)
    with pytest.raises(DataDirError, match="already using"):
        run_command("store", "copy", "--to", cluster.url("nowhere"), "--data-dir", site.data_dir)
    lock.release()


def test_a_database_without_the_newest_schema_is_not_copied(tmp_path: Path, migrated: Path, cluster: Cluster) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(migrated, folder / "regrade.db")
    old = Database(f"sqlite:///{folder / 'regrade.db'}")
    with old.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        connection.execute(delete(api_keys))
    old.close()
    with pytest.raises(DatabaseError, match="has the schema 0001"):
        run_command("store", "copy", "--to", cluster.url("nowhere"), "--data-dir", folder)
