from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from regrade.models.types import DEFECT_TYPES
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import LeaseError
from regrade.serving.review import Claim, Desk, Lottery, Verdict
from tests.serving.review.over_http import claim, post_for_review


def test_the_reasons_for_a_review_are_told(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    assert made["review"]["required"] is True
    assert made["review"]["reasons"]


def test_the_oldest_item_is_claimed_first(service: Any, photo: bytes) -> None:
    made = [post_for_review(service, photo, rma=str(n))["id"] for n in range(3)]
    reviewer = service.as_role("reviewer")
    order = []
    for _ in made:
        claimed = claim(reviewer)
        order.append(claimed["inspection"]["id"])
        decision = {"lease": claimed["lease"]["token"], "condition": "used"}
        assert reviewer.post(f"/v1/reviews/{order[-1]}", json=decision).status_code == 200
    assert order == made
    empty = reviewer.post("/v1/reviews/claim")
    assert (empty.status_code, empty.content) == (204, b"")


def test_a_lease_lasts_as_long_as_set(serve: Any, photo: bytes) -> None:
    service = serve(lease_minutes=3)
    post_for_review(service, photo)
    expires = datetime.fromisoformat(claim(service.client)["lease"]["expires_at"])
    assert timedelta(minutes=2.9) < expires - datetime.now(UTC) <= timedelta(minutes=3)


def test_no_item_is_given_to_two_reviewers(service: Any, photo: bytes) -> None:
    made = {post_for_review(service, photo, rma=str(n))["id"] for n in range(6)}
    reviewers = [service.as_role("reviewer", f"r{n}") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: reviewers[n % 6].post("/v1/reviews/claim"), range(12)))
    held = [{answers[n + more].json()["inspection"]["id"] for more in (0, 6)} for n in range(6)]
    assert [len(own) for own in held] == [1] * 6  # who claims twice is given the same again
    assert set().union(*held) == made
    assert service.as_role("reviewer").post("/v1/reviews/claim").status_code == 204


def test_a_second_claim_renews_the_lease(service: Any, photo: bytes) -> None:
    made = [post_for_review(service, photo, rma=str(n))["id"] for n in range(2)]
    desk, ann, bob = desk_of(service, clock := Clock())
    first = given(desk.claim(ann))
    clock.time += timedelta(minutes=9)
    second = given(desk.claim(ann))
    assert (second.inspection.id, second.expires_at - first.expires_at) == (made[0], timedelta(minutes=9))
    with pytest.raises(LeaseError, match="not the one"):
        desk.decide(made[0], first.token, ann, Verdict("used"))
    assert given(desk.claim(bob)).inspection.id == made[1]
    assert desk.decide(made[0], second.token, ann, Verdict("used")).inspection.status == "reviewed"


def test_items_that_need_no_human_are_not_claimed(service: Any) -> None:
    assert service.client.post("/v1/reviews/claim").status_code == 204


def test_a_decision_takes_the_place_of_the_grade(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    reviewer = service.as_role("reviewer", "Ann")
    lease = claim(reviewer)["lease"]["token"]
    decided = reviewer.post(
        f"/v1/reviews/{made['id']}",
        json={
            "lease": lease,
            "condition": "used",
            "defects": [{"photo": 0, "type": "scratch", "severity": "minor", "box": [1, 2, 30, 40]}],
            "note": "light scratches",
        },
    )
    body = decided.json()
    assert (decided.status_code, body["status"]) == (200, "reviewed")
    assert (body["grade"]["condition"], body["grade"]["confidence"]) == ("used", 1.0)
    assert body["grade"]["prediction_set"] == ["used"]
    assert body["defects"] == [
        {"photo": 0, "type": "scratch", "score": 1.0, "box": [1, 2, 30, 40], "severity": "minor"}
    ]
    assert body["review"]["required"] is False
    assert body["review"]["decided"]["by"] == "Ann"
    assert "reviewer" in body["disposition"]["reasons"][0]
    assert service.client.get(f"/v1/inspections/{made['id']}").json() == body


def test_a_reviewer_may_choose_another_permitted_action(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    lease = claim(service.client)["lease"]["token"]
    other = made["disposition"]["alternatives"][-1]["action"]
    answer = service.client.post(
        f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "damaged", "disposition": other}
    ).json()
    assert answer["disposition"]["action"] == other
    assert answer["disposition"]["action"] not in [one["action"] for one in answer["disposition"]["alternatives"]]
    assert answer["review"]["decided"]["disposition_source"] == "reviewer"


def test_an_action_that_the_policy_rules_out_is_refused(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    lease = claim(service.client)["lease"]["token"]
    body = {"lease": lease, "condition": "damaged", "disposition": "relist"}
    answer = service.client.post(f"/v1/reviews/{made['id']}", json=body)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:regrade:problem:action-not-permitted"
    assert "Legal values: " in answer.json()["detail"]
    assert service.client.post(f"/v1/reviews/{made['id']}", json=body | {"disposition": None}).status_code == 200


def test_evidence_holds_what_the_model_and_the_human_said(service: Any, photo: bytes, sound: Any) -> None:
    made = post_for_review(service, photo)
    reviewer = service.as_role("reviewer", "Ann")
    lease = claim(reviewer)["lease"]["token"]
    reviewer.post(f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "unopened"})
    bundle = reviewer.get(f"/v1/inspections/{made['id']}/evidence").json()
    assert sound(bundle, bundle["signature"]["public_key"])
    assert bundle["payload"]["model_output"]["grade"]["condition"] == made["grade"]["condition"]
    (review,) = bundle["payload"]["reviews"]
    assert (review["condition"], review["by"]["name"], review["by"]["role"]) == ("unopened", "Ann", "reviewer")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"condition": "fine"}, "condition"),
        ({"condition": None}, "condition"),
        ({"disposition": "burn"}, "disposition"),
        ({"colour": "red"}, "colour"),
        ({"note": "x" * 4001}, "note"),
        ({"defects": [{"photo": 7, "type": "tear"}]}, "defects.0.photo"),
        ({"defects": [{"photo": 0, "type": "Bad Name"}]}, "defects.0.type"),
        ({"defects": [{"photo": 0, "type": "rust"}]}, "defects.0.type"),
        ({"defects": [{"photo": 0, "type": "tear", "score": 2}]}, "defects.0.score"),
        ({"defects": [{"photo": 0, "type": "tear", "box": ["1", 2, 3, 4]}]}, "defects.0.box.0"),
        ({"defects": [{"photo": 0, "type": "tear", "box": [1, 2]}]}, "defects.0.box.2"),
        ({"lease": ""}, "lease"),
    ],
)
def test_a_wrong_decision_names_the_field(service: Any, photo: bytes, change: dict[str, Any], field: str) -> None:
    made = post_for_review(service, photo)
    body = {"lease": claim(service.client)["lease"]["token"], "condition": "used"} | change
    answer = service.client.post(f"/v1/reviews/{made['id']}", json=body)
    assert answer.status_code == 422
    assert field in [fault["field"] for fault in answer.json()["errors"]]
    assert service.client.get(f"/v1/inspections/{made['id']}").json()["status"] == "needs_review"


OFF = [(-1, 0, 5, 5), (0, -0.5, 5, 5), (5, 0, 5, 5), (9, 0, 5, 5), (0, 5, 5, 5), (0, 0, 640.5, 5), (0, 0, 5, 481)]


@pytest.mark.parametrize("box", OFF)
def test_a_box_beyond_the_photo_is_refused(service: Any, photo: bytes, box: tuple[float, ...]) -> None:
    made = post_for_review(service, photo)
    defects = [{"photo": 0, "type": "tear", "box": whole} for whole in ([0, 0, 640, 480], box)]
    body = {"lease": claim(service.client)["lease"]["token"], "condition": "used", "defects": defects}
    answer = service.client.post(f"/v1/reviews/{made['id']}", json=body)
    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (422, ["defects.1.box"])
    assert "x2 <= 640 and 0 <= y1 < y2 <= 480" in answer.json()["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_box_without_end_is_refused(service: Any, number: str) -> None:
    defect = f'{{"photo": 0, "type": "tear", "box": [0, 0, {number}, 5]}}'
    body = f'{{"lease": "x", "condition": "used", "defects": [{defect}]}}'
    answer = service.client.post("/v1/reviews/x", content=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "defects.0.box.2")


def test_a_box_is_measured_on_the_upright_photo(service: Any, render_photo: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: 640×480 in the file is 480×640 upright
    made = post_for_review(service, render_photo(0, exif=exif))
    body = {"lease": claim(service.client)["lease"]["token"], "condition": "used"}
    for box, status in (([0, 0, 640, 480], 422), ([0, 0, 480, 640], 200)):
        defects = [{"photo": 0, "type": "tear", "box": box}]
        answer = service.client.post(f"/v1/reviews/{made['id']}", json=body | {"defects": defects})
        assert answer.status_code == status


def test_every_defect_of_the_rubric_may_be_recorded(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    defects = [{"photo": 0, "type": kind, "score": 0.25} for kind in DEFECT_TYPES]
    body = {"lease": claim(service.client)["lease"]["token"], "condition": "damaged", "defects": defects}
    refused = service.client.post(f"/v1/reviews/{made['id']}", json=body | {"defects": [{"photo": 0, "type": "rust"}]})
    assert refused.status_code == 422
    assert "defects.0.type: rust is no defect of this category. Legal values: " in refused.json()["detail"]
    decided = service.client.post(f"/v1/reviews/{made['id']}", json=body).json()
    assert [(one["type"], one["score"]) for one in decided["defects"]] == [(kind, 0.25) for kind in DEFECT_TYPES]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_a_decision_that_is_not_json_is_refused(service: Any, body: bytes) -> None:
    answer = service.client.post("/v1/reviews/x", content=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:invalid-json")


def test_a_decision_of_many_megabytes_is_refused(service: Any) -> None:
    answer = service.client.post("/v1/reviews/x", content=b" " * 2_000_000)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:regrade:problem:body-too-large")


def test_a_lease_allows_one_decision(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    body = {"lease": claim(service.client)["lease"]["token"], "condition": "used"}
    assert service.client.post(f"/v1/reviews/{made['id']}", json=body).status_code == 200
    again = service.client.post(f"/v1/reviews/{made['id']}", json=body | {"condition": "opened"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:regrade:problem:lease-lost")


def test_a_decision_whose_answer_was_lost_may_be_sent_again(service: Any, photo: bytes) -> None:
    made, reviewer = post_for_review(service, photo), service.as_role("reviewer")
    defects = [{"photo": 0, "type": "tear", "box": [1, 2, 3, 4]}]
    body = {"lease": claim(reviewer)["lease"]["token"], "condition": "used", "defects": defects, "note": "x"}
    first, again = (reviewer.post(f"/v1/reviews/{made['id']}", json=body) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert len(reviewer.get(f"/v1/inspections/{made['id']}/evidence").json()["payload"]["reviews"]) == 1
    assert service.as_role("reviewer").post(f"/v1/reviews/{made['id']}", json=body).status_code == 409


@pytest.mark.parametrize("foreign", ["token", "reviewer", "none"])
def test_a_foreign_lease_decides_nothing(service: Any, photo: bytes, foreign: str) -> None:
    made = post_for_review(service, photo)
    token = claim(service.client)["lease"]["token"] if foreign != "none" else "guess"
    other = service.as_role("reviewer") if foreign == "reviewer" else service.client
    body = {"lease": "guess" if foreign == "token" else token, "condition": "used"}
    assert other.post(f"/v1/reviews/{made['id']}", json=body).status_code == 409
    assert service.client.get(f"/v1/inspections/{made['id']}").json()["status"] == "needs_review"


def test_an_unknown_inspection_cannot_be_decided(service: Any) -> None:
    answer = service.client.post("/v1/reviews/nothing", json={"lease": "x", "condition": "used"})
    assert answer.status_code == 404


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def desk_of(service: Any, clock: Clock) -> tuple[Desk, ApiKey, ApiKey]:
    runtime = service.runtime
    times: dict[str, Any] = {"lease": timedelta(minutes=10), "undo": timedelta(minutes=1)}
    desk = Desk(
        runtime.database, lambda: runtime.in_force, Lottery(bytes(32)), **times, signer=runtime.signer, now=clock
    )
    return desk, runtime.keys.create("reviewer", "Ann")[1], runtime.keys.create("reviewer", "Bob")[1]


def given(claimed: Claim | None) -> Claim:
    assert claimed is not None
    return claimed


def test_an_expired_lease_decides_nothing_and_frees_the_item(service: Any, photo: bytes) -> None:
    made, clock = post_for_review(service, photo), Clock()
    desk, ann, bob = desk_of(service, clock)
    first = given(desk.claim(ann))
    assert desk.claim(bob) is None
    clock.time += timedelta(minutes=10)
    with pytest.raises(LeaseError, match="expired"):
        desk.decide(made["id"], first.token, ann, Verdict("used"))
    second = given(desk.claim(bob))
    with pytest.raises(LeaseError):
        desk.decide(made["id"], first.token, ann, Verdict("used"))
    assert desk.decide(made["id"], second.token, bob, Verdict("opened")).inspection.status == "reviewed"


def test_statistics_tell_the_queue_and_the_agreement(service: Any, photo: bytes) -> None:
    made = [post_for_review(service, photo, rma=str(n)) for n in range(3)]
    reviewer = service.as_role("reviewer", "Ann")
    lease = claim(reviewer)["lease"]["token"]
    same = made[0]["grade"]["condition"]
    reviewer.post(f"/v1/reviews/{made[0]['id']}", json={"lease": lease, "condition": same})
    claim(reviewer)
    stats = reviewer.get("/v1/reviews/stats").json()
    assert (stats["queue"]["depth"], stats["queue"]["leased"]) == (2, 1)
    assert 0 <= stats["queue"]["oldest_seconds"] < 60
    assert stats["agreement"] == {"items": 1, "raw": 1.0, "kappa": None}
    assert set(stats["by_category"]) == {"electronics"}
    (own,) = stats["by_reviewer"].items()
    assert own == (reviewer.headers["authorization"].split("_")[1], {"name": "Ann"} | stats["agreement"])
    assert set(stats["by_station"]) == {"s1"}


def test_statistics_of_an_empty_desk_are_empty(service: Any) -> None:
    stats = service.client.get("/v1/reviews/stats").json()
    assert stats["queue"] == {"depth": 0, "leased": 0, "oldest_seconds": None}
    assert stats["agreement"] == {"items": 0, "raw": None, "kappa": None}
