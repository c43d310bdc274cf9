"""What a reviewer must not know before a blind look stays hidden, on every way to it; others may read it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from regrade.serving.base.errors import BlindError
from regrade.serving.policy.load import DEFAULT_POLICY
from regrade.serving.review import Verdict
from regrade.serving.storage.tables import tasks

SECRETS = ("scuff", "0.87", "0.997", "clearance", "repackage", "refurbish", "no_guarantee", "Ann")
"""What the model and the first reviewer found; words that nothing else of the inspection holds."""


def test_a_blind_claim_holds_nothing_of_the_model(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    kit.add(sure=True)
    claimed = kit.claim("Bob")
    inspection = claimed.inspection
    assert (inspection.result.grade, inspection.result.defects, inspection.decision) == (None, (), None)
    assert (inspection.reviews, inspection.status, inspection.blind) == ((), "needs_review", True)
    assert claimed.task.reason is None
    assert not [word for word in SECRETS if word in repr(claimed)]


def test_a_second_and_a_third_claim_hold_nothing_of_earlier_reviewers(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    kit.add(condition="opened")
    kit.decide("Ann", "used", note="Ann says scuff")
    second = kit.claim("Bob")
    kit.desk.decide(second.inspection.id, second.token, kit.reviewer("Bob"), Verdict("damaged"))
    third = kit.claim("Cleo")
    assert [claimed.task.kind for claimed in (second, third)] == ["second", "third"]
    assert not [word for word in (*SECRETS, "Bob") if word in repr((second.inspection, third.inspection))]


def test_a_claim_that_the_model_asked_for_shows_all(kit: Any) -> None:
    kit.add()
    claimed = kit.claim("Ann")
    assert claimed.inspection.result.grade is not None
    assert (claimed.inspection.blind, claimed.task.reason) == (False, "no_guarantee")


def test_a_blind_decision_does_not_tell_the_grade_while_it_can_be_undone(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made, bob = kit.add(sure=True, condition="used"), kit.reviewer("Bob")
    claimed = kit.claim("Bob")
    decided = kit.desk.decide(made.id, claimed.token, bob, Verdict("opened"))
    assert decided.model_condition is None
    for seen in (decided.inspection, kit.desk.read(made.id, bob)):
        assert (seen.status, seen.blind, seen.result.grade, seen.result.defects) == ("reviewed", True, None, ())
        assert [(review.condition, review.model_condition) for review in seen.reviews] == [("opened", None)]
    kit.time += timedelta(seconds=60)
    assert kit.desk.read(made.id, bob).model_condition == "used"


@pytest.mark.parametrize("reader", ["reviewer", "holder", "engineer", "admin", "station"])
def test_only_who_could_look_blind_is_kept_from_the_grade(make_kit: Any, reader: str) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True)
    key = kit.keys.create("admin" if reader == "holder" else reader, "x")[1]
    if reader == "holder":
        assert kit.desk.claim(key) is not None
    hidden = reader in ("reviewer", "holder")
    seen = kit.desk.read(made.id, key)
    assert (seen.blind, seen.result.grade is None) == (hidden, hidden)
    if hidden:
        with pytest.raises(BlindError):
            kit.desk.refuse_blind(made, key)
    else:
        kit.desk.refuse_blind(made, key)


def test_who_has_decided_sees_the_item_again_while_others_must_not(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    assert kit.desk.read(made.id, kit.reviewer("Ann")).blind is False
    assert kit.desk.read(made.id, kit.reviewer("Bob")).blind is True


def test_an_undone_decision_hides_the_item_again(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made, ann = kit.add(sure=True), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    assert kit.desk.undo(made.id, ann).inspection.blind is True
    assert kit.desk.read(made.id, ann).status == "needs_review"


# Over HTTP, on a running service that samples every sure grade.


@pytest.fixture
def sampling(serve: Any, tmp_path: Path, photo: bytes) -> tuple[Any, str]:
    """A service, and the id of an inspection with an open blind look."""
    policy = tmp_path / "policy.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("sample_share: 0.05", "sample_share: 1.0")
    policy.write_text(text.replace("second_share: 0.10", "second_share: 1.0"))
    service = serve(policy_file=policy)
    item = {"rma": "1", "category": "electronics", "station": "s1"}
    dear = item | {"declared_value": {"amount": 5000, "currency": "USD"}}
    made = service.post([photo], dear).json()
    ann = service.as_role("reviewer", "Ann")
    claimed = ann.post("/v1/reviews/claim").json()
    assert claimed["blind"] is False
    body = {"lease": claimed["lease"]["token"], "condition": "damaged", "note": "seen by Ann"}
    assert ann.post(f"/v1/reviews/{made['id']}", json=body).status_code == 200
    return service, made["id"]


def leaks(body: dict[str, Any]) -> bool:
    """Whether an inspection over HTTP tells anything that was found."""
    found = (body["grade"], body["disposition"], body["defects"], body["review"]["reasons"])
    words = json.dumps(body)
    decided = "decided" in body["review"]
    return found != (None, None, [], []) or decided or "Ann" in words or body["category"]["confidence"] is not None


def test_a_blind_claim_over_http_tells_nothing(sampling: Any) -> None:
    service, inspection = sampling
    claimed = service.as_role("reviewer", "Bob").post("/v1/reviews/claim").json()
    assert (claimed["inspection"]["id"], claimed["blind"]) == (inspection, True)
    assert (leaks(claimed["inspection"]), claimed["inspection"]["status"]) == (False, "needs_review")


@pytest.mark.parametrize("holds", [True, False])
def test_reading_and_listing_tell_a_reviewer_nothing(sampling: Any, holds: bool) -> None:
    service, inspection = sampling
    bob = service.as_role("reviewer", "Bob")
    if holds:
        bob.post("/v1/reviews/claim")
    assert leaks(bob.get(f"/v1/inspections/{inspection}").json()) is False
    (listed,) = bob.get("/v1/inspections").json()["items"]
    assert leaks(listed) is False
    for status, count in (("needs_review", 1), ("reviewed", 0), ("graded", 0)):
        assert len(bob.get("/v1/inspections", params={"status": status}).json()["items"]) == count


@pytest.mark.parametrize("what", ["evidence", "audit"])
def test_evidence_and_audit_trail_are_refused_to_a_reviewer(sampling: Any, what: str) -> None:
    service, inspection = sampling
    answer = service.as_role("reviewer", "Bob").get(f"/v1/inspections/{inspection}/{what}")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:regrade:problem:blind")
    assert "blind review" in answer.json()["detail"]
    assert "damaged" not in answer.text


@pytest.mark.parametrize("what", ["", "/evidence", "/audit"])
def test_who_runs_the_place_reads_everything(sampling: Any, what: str) -> None:
    service, inspection = sampling
    for role in ("engineer", "admin"):
        answer = service.as_role(role, role).get(f"/v1/inspections/{inspection}{what}")
        assert (answer.status_code, "damaged" in answer.text) == (200, True)


def test_the_photos_are_shown_to_who_looks_blind(sampling: Any) -> None:
    service, inspection = sampling
    bob = service.as_role("reviewer", "Bob")
    assert bob.get(f"/v1/inspections/{inspection}/photos/0").headers["content-type"] == "image/jpeg"


def test_a_blind_decision_over_http_shows_only_itself(sampling: Any) -> None:
    service, inspection = sampling
    bob = service.as_role("reviewer", "Bob")
    token = bob.post("/v1/reviews/claim").json()["lease"]["token"]
    body = bob.post(f"/v1/reviews/{inspection}", json={"lease": token, "condition": "used"}).json()
    assert (body["status"], body["grade"]["condition"]) == ("reviewed", "used")
    assert (body["review"]["decided"]["by"], body["review"]["decided"]["model_condition"]) == ("Bob", None)
    assert (body["review"]["reasons"], body["defects"], "Ann" in json.dumps(body)) == ([], [], False)
    with service.runtime.database.read() as connection:
        states = dict(connection.execute(select(tasks.c.kind, tasks.c.state)).all())
    assert states == {"unsure": "done", "second": "done", "third": "open"}


def test_an_undo_over_http_gives_the_item_back_blind(sampling: Any) -> None:
    service, inspection = sampling
    bob = service.as_role("reviewer", "Bob")
    token = bob.post("/v1/reviews/claim").json()["lease"]["token"]
    bob.post(f"/v1/reviews/{inspection}", json={"lease": token, "condition": "damaged"})
    undone = bob.post(f"/v1/reviews/{inspection}/undo")
    assert (undone.status_code, undone.json()["blind"], leaks(undone.json()["inspection"])) == (200, True, False)
    refused = service.as_role("reviewer", "Cleo").post(f"/v1/reviews/{inspection}/undo")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:regrade:problem:undo-refused")


def test_figures_leave_out_what_a_reviewer_may_still_be_asked_blind(make_kit: Any) -> None:
    kit = make_kit(sample=1.0, second=1.0)
    made = kit.add(sure=True)
    kit.decide("Bob", "opened")
    kit.time += timedelta(seconds=61)
    assert kit.desk.withheld(kit.reviewer("Ann")) == {made.id}
    assert kit.desk.withheld(kit.reviewer("Bob")) == frozenset()
    assert kit.desk.withheld(kit.keys.create("engineer", "Eve")[1]) == frozenset()


def test_figures_leave_out_a_blind_decision_as_long_as_its_reviewer_can_take_it_back(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True)
    kit.decide("Bob", "opened")
    assert kit.desk.withheld(kit.reviewer("Bob")) == {made.id}
    kit.desk.undo(made.id, kit.reviewer("Bob"))
    kit.decide("Bob", "used")
    kit.time += timedelta(seconds=61)
    assert kit.desk.withheld(kit.reviewer("Bob")) == frozenset()
