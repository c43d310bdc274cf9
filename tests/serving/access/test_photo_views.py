"""Who looked at which photo is written down: soon, once a minute, and an original before it is sent."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from regrade.serving.access import photo_views
from regrade.serving.access.keys import ApiKey
from regrade.serving.cli.data.audit import audit
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import photo_views as table


@pytest.fixture
def inspection(service: Any, photo: bytes) -> str:
    made: str = service.post([photo]).json()["id"]
    return made


def written(service: Any) -> list[photo_views.PhotoView]:
    """What stands in the database, without asking that what waits be written."""
    with service.runtime.database.read() as connection:
        return list(photo_views.since(connection, None))


def looks(service: Any) -> list[tuple[str, str, int, str]]:
    service.runtime.photo_views.flush()
    return [(view.name, view.role, view.photo, view.what) for view in written(service)]


def test_who_looked_at_what_is_written_down(service: Any, inspection: str) -> None:
    for name, role, query in (("bench 1", "station", ""), ("Ada", "reviewer", "?width=96"), ("root", "admin", "")):
        assert service.as_role(role, name).get(f"/v1/inspections/{inspection}/photos/0{query}").status_code == 200
    assert looks(service) == [
        ("bench 1", "station", 0, "full"),
        ("Ada", "reviewer", 0, "thumbnail"),
        ("root", "admin", 0, "full"),
    ]
    assert {view.inspection_id for view in written(service)} == {inspection}


def test_it_is_written_soon_without_anybody_asking(service: Any, inspection: str) -> None:
    service.client.get(f"/v1/inspections/{inspection}/photos/0")
    deadline = time.monotonic() + 30  # a second, on a machine that has nothing else to do
    while not written(service):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_looks_at_one_photo_within_a_minute_count_as_one(
    service: Any, inspection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = service.as_role("station")
    for query in ("", "", "?width=96", "?width=200", ""):
        tag = reader.get(f"/v1/inspections/{inspection}/photos/0{query}").headers["etag"]
    assert reader.get(f"/v1/inspections/{inspection}/photos/0", headers={"If-None-Match": tag}).status_code == 304
    assert [look[3] for look in looks(service)] == ["full", "thumbnail"]
    monkeypatch.setattr(photo_views, "WITHIN", 0.0)
    assert reader.get(f"/v1/inspections/{inspection}/photos/0", headers={"If-None-Match": tag}).status_code == 304
    assert [look[3] for look in looks(service)] == ["full", "thumbnail", "full"]


def test_what_was_refused_is_no_look(service: Any, inspection: str) -> None:
    reader = service.as_role("reviewer")
    assert reader.get(f"/v1/inspections/{inspection}/photos/7").status_code == 404
    assert reader.get(f"/v1/inspections/{inspection}/photos/0", params={"original": True}).status_code == 403
    assert looks(service) == []


def test_an_original_is_written_down_before_it_is_sent(service: Any, inspection: str) -> None:
    service.client.get(f"/v1/inspections/{inspection}/photos/0", params={"original": True})
    assert [view.what for view in written(service)] == ["original"]


def test_no_original_leaves_where_it_cannot_be_written_down(
    service: Any, inspection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    monkeypatch.setattr(service.runtime.photo_views, "_write", fails)
    assert service.client.get(f"/v1/inspections/{inspection}/photos/0", params={"original": True}).status_code >= 500
    assert service.client.get(f"/v1/inspections/{inspection}/photos/0").status_code == 200
    monkeypatch.undo()
    assert [look[3] for look in looks(service)] == ["full"]  # it waited until it could be written


def test_what_waits_is_written_when_the_service_ends(service: Any, inspection: str) -> None:
    service.client.get(f"/v1/inspections/{inspection}/photos/0")
    service.stop()
    database = Database(service.settings.url)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 1
    database.close()


def test_looks_can_be_neither_changed_nor_removed(service: Any, inspection: str) -> None:
    service.client.get(f"/v1/inspections/{inspection}/photos/0", params={"original": True})
    for change in ("UPDATE photo_views SET key_id = 'x'", "DELETE FROM photo_views"):
        refused = pytest.raises(DBAPIError, match="photo_views is append-only")
        with refused, service.runtime.database.write() as connection:
            connection.execute(text(change))


def test_the_trail_of_an_inspection_shows_them_where_asked(service: Any, inspection: str) -> None:
    service.as_role("station", "bench 1").get(f"/v1/inspections/{inspection}/photos/0")
    path = f"/v1/inspections/{inspection}/audit"
    assert "photo_views" not in service.client.get(path).json()
    [view] = service.client.get(path, params={"photos": True}).json()["photo_views"]
    assert {name: view[name] for name in ("name", "role", "photo", "what")} == {
        "name": "bench 1",
        "role": "station",
        "photo": 0,
        "what": "full",
    }


def test_a_look_at_a_photo_shows_no_reviewer_what_was_found(service: Any, inspection: str) -> None:
    service.as_role("reviewer", "Ada").get(f"/v1/inspections/{inspection}/photos/0")
    trail = service.client.get(f"/v1/inspections/{inspection}/audit").json()["items"]
    assert [entry for entry in trail if entry["name"] == "Ada"] == []


def test_the_command_shows_them(
    service: Any, photo: bytes, inspection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = service.post([photo], {"rma": "RMA-2"}).json()["id"]
    for one in (inspection, other):
        service.client.get(f"/v1/inspections/{one}/photos/0", params={"original": True})
    audit(photos=True, data_dir=service.settings.data_dir)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    assert all("original" in line and "(admin)" in line for line in shown)
    audit(photos=True, inspection=other, as_json=True, data_dir=service.settings.data_dir)
    assert [json.loads(line)["inspection_id"] for line in capsys.readouterr().out.splitlines()] == [other]


def test_thousands_of_looks_are_written_in_batches(tmp_path: Any, new_database: Any) -> None:
    database = Database(new_database(tmp_path))
    views = photo_views.PhotoViews(database)
    viewer = ApiKey("k1", "Ann", "reviewer", datetime.now(UTC))
    for number in range(3000):
        views.note(viewer, f"inspection-{number // 10}", number % 10, "thumbnail")
    views.close()
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar() == 3000
    database.close()


def test_what_cannot_be_written_is_kept_up_to_a_bound(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_views, "MOST_WAITING", 5)
    database = Database(f"sqlite:///{tmp_path / 'views.db'}")  # without a schema: nothing can be written
    views = photo_views.PhotoViews(database)
    viewer = ApiKey("k1", "Ann", "reviewer", datetime.now(UTC))
    for number in range(9):
        views.note(viewer, "inspection", number, "full")
    views.flush()
    database.migrate()
    views.close()
    with database.read() as connection:
        assert [view.photo for view in photo_views.since(connection, None)] == [4, 5, 6, 7, 8]
    database.close()
