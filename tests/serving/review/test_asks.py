"""What a reviewer asks instead of deciding: photos of the station, another reviewer, somebody in particular."""

from typing import Any

import pytest

from tests.serving.http.test_revisions import mend, read
from tests.serving.review.over_http import claim, post_for_review

SOLES = {"ask": "photos", "note": "The sole, please.", "views": ["soles"]}


@pytest.fixture
def shoe(service: Any, photo: bytes) -> Any:
    """A shoe that waits for a reviewer."""
    return post_for_review(service, photo, category="footwear")


def ask(client: Any, made: Any, **asked: Any) -> Any:
    lease = asked.pop("lease", None) or claim(client)["lease"]["token"]
    return client.post(f"/v1/reviews/{made['id']}", json={"lease": lease, **asked})


def asked_of_station(service: Any) -> list[str]:
    found = service.as_role("station").get("/v1/inspections", params={"ask": "photos", "station": "s1"})
    return [one["id"] for one in found.json()["items"]]


def nothing_waits(client: Any) -> bool:
    return bool(client.post("/v1/reviews/claim").status_code == 204)


def test_photos_are_asked_of_the_station_and_bring_the_item_back(service: Any, shoe: Any, render_photo: Any) -> None:
    ann, bob = service.as_role("reviewer", "Ann"), service.as_role("reviewer", "Bob")
    answer = ask(ann, shoe, **SOLES)
    told = answer.json()["ask"]
    assert (answer.status_code, answer.json()["status"]) == (200, "needs_review")
    assert (told["kind"], told["note"], told["views"], told["by"]) == ("photos", "The sole, please.", ["soles"], "Ann")
    assert asked_of_station(service) == [shoe["id"]]
    assert nothing_waits(bob)
    now = mend(service, shoe, [render_photo(3)]).json()
    assert (now["status"], "ask" in now, now["asks"][0]["ended"]["how"]) == ("needs_review", False, "photos")
    assert asked_of_station(service) == []
    assert claim(ann)["inspection"]["id"] == shoe["id"]


def test_the_station_may_answer_with_a_note(service: Any, shoe: Any) -> None:
    ann, station = service.as_role("reviewer", "Ann"), service.as_role("station", "Desk 1")
    path = f"/v1/inspections/{shoe['id']}/answer"
    assert station.post(path, json={"note": "Glued."}).status_code == 409
    ask(ann, shoe, **SOLES)
    assert station.post(path, json={"note": ""}).status_code == 422
    first, again = (station.post(path, json={"note": "Glued."}) for _ in range(2))
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (200, 200, "true")
    (told,) = claim(ann)["inspection"]["asks"]
    assert (told["ended"]["note"], told["ended"]["by"]) == ("Glued.", "Desk 1")
    assert read(service, shoe, "/evidence").json()["consistent"]


def test_who_cannot_tell_is_never_given_it_again_and_after_two_it_is_for_an_admin(service: Any, shoe: Any) -> None:
    ann, bob, eve = (service.as_role("reviewer", name) for name in ("Ann", "Bob", "Eve"))
    ask(ann, shoe, ask="cannot_tell", note="Sand or wear?")
    assert nothing_waits(ann)
    ask(bob, shoe, ask="cannot_tell")
    assert nothing_waits(bob)
    assert nothing_waits(eve)
    claimed = claim(service.client)["inspection"]
    assert (claimed["id"], [one["note"] for one in claimed["asks"]]) == (shoe["id"], ["Sand or wear?", None])


def test_it_is_handed_to_whom_is_named(service: Any, shoe: Any) -> None:
    ann, bob, eve = (service.as_role("reviewer", name) for name in ("Ann", "Bob", "Eve"))
    told = ask(ann, shoe, ask="escalate", assignee="Eve", note="Yours.").json()["ask"]
    assert (told["kind"], told["assignee"]) == ("escalate", "Eve")
    assert nothing_waits(ann)
    assert nothing_waits(bob)
    assert claim(eve)["inspection"]["id"] == shoe["id"]


def test_it_is_handed_to_anybody_else(service: Any, shoe: Any) -> None:
    ann, bob = service.as_role("reviewer", "Ann"), service.as_role("reviewer", "Bob")
    ask(ann, shoe, ask="escalate")
    assert nothing_waits(ann)
    lease = claim(bob)["lease"]["token"]
    done = bob.post(f"/v1/reviews/{shoe['id']}", json={"lease": lease, "condition": "used"}).json()
    assert (done["status"], "ask" in done) == ("reviewed", False)


@pytest.mark.parametrize("asked", [{"ask": "escalate"}, {"ask": "cannot_tell"}, {"ask": "photos"}])
def test_what_a_reviewer_asked_about_is_not_the_bench_s_any_more(
    service: Any, photo: bytes, asked: dict[str, Any]
) -> None:
    service.as_role("reviewer", "Bob")
    made = post_for_review(service, photo, declared_value={"amount": 40, "currency": "USD"})
    assert made["review"]["who"] == "bench"
    told = ask(service.as_role("reviewer", "Ann"), made, **asked).json()
    assert (told["review"]["who"], told["now"]["state"]) == ("desk", "retake" if asked["ask"] == "photos" else "aside")
    refused = service.as_role("station").post(f"/v1/inspections/{made['id']}/decision", json={"condition": "used"})
    assert refused.status_code == (409 if asked["ask"] == "photos" else 403)


def test_where_nobody_else_is_left_it_is_for_who_runs_the_place(service: Any, shoe: Any) -> None:
    ask(service.client, shoe, ask="cannot_tell")
    assert claim(service.client)["inspection"]["id"] == shoe["id"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"ask": "photos", "views": ["moon"]}, "views.0"),
        ({"ask": "photos", "assignee": "Bob"}, "assignee"),
        ({"ask": "cannot_tell", "views": ["soles"]}, "views"),
        ({"ask": "escalate", "assignee": "Nobody"}, "assignee"),
        ({"ask": "escalate", "assignee": "Ann"}, "assignee"),
        ({"ask": "dance"}, "ask"),
        ({"ask": "photos", "condition": "used"}, "condition"),
    ],
)
def test_what_cannot_be_asked_is_told_and_the_lease_stays(
    service: Any, shoe: Any, asked: dict[str, Any], field: str
) -> None:
    ann = service.as_role("reviewer", "Ann")
    lease = claim(ann)["lease"]["token"]
    answer = ask(ann, shoe, lease=lease, **asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert ask(ann, shoe, lease=lease, ask="cannot_tell").status_code == 200


def test_the_same_under_the_same_lease_is_asked_once(service: Any, shoe: Any) -> None:
    ann = service.as_role("reviewer", "Ann")
    lease = claim(ann)["lease"]["token"]
    first, again = (ask(ann, shoe, lease=lease, **SOLES) for _ in range(2))
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert ask(ann, shoe, lease=lease, ask="cannot_tell").status_code == 409
    assert ann.post(f"/v1/reviews/{shoe['id']}", json={"lease": lease, "condition": "used"}).status_code == 409
    assert len(read(service, shoe).json()["asks"]) == 1


@pytest.mark.parametrize("asked", [SOLES, {"ask": "cannot_tell"}, {"ask": "escalate"}])
def test_it_can_be_taken_back_for_a_minute(service: Any, shoe: Any, asked: dict[str, Any]) -> None:
    service.as_role("reviewer", "Bob")
    ann = service.as_role("reviewer", "Ann")
    ask(ann, shoe, **asked)
    undone = ann.post(f"/v1/reviews/{shoe['id']}/undo")
    assert (undone.status_code, undone.json()["inspection"]["asks"][0]["ended"]["how"]) == (200, "undone")
    assert ann.post(f"/v1/reviews/{shoe['id']}/undo").status_code == 200
    lease = claim(ann)["lease"]["token"]
    assert ann.post(f"/v1/reviews/{shoe['id']}", json={"lease": lease, "condition": "used"}).status_code == 200
    bundle = read(service, shoe, "/evidence").json()
    assert (bundle["consistent"], bundle["differences"]) == (True, [])


def test_what_was_acted_upon_cannot_be_taken_back(service: Any, shoe: Any, photo: bytes) -> None:
    ann, bob = service.as_role("reviewer", "Ann"), service.as_role("reviewer", "Bob")
    ask(ann, shoe, ask="escalate")
    claim(bob)
    assert ann.post(f"/v1/reviews/{shoe['id']}/undo").status_code == 409
    assert ann.post(f"/v1/reviews/{shoe['id']}/undo").json()["type"].endswith(":undo-refused")


def test_all_of_it_stands_in_the_trail_and_the_evidence_and_goes_when_erased(service: Any, shoe: Any) -> None:
    ann = service.as_role("reviewer", "Ann")
    ask(ann, shoe, **SOLES)
    service.as_role("station").post(f"/v1/inspections/{shoe['id']}/answer", json={"note": "Glued."})
    actions = [line["action"] for line in read(service, shoe, "/audit").json()["items"]]
    assert [one for one in actions if one in ("ask", "answer")] == ["ask", "answer"]
    bundle = read(service, shoe, "/evidence").json()
    assert [step["kind"] for step in bundle["payload"]["steps"]] == ["graded", "asked", "answered"]
    assert "The sole, please." in str(bundle["payload"])
    service.client.delete(f"/v1/inspections/{shoe['id']}")
    bundle = read(service, shoe, "/evidence").json()
    assert (bundle["consistent"], bundle["differences"]) == (True, [])
    assert "sole, please" not in str(bundle["payload"])
    assert [(one["note"], one["ended"]["note"]) for one in read(service, shoe).json()["asks"]] == [(None, None)]
