"""The inspector who holds the item decides, where the policy lets the bench; the rest goes to the desk."""

from typing import Any

import pytest

from regrade.serving.base.errors import DecidedError, DeskAloneError, LeaseError, UndoError
from regrade.serving.review import Verdict
from tests.serving.review.over_http import post_for_review


@pytest.fixture
def bench(kit: Any) -> Any:
    """Decides at the bench with the key of the station."""

    def decide(inspection: Any, condition: str, *, blind: bool = False, key: Any = None, **more: Any) -> Any:
        return kit.desk.decide_at_bench(inspection.id, key or kit.station, Verdict(condition, **more), blind=blind)

    return decide


def test_model_and_inspector_agree_and_the_item_is_done(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    assert made.decision.who == "bench"
    decided = bench(made, "used")
    assert (kit.status(made), kit.stands(made)) == ("reviewed", "used")
    assert decided.inspection.review.role == "station"
    assert kit.open_kinds("Ann") == []


def test_they_differ_about_little_and_the_item_is_done(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=5.0)
    bench(made, "opened")
    assert kit.stands(made) == "opened"
    assert kit.open_kinds("Ann") == []


def test_they_differ_about_much_and_a_reviewer_looks_too(kit: Any, bench: Any) -> None:
    made = kit.add(condition="damaged", value=300.0)
    bench(made, "opened")
    assert (kit.status(made), kit.stands(made)) == ("reviewed", "opened")
    assert kit.open_kinds("Ann") == ["second"]
    kit.decide("Ann", "damaged")
    assert kit.open_kinds("Bob") == ["third"]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"value": 600.0}, "reason.bench_value"),
        ({"category": "toys"}, "reason.other_economics"),
    ],
)
def test_where_the_desk_alone_may_the_inspector_is_told_why(kit: Any, bench: Any, item: Any, why: str) -> None:
    made = kit.add(**item)
    assert made.decision.who == "desk"
    with pytest.raises(DeskAloneError) as refused:
        bench(made, "used")
    assert getattr(refused.value.message, "key", None) == why
    assert kit.status(made) == "needs_review"


def test_nothing_is_destroyed_at_the_bench(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    with pytest.raises(DeskAloneError) as refused:
        bench(made, "damaged", action="destroy")
    assert getattr(refused.value.message, "key", None) == "reason.destroy_needs_desk"
    assert kit.stands(made) is None


def test_the_same_decision_sent_again_is_answered_and_not_made_again(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    first, again = bench(made, "used", note="sole worn"), bench(made, "used", note="sole worn")
    assert (first.replayed, again.replayed) == (False, True)
    assert len(kit.store.get(made.id).reviews) == 1
    with pytest.raises(DecidedError):
        bench(made, "damaged")


def test_nobody_decides_on_what_went_by_itself(kit: Any, bench: Any) -> None:
    with pytest.raises(DecidedError):
        bench(kit.add(sure=True, value=5.0, condition="used"), "used")


def test_an_item_before_a_reviewer_is_theirs(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    claimed = kit.claim("Ann")
    with pytest.raises(DecidedError):
        bench(made, "used")
    kit.desk.decide(made.id, claimed.token, kit.reviewer("Ann"), Verdict("opened"))
    assert kit.stands(made) == "opened"


def test_what_the_bench_has_decided_is_no_reviewer_s_any_more(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    token = kit.claim("Ann").token
    kit.desk.release_all(kit.reviewer("Ann"))
    bench(made, "used")
    with pytest.raises(LeaseError):
        kit.desk.decide(made.id, token, kit.reviewer("Ann"), Verdict("opened"))


def test_a_decision_can_be_taken_back_within_a_minute(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    bench(made, "opened")
    assert kit.desk.take_back_at_bench(made.id, kit.station).status == "needs_review"
    assert kit.open_kinds("Ann") == ["unsure"]
    bench(made, "used")
    kit.time = kit.time.replace(hour=15)
    with pytest.raises(UndoError):
        kit.desk.take_back_at_bench(made.id, kit.station)
    assert kit.stands(made) == "used"


def test_a_look_is_blind_where_the_lot_fell_on_it_and_nowhere_else(kit: Any, bench: Any) -> None:
    made = [kit.add(condition="used", value=60.0) for _ in range(60)]
    drawn = [kit.desk.decides_first(one) for one in made]
    assert 1 <= sum(drawn) <= 15
    for one in made:
        bench(one, "used", blind=True)
    assert [kit.store.get(one.id).reviews[0].blind for one in made] == drawn


def test_what_was_seen_before_is_never_blind(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    while not kit.desk.decides_first(made):
        made = kit.add(condition="used", value=60.0)
    bench(made, "used", blind=False)
    assert not kit.store.get(made.id).reviews[0].blind


def test_nor_is_what_was_decided_and_taken_back(kit: Any, bench: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    while not kit.desk.decides_first(made):
        made = kit.add(condition="used", value=60.0)
    bench(made, "opened", blind=True)
    assert not kit.desk.decides_first(kit.desk.take_back_at_bench(made.id, kit.station))
    bench(made, "used", blind=True)
    assert [review.blind for review in kit.store.get(made.id).reviews] == [True, False]


# Over HTTP


def test_an_answer_says_who_may_decide(service: Any, photo: bytes) -> None:
    dear = post_for_review(service, photo)
    cheap = post_for_review(service, photo, rma="2", declared_value={"amount": 40, "currency": "USD"})
    assert (dear["review"]["who"], cheap["review"]["who"]) == ("desk", "bench")
    refused = service.as_role("station").post(f"/v1/inspections/{dear['id']}/decision", json={"condition": "used"})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:regrade:problem:desk-alone")
    assert "$500" in refused.json()["detail"]


def test_a_station_decides_and_takes_back(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo, declared_value={"amount": 40, "currency": "USD"})
    station, where = service.as_role("station", "LA-07"), f"/v1/inspections/{made['id']}/decision"
    model = made["grade"]["condition"]
    answer = station.post(where, json={"condition": model, "note": "as it looks"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["review"]["who"], body["review"]["required"]) == ("reviewed", "nobody", False)
    decision = body["decision"]
    assert (decision["by"], decision["role"], decision["blind"]) == ("LA-07", "station", False)
    assert decision["agreed"] is True
    again = station.post(where, json={"condition": model, "note": "as it looks"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    other = station.post(where, json={"condition": "damaged" if model != "damaged" else "used"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:regrade:problem:not-open")
    undone = station.post(f"{where}/undo")
    assert (undone.status_code, undone.json()["status"], undone.json().get("decision")) == (200, "needs_review", None)
    evidence = service.client.get(f"/v1/inspections/{made['id']}/evidence").json()["payload"]
    assert evidence["reviews"][0]["by"]["role"] == "station"


@pytest.mark.parametrize("role", ["reviewer", "engineer"])
def test_nobody_else_decides_at_the_bench(service: Any, photo: bytes, role: str) -> None:
    made = post_for_review(service, photo, declared_value={"amount": 40, "currency": "USD"})
    answer = service.as_role(role).post(f"/v1/inspections/{made['id']}/decision", json={"condition": "used"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "condition"),
        ({"condition": "torn"}, "condition"),
        ({"condition": "used", "disposition": "give_away"}, "disposition"),
        ({"condition": "used", "defects": [{"photo": 9, "type": "scuff"}]}, "defects.0.photo"),
        ({"condition": "used", "lease": "x"}, "lease"),
    ],
)
def test_a_wrong_decision_is_told_by_its_field(service: Any, photo: bytes, body: Any, field: str) -> None:
    made = post_for_review(service, photo, declared_value={"amount": 40, "currency": "USD"})
    answer = service.as_role("station").post(f"/v1/inspections/{made['id']}/decision", json=body)
    assert answer.status_code == 422
    assert field in str(answer.json())
    assert service.client.get(f"/v1/inspections/{made['id']}").json()["status"] == "needs_review"


def test_an_item_that_is_not_there_is_not_found(service: Any) -> None:
    answer = service.as_role("station").post("/v1/inspections/nope/decision", json={"condition": "used"})
    assert answer.status_code == 404
