"""An erasure that is cut off, held up or raced: nothing is half erased, nothing of other items is lost."""

import fcntl
import os
import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text

from regrade.serving.access.keys import KeyStore
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.pseudonyms import Pseudonyms
from regrade.serving.erasure.records import Actor
from regrade.serving.evidence import Signer
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.sqlite import traces
from regrade.serving.storage.tables import inspections, unfinished_erasures

pytestmark = pytest.mark.slow

BY = Actor("test")


class DiedError(Exception):
    """Stands for a process that ends here."""


class Cut(LocalPhotoStore):
    """A photo store of a process that dies before it removes anything."""

    def remove(self, *args: Any) -> None:
        raise DiedError


def unfinished(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(unfinished_erasures)).all())


def eraser_with(service: Any, photos: LocalPhotoStore) -> Eraser:
    keys = service.settings.data_dir / "keys"
    return Eraser(service.runtime.database, photos, lambda _: None, service.runtime.signer, Pseudonyms.load(keys))


def test_what_was_begun_is_finished_at_the_next_start(serve: Any, photo: bytes) -> None:
    service = serve()
    made = service.post([photo], {"rma": "RMA-SECRET"}).json()
    with pytest.raises(DiedError):
        eraser_with(service, Cut(service.settings.data_dir / "photos")).erase(made["id"], BY)
    assert service.client.get(f"/v1/inspections/{made['id']}").json()["erased"]["by"] == "test"
    assert (len(service.files()), unfinished(service.runtime.database)) == (1, 1)
    service.stop()
    again = serve(service.settings.data_dir)
    assert (again.files(), unfinished(again.runtime.database)) == ([], 0)
    assert not any(b"RMA-SECRET" in path.read_bytes() for path in again.settings.data_dir.glob("regrade.db*"))


def test_the_next_erasure_finishes_the_one_before(service: Any, photo: bytes, render_photo: Any) -> None:
    first, second = (service.post([one]).json()["id"] for one in (photo, render_photo(1)))
    with pytest.raises(DiedError):
        eraser_with(service, Cut(service.settings.data_dir / "photos")).erase(first, BY)
    service.client.delete(f"/v1/inspections/{second}")
    assert (service.files(), unfinished(service.runtime.database)) == ([], 0)


@pytest.mark.sqlite_only
def test_a_reader_of_the_database_holds_up_only_the_clearing_of_its_log(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "RMA-SECRET"}).json()
    with sqlite3.connect(service.settings.data_dir / "regrade.db") as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM inspections").fetchone()
        assert service.client.delete(f"/v1/inspections/{made['id']}").status_code == 200
        assert service.post([photo], {"rma": "another"}).status_code == 201  # others write meanwhile
        assert unfinished(service.runtime.database) == 1
        reader.rollback()
    reader.close()
    assert service.runtime.eraser.finish()
    assert b"RMA-SECRET" not in (service.settings.data_dir / "regrade.db-wal").read_bytes()


def test_a_photo_that_comes_in_again_while_it_is_erased_is_not_lost(service: Any, photo: bytes) -> None:
    """Between a photo's publishing and its row, nobody may take it for one that no inspection has."""
    made = service.post([photo]).json()
    photos: LocalPhotoStore = service.runtime.photos
    sha256 = made["photos"][0]["sha256"]
    with photos.keeping([sha256]):
        thread = threading.Thread(target=service.client.delete, args=(f"/v1/inspections/{made['id']}",))
        thread.start()
        while service.runtime.inspections.get(made["id"]).erased is None:
            thread.join(0.01)
        thread.join(0.2)
        assert photos.holds(sha256)  # erased, but its photo is kept until this is over
    thread.join()
    assert not photos.holds(sha256)


def test_erasing_beside_posts_of_the_same_photo_loses_none(service: Any, photo: bytes) -> None:
    """Every item has the same photo: each erasure finds it needless or not, while others bring it in."""
    posted: list[str] = []
    erased: set[str] = set()

    def post(client: httpx.Client) -> None:
        for number in range(200):
            if number >= 10 and len(erased) > 5:
                return
            posted.append(service.post([photo], client=client).json()["id"])

    threads = [threading.Thread(target=post, args=(service.as_role("station"),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for inspection_id in set(posted) - erased:
            assert service.client.delete(f"/v1/inspections/{inspection_id}").status_code == 200
            erased.add(inspection_id)
    assert len(erased) > 5
    for inspection_id in posted:
        answer = service.client.get(f"/v1/inspections/{inspection_id}/photos/0")
        assert answer.status_code == (410 if inspection_id in erased else 200)


def test_photos_are_kept_in_one_order_whoever_keeps_them(tmp_path: Path) -> None:
    store = LocalPhotoStore(tmp_path)
    hashes = ["a" * 64, "b" * 64]
    with store.keeping(hashes), store.keeping(hashes[::-1]):
        for folder in ("aa", "bb"):
            descriptor = os.open(tmp_path / folder, os.O_RDONLY)
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(descriptor)


def test_nothing_is_left_where_indexes_were_split(tmp_path: Path, migrated: Path) -> None:
    """SQLite overwrites what is deleted, but leaves copies of keys behind where it splits a page of an index."""
    file = tmp_path / "regrade.db"
    file.write_bytes(migrated.read_bytes())
    database, chance = Database(f"sqlite:///{file}"), random.Random(1)
    station = KeyStore(database).create("station", "s")[1].id
    rmas = [f"{chance.getrandbits(64):016x}" for _ in range(4000)]
    row = {"created_at": "2026-11-01 00:00:00.000000", "status": "graded", "key_id": station, "body_digest": ""}
    with database.write() as connection:
        for n, rma in enumerate(rmas):
            own = {"id": f"{n:036}", "rma": rma, "sku": f"sku{rma}", "idempotency_key": f"key{rma}"}
            columns = row | own | {"item": "{}", "result": '{"category": null, "grade": null}'}
            marks = ", ".join(f":{name}" for name in columns)
            connection.execute(text(f"INSERT INTO inspections ({', '.join(columns)}) VALUES ({marks})"), columns)
    keys = tmp_path / "keys"
    photos = LocalPhotoStore(tmp_path / "photos")
    eraser = Eraser(database, photos, lambda _: None, Signer.load(keys), Pseudonyms.load(keys))

    class Every:
        def where(self) -> Any:
            return inspections.c.erased_at.is_(None) & inspections.c.id.like("%0")

        def first(self, connection: Any, limit: int) -> Any:
            return connection.execute(select(inspections.c.id).where(self.where()).limit(limit)).scalars().all()

    assert sum(eraser.erase_all(Every(), BY)) == 400
    assert eraser.finish()
    data = file.read_bytes()
    assert [rma for n, rma in enumerate(rmas) if n % 10 == 0 and rma.encode() in data] == []
    assert all(rma.encode() in data for n, rma in enumerate(rmas) if n % 10)
    database.close()


@pytest.mark.sqlite_only
def test_where_indexes_are_large_they_are_built_anew_later(
    service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would keep stations waiting; the log, where all of it stands, is emptied at once."""
    monkeypatch.setattr(traces, "QUICK_ROWS", 0)
    made = service.post([photo], {"rma": "RMA-SECRET"}).json()
    service.client.delete(f"/v1/inspections/{made['id']}")
    assert not any(b"RMA-SECRET" in path.read_bytes() for path in service.settings.data_dir.glob("regrade.db*"))
    with service.runtime.database.read() as connection:
        assert connection.execute(select(unfinished_erasures)).scalars().all() == ["indexes"]
    assert service.runtime.eraser.finish()
    assert unfinished(service.runtime.database) == 0


@pytest.mark.sqlite_only
def test_a_database_of_before_erasures_is_written_anew_once(serve: Any, photo: bytes) -> None:
    """What older versions have deleted may still be in its file."""
    service = serve()
    service.post([photo])
    service.stop()
    file = service.settings.data_dir / "regrade.db"
    with sqlite3.connect(file) as old:
        old.execute("PRAGMA secure_delete=OFF")
        old.execute(
            "INSERT INTO api_keys (id, name, role, secret_hash, created_at) "
            "VALUES ('k', 'SECRET-OF-OLD', 'station', 'h', '2026-11-01 00:00:00.0')"
        )
        old.commit()
        old.execute("DELETE FROM api_keys WHERE id = 'k'")
        old.execute("INSERT INTO unfinished_erasures VALUES ('')")  # as the migration does
    old.close()
    assert b"SECRET-OF-OLD" in file.read_bytes()
    again = serve(service.settings.data_dir)
    assert b"SECRET-OF-OLD" not in file.read_bytes()
    assert unfinished(again.runtime.database) == 0
