"""On a full disk nothing new is taken and nothing old is lost; what is there can be read; and it passes by itself."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.serving.base.errors import DatabaseError, StorageError
from regrade.serving.base.settings import Settings
from regrade.serving.installation.data_dir import open_database

pytestmark = pytest.mark.sqlite_only

DEAR = {"rma": "1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
VERDICT = {"condition": "used"}


@pytest.fixture
def service(serve: Any, volume: Any) -> Any:
    """A service on the small volume that finds out only by writing that there is no room."""
    return serve(volume.folder / "data", disk_reserve=0)


def assert_no_room(answer: httpx.Response) -> None:
    assert answer.status_code == 507, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:regrade:problem:insufficient-storage"
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after"] >= 1
    assert "Nothing of this request was stored" in answer.json()["detail"]


def claimed(service: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/reviews/claim").json()
    return {"id": answer["inspection"]["id"], "lease": answer["lease"]["token"]}


def decide(service: Any, claim: dict[str, Any], **verdict: Any) -> httpx.Response:
    answer: httpx.Response = service.client.post(
        f"/v1/reviews/{claim['id']}", json={"lease": claim["lease"], **VERDICT, **verdict}
    )
    return answer


def at_desk(service: Any, role: str = "reviewer") -> httpx.Client:
    client: httpx.Client = service.with_key(None)
    answer = log_in(client, service.key(role))
    assert answer.status_code == 303
    return client


def log_in(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/desk/login", data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"})


def test_an_item_without_room_leaves_nothing_and_is_taken_later(service: Any, volume: Any, render_photo: Any) -> None:
    assert service.post([render_photo(0)]).status_code == 201
    before = service.files()
    volume.fill()
    for _ in range(3):
        assert_no_room(service.post([render_photo(1), render_photo(2)]))
    assert (service.files(), service.runtime.inspections.count()) == (before, 1)
    volume.clear()
    service.client.get("/healthz")  # who asks first finds it mended
    assert service.post([render_photo(1), render_photo(2)]).status_code == 201


def test_the_refusal_is_in_the_language_of_the_client(service: Any, volume: Any, photo: bytes) -> None:
    volume.fill()
    detail = service.post([photo], Accept_Language="zh-CN").json()["detail"]
    assert re.search("此请求未保存任何内容.*磁盘", detail)


def test_health_and_readiness_fail_with_the_reason_and_come_back(service: Any, volume: Any, photo: bytes) -> None:
    volume.fill()
    service.post([photo])
    client = service.with_key(None)
    assert client.get("/v2/health/live").status_code == 200
    for path in ("/healthz", "/v2/health/ready"):
        answer = client.get(path)
        assert (answer.status_code, list(answer.json()["reasons"])) == (503, ["disk"])
        assert "is full" in answer.json()["reasons"]["disk"]
    assert client.get("/healthz").json()["checks"]["disk"] == "failing"
    volume.clear()
    assert [client.get(path).status_code for path in ("/healthz", "/v2/health/ready")] == [200, 200]


def test_what_is_stored_can_be_read(service: Any, volume: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    volume.fill()
    address = f"/v1/inspections/{made['id']}"
    for path in ("", "/photos/0", "/photos/0?width=100", "/photos/0?width=200", "/evidence"):
        assert service.client.get(address + path).status_code == 200, path
    for path in ("/v1/inspections", "/v1/models", "/v1/reviews/stats", "/metrics"):
        assert service.client.get(path).status_code == 200, path


def test_the_desk_can_be_looked_at(service: Any, volume: Any, photo: bytes) -> None:
    made = service.post([photo], DEAR).json()
    client = at_desk(service)
    volume.fill()
    address = f"/desk/items/{made['id']}"
    for path in ("/desk", "/desk/review", address, f"/desk/api/items/{made['id']}/photos/0?width=300"):
        assert client.get(path).status_code == 200, path
    assert at_desk_quality(service, volume) == 200


def at_desk_quality(service: Any, volume: Any) -> int:
    volume.clear()
    engineer = at_desk(service, "engineer")
    volume.fill()
    return engineer.get("/desk/quality").status_code


def test_who_saw_an_item_meanwhile_is_written_down_before_the_next_claim(
    service: Any, volume: Any, photo: bytes
) -> None:
    made = service.post([photo], DEAR).json()
    reviewer = service.as_role("reviewer", "Ann")
    volume.fill()
    assert reviewer.get(f"/v1/inspections/{made['id']}").json()["grade"] is not None
    assert not views(service, made["id"])
    volume.clear()
    reviewer.post("/v1/reviews/claim")
    assert views(service, made["id"]) == ["Ann"]


def views(service: Any, inspection_id: str) -> list[str]:
    entries = service.runtime.desk.history(inspection_id)
    return [entry.name for entry in entries if entry.action == "view"]


def test_a_decision_without_room_can_be_sent_again(service: Any, volume: Any, photo: bytes) -> None:
    service.post([photo], DEAR)
    claim = claimed(service)
    volume.fill()
    for _ in range(3):
        assert_no_room(decide(service, claim))
    assert_no_room(service.client.post("/v1/reviews/claim"))
    volume.clear()
    service.client.get("/healthz")
    assert decide(service, claim).json()["status"] == "reviewed"


def test_nobody_can_log_in_but_is_told_why_and_can_log_out(service: Any, volume: Any) -> None:
    key, seated = service.key("reviewer"), at_desk(service)
    csrf = seated.get("/desk/api/session").json()["csrf"]
    volume.fill()
    refused = log_in(service.with_key(None), key)
    assert (refused.status_code, "is full" in refused.text) == (507, True)
    left = seated.post("/desk/logout", data={"csrf": csrf}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (left.status_code, seated.cookies) == (303, httpx.Cookies())
    volume.clear()
    assert log_in(service.with_key(None), key).status_code == 303


@pytest.mark.parametrize("reserve", [None, 2**40])
def test_below_the_reserve_it_refuses_before_anything_is_written(
    serve: Any, volume: Any, photo: bytes, reserve: int | None, two_versions: Path
) -> None:
    service = serve(volume.folder / "data", bundles_dir=two_versions, grader=None)
    service.post([photo], DEAR)
    claim = claimed(service)
    if reserve is None:
        volume.fill()
    else:
        service.runtime.disk.reserve = reserve
    active = {"json": {"version": "2099.1.1"}}
    for answer in (
        service.post([photo], DEAR),
        service.client.post("/v1/reviews/claim"),
        decide(service, claim),
        service.client.post("/v1/models/packaging/activate", **active),
    ):
        assert_no_room(answer)
        assert "must stay free" in answer.json()["detail"]
    assert service.client.get("/healthz").json()["checks"]["disk"] == "failing"
    assert service.runtime.inspections.count() == 1
    if reserve is not None:
        service.runtime.disk.reserve = 0
    else:
        volume.clear()
    assert decide(service, claim).status_code == 200
    assert service.client.post("/v1/models/packaging/activate", **active).status_code == 200


def test_what_was_stored_before_is_answered_again_however_full_it_is(service: Any, photo: bytes) -> None:
    made = service.post([photo], DEAR, key="one").json()
    claim = claimed(service)
    decide(service, claim)
    service.runtime.disk.reserve = 2**40
    replayed = [service.post([photo], DEAR, key="one"), decide(service, claim)]
    assert [(one.status_code, one.headers["idempotency-replayed"]) for one in replayed] == [(200, "true")] * 2
    assert {one.json()["id"] for one in replayed} == {made["id"]}
    assert_no_room(service.post([photo], DEAR, key="two"))


def test_photos_whose_row_found_no_room_are_removed_unless_another_item_has_them(
    service: Any, render_photo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, own = render_photo(0), render_photo(1)
    service.post([shared])
    (kept,) = service.files()

    def full(*_: object) -> None:
        raise StorageError("full", "full")

    monkeypatch.setattr(service.runtime.inspections, "insert", full)
    assert service.post([shared, own]).status_code == 507
    assert service.files() == [kept]


def test_photos_stay_where_the_row_may_yet_turn_out_to_be_stored(
    service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit whose sync fails is undone, and yet may be found in the log after a crash."""

    def fail(*_: object) -> None:
        raise StorageError("disk I/O error", "failing")

    monkeypatch.setattr(service.runtime.inspections, "insert", fail)
    assert service.post([photo]).status_code == 507
    assert len(service.files()) == 1


def test_a_service_starts_on_a_full_disk_and_shows_what_is_there(serve: Any, volume: Any, photo: bytes) -> None:
    first = serve(volume.folder / "data", disk_reserve=0)
    first.post([photo])
    key = first.key("admin")
    first.stop()
    volume.fill(leave=2**16)  # what SQLite needs to open a database
    again = serve(volume.folder / "data", disk_reserve=0)
    assert len(again.with_key(key).get("/v1/inspections").json()["items"]) == 1


def test_where_not_even_the_database_can_be_opened_that_is_said(volume: Any) -> None:
    settings = Settings(_env_file=None, data_dir=volume.folder / "data")
    open_database(settings).close()
    volume.fill()
    assert what_is_said(settings) in (None, "is full")  # None: it found room in what it has


def what_is_said(settings: Settings) -> str | None:
    try:
        open_database(settings).close()
    except (DatabaseError, StorageError) as error:
        return "is full" if "is full" in str(error) else str(error)
    return None
