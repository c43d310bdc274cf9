"""Events and webhooks over HTTP, with a service that grades, and real receivers."""

from collections.abc import Callable
from typing import Any

import pytest

from regrade.serving.erasure.records import Actor
from regrade.serving.inspections.selection import Criteria
from tests.serving.events.conftest import Receiver
from tests.serving.events.test_delivery import until

Listen = Callable[..., Receiver]
LONG_ONCE_COMPOSED = "\u0958" * 150
"""150 characters that are 300 in Normalization Form C."""
UNFIT = (
    {"description": "x" * 900},
    {"description": LONG_ONCE_COMPOSED},
    *({"enabled": no} for no in ("no", 0, "false")),
)
LAN = {"webhook_networks": "127.0.0.0/8"}


@pytest.fixture
def service(serve: Any) -> Any:
    """A service whose webhooks may go to this machine."""
    return serve(**LAN)


def make(service: Any, receiver: Receiver, **more: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/webhooks", json={"url": receiver.url, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_what_was_graded_is_read_as_it_was_answered(service: Any, photo: bytes) -> None:
    assert service.client.get("/v1/events").json() == {"items": [], "next_cursor": None}
    graded = service.post([photo], {"rma": "RMA-1", "seller": "acme"}).json()
    page = service.client.get("/v1/events").json()
    ((event,), cursor) = page["items"], page["next_cursor"]
    assert (event["type"], event["id"]) == ("inspection.graded", cursor)
    same = ("id", "status", "created_at", "item", "category", "grade", "defects", "disposition", "photos", "models")
    assert {name: event["data"][name] for name in same} == {name: graded[name] for name in same}
    assert service.client.get("/v1/events", params={"after": cursor}).json() == {"items": [], "next_cursor": cursor}


def test_what_is_erased_is_told_and_gone_from_what_was_told(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "RMA-SECRET"}).json()
    assert "RMA-SECRET" in service.client.get("/v1/events").text
    service.client.delete(f"/v1/inspections/{made['id']}")
    answer = service.client.get("/v1/events")
    assert "RMA-SECRET" not in answer.text
    assert [one["type"] for one in answer.json()["items"]] == ["inspection.graded", "inspection.erased"]


def test_a_new_revision_is_told_and_the_former_shown_as_it_was(service: Any, photo: bytes, render_photo: Any) -> None:
    made = service.post([photo], {"rma": "1", "category": "packaging"}).json()
    files = [("photos", ("b.jpg", render_photo(1), "image/jpeg"))]
    assert service.client.post(f"/v1/inspections/{made['id']}/photos", files=files).status_code == 201
    first, second = service.client.get("/v1/events").json()["items"]
    assert [len(one["data"]["photos"]) for one in (first, second)] == [1, 2]
    assert first["data"]["revision"] == 1
    assert second["data"]["revision"] == 2


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": 0}, {"limit": 201}, {"after": "yesterday"}, {"type": "inspection.lost"}, {"since": "2026-01-01"}),
        *({"seller": ""}, {"inspection": "x"}),
    ],
)
def test_a_query_that_cannot_be_is_refused(service: Any, query: dict[str, Any]) -> None:
    answer = service.client.get("/v1/events", params=query)
    assert (answer.status_code, answer.json()["type"].split(":")[-1]) == (422, "invalid-query")


def test_a_cursor_that_is_not_here_says_what_to_do(service: Any) -> None:
    answer = service.client.get("/v1/events", params={"after": "0" * 8 + "-0000-7000-8000-" + "0" * 12})
    assert answer.status_code == 410
    assert "updated_since" in answer.json()["detail"]


def test_a_webhook_is_sent_what_the_feed_says(service: Any, listen: Listen, photo: bytes) -> None:
    receiver = listen()
    made = make(service, receiver, description="WMS")
    assert made["secret"].startswith("whsec_")
    service.post([photo], {"rma": "RMA-1"})
    receiver.wait(1)
    assert receiver.verified(made["secret"]) == service.client.get("/v1/events").json()["items"]
    shown = service.client.get(f"/v1/webhooks/{made['id']}").json()
    assert "secret" not in shown
    assert (shown["description"], shown["enabled"], shown["types"]) == ("WMS", True, None)


def test_ping_says_what_came_of_it(service: Any, listen: Listen) -> None:
    receiver = listen()
    made = make(service, receiver)
    assert service.client.post(f"/v1/webhooks/{made['id']}/ping").json()["delivered"] is True
    (event,) = receiver.verified(made["secret"])
    assert event["type"] == "webhook.ping"
    receiver.answer = lambda event, times: (404, {})
    answer = service.client.post(f"/v1/webhooks/{made['id']}/ping").json()
    assert (answer["delivered"], answer["status"], answer["error"]) == (False, 404, "status")


def test_it_is_changed_rotated_replayed_and_removed(service: Any, listen: Listen, photo: bytes) -> None:
    receiver = listen()
    made = make(service, receiver)
    place = f"/v1/webhooks/{made['id']}"
    changed = service.client.patch(place, json={"types": ["inspection.graded"], "seller": "acme", "enabled": False})
    assert changed.json() | {"types": ["inspection.graded"], "seller": "acme", "enabled": False} == changed.json()
    service.post([photo], {"rma": "1", "seller": "acme"})
    assert service.client.patch(place, json={"enabled": True, "seller": None}).json()["seller"] is None
    receiver.wait(1)
    until(lambda: service.client.get(place).json()["pending"] == 0)  # else the replay takes it back
    turned = service.client.post(f"{place}/rotate").json()
    assert turned["secret"] != made["secret"]
    assert turned["overlap_until"] is not None
    again = service.client.post(f"{place}/replay", json={"since": "2026-01-01T00:00:00Z"})
    assert (again.status_code, again.json()) == (202, {"events": 1})
    receiver.wait(2)
    assert receiver.verified(made["secret"])[0] == receiver.events[1]
    until(lambda: service.client.get(place).json()["pending"] == 0)  # else it is the retry
    log = service.client.get(f"{place}/deliveries", params={"limit": 1}).json()
    assert log["next_cursor"] is not None
    assert service.client.post(f"{place}/deliveries/{log['items'][0]['number']}/retry").status_code == 202
    receiver.wait(3)
    assert service.client.delete(place).status_code == 204
    assert service.client.get(place).status_code == 404


def test_while_the_secret_before_still_signs_there_is_no_third(service: Any, listen: Listen, photo: bytes) -> None:
    receiver = listen()
    made = make(service, receiver, description="x" * 200)
    turned = service.client.post(f"/v1/webhooks/{made['id']}/rotate").json()
    again = service.client.post(f"/v1/webhooks/{made['id']}/rotate")
    assert (again.status_code, again.json()["type"].split(":")[-1]) == (409, "secret-overlap")
    assert "make another webhook" in again.json()["detail"]
    service.post([photo], {"rma": "RMA-1"})
    receiver.wait(1)
    assert receiver.verified(made["secret"]) == receiver.verified(turned["secret"])


def test_every_change_stands_in_the_audit_trail(service: Any, listen: Listen) -> None:
    made = make(service, listen())
    service.client.post(f"/v1/webhooks/{made['id']}/rotate")
    with service.runtime.desk.trail() as trail:
        steps = [entry.detail["step"] for entry in trail if entry.action == "webhook"]
    assert steps == ["add", "rotate"]


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"url": "http://10.0.0.1/"}, {"url": "https://169.254.169.254/"}, {"url": "https://a.example:22/"}),
        *({"url": "https://a.example", "types": []}, {"url": "https://a.example", "types": ["inspection.lost"]}),
        {"url": "https://a.example", "secret": "mine"},
        *({"url": "https://a.example", "description": text} for text in ("x" * 201, LONG_ONCE_COMPOSED)),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_and_none_is_made(service: Any, body: dict[str, Any]) -> None:
    answer = service.client.post("/v1/webhooks", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert service.client.get("/v1/webhooks").json() == []


@pytest.mark.parametrize(
    "body", [{"url": None}, {"enabled": None}, {"url": "https://127.0.0.1:22/"}, {"id": "x"}, *UNFIT]
)
def test_a_change_that_cannot_be_changes_nothing(service: Any, listen: Listen, body: dict[str, Any]) -> None:
    made = make(service, listen())
    assert service.client.patch(f"/v1/webhooks/{made['id']}", json=body).status_code == 422
    assert service.client.get(f"/v1/webhooks/{made['id']}").json()["url"] == made["url"]


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_replay_wants_a_moment_with_its_zone(service: Any, listen: Listen, since: str) -> None:
    made = make(service, listen())
    answer = service.client.post(f"/v1/webhooks/{made['id']}/replay", json={"since": since})
    assert answer.status_code == 422


def test_there_are_only_so_many_webhooks(service: Any, monkeypatch: pytest.MonkeyPatch, listen: Listen) -> None:
    monkeypatch.setattr("regrade.serving.events.owners.MOST", 1)
    receiver = listen()
    make(service, receiver)
    assert service.client.post("/v1/webhooks", json={"url": receiver.url}).status_code == 409


def test_by_default_nothing_is_sent_to_this_machine(serve: Any, listen: Listen) -> None:
    service = serve()
    answer = service.client.post("/v1/webhooks", json={"url": listen().url})
    assert answer.status_code == 422
    assert "REGRADE_WEBHOOK_NETWORKS" in answer.json()["errors"][0]["message"]


def test_an_adapter_is_refused_until_all_it_needs_is_there_and_brings_its_own_address(serve: Any) -> None:
    service = serve(public_url="https://grade.example.com")

    def make(**body: Any) -> Any:
        return service.client.post("/v1/webhooks", json=body)

    refused = make(adapter="loop")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "adapter-unusable")
    assert "loop.secret" in refused.json()["detail"]
    assert "There are: aftership, loop" in make(adapter="lop").json()["detail"]
    assert make(description="no address").status_code == 422
    (service.settings.data_dir / "keys" / "loop.secret").write_text("its-own-key\n")
    made = make(adapter="loop").json()
    assert (made["adapter"], made["url"]) == ("loop", "https://api.loopreturns.com/api/v1")
    assert made["types"] == ["inspection.decided", "inspection.graded"]
    assert "its-own-key" not in service.client.get("/v1/webhooks").text
    assert service.client.post(f"/v1/webhooks/{made['id']}/ping").status_code == 422


def test_a_seller_reads_that_all_of_theirs_was_erased_and_the_name_with_it(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "RMA-1", "seller": "acme"}).json()
    service.post([photo], {"rma": "RMA-2", "seller": "other"})
    eraser = service.runtime.eraser
    assert sum(eraser.erase_all(Criteria(seller="acme"), Actor("test"), None)) == 1
    assert eraser.rename("acme")
    seller = service.as_role("seller")
    told = [(one["type"], one["data"]["id"]) for one in seller.get("/v1/events").json()["items"]]
    assert told == [("inspection.graded", made["id"]), ("inspection.erased", made["id"])]
    staff = service.client.get("/v1/events", params={"seller": "acme"}).json()["items"]
    assert [(one["type"], one["data"]["id"]) for one in staff] == told
    assert seller.get("/v1/inspections").json()["items"] == []
