"""The review desk over HTTP, beyond a claim and a decision: filters, undo, what is recorded."""

from typing import Any

from tests.serving.review.over_http import claim, post_for_review


def test_a_claim_may_ask_for_some_items_only(service: Any, photo: bytes) -> None:
    made = [
        post_for_review(service, photo, rma=str(n), seller=seller)["id"] for n, seller in enumerate(("acme", "zen"))
    ]
    reviewer = service.as_role("reviewer")

    def asked(**query: Any) -> Any:
        answer = reviewer.post("/v1/reviews/claim", params=query)
        return answer.json()["inspection"]["id"] if answer.status_code == 200 else answer.status_code

    assert asked(seller="zen") == made[1]
    assert asked(station="s1", seller="acme") == made[0]
    assert asked(category="apparel") == 204
    assert asked(min_value=4999, max_value=5001) == made[0]
    assert asked(kind="unsure", older_than=0) == made[0]
    assert (asked(kind="blind"), asked(older_than=3600), asked(min_value="dear")) == (204, 204, 422)


def test_an_undone_decision_gives_the_item_back(service: Any, photo: bytes) -> None:
    made, reviewer = post_for_review(service, photo), service.as_role("reviewer", "Ann")
    lease = claim(reviewer)["lease"]["token"]
    reviewer.post(f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "used"})
    undone = reviewer.post(f"/v1/reviews/{made['id']}/undo")
    assert (undone.status_code, undone.json()["inspection"]["status"]) == (200, "needs_review")
    again = {"lease": undone.json()["lease"]["token"], "condition": "damaged"}
    assert reviewer.post(f"/v1/reviews/{made['id']}", json=again).json()["grade"]["condition"] == "damaged"
    first, second = service.client.get(f"/v1/inspections/{made['id']}/evidence").json()["payload"]["reviews"]
    assert (first["undone_at"] is None, second["undone_at"]) == (False, None)


def test_the_rubric_and_the_seller_s_own_grade_are_kept(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    lease = claim(service.client)["lease"]["token"]
    shown = {"rubric": "electronics@9", "seller_grade": "B"}
    service.client.post(f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "used", **shown})
    (review,) = service.client.get(f"/v1/inspections/{made['id']}/evidence").json()["payload"]["reviews"]
    assert {name: review[name] for name in shown} == shown


def test_undoing_takes_a_reviewer_and_is_refused_too_late(serve: Any, photo: bytes) -> None:
    service = serve(undo_seconds=0)
    made = post_for_review(service, photo)
    lease = claim(service.client)["lease"]["token"]
    service.client.post(f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "used"})
    late = service.client.post(f"/v1/reviews/{made['id']}/undo")
    assert (late.status_code, late.json()["type"]) == (409, "urn:regrade:problem:undo-refused")
    assert "within 0 s" in late.json()["detail"]
    assert service.as_role("engineer").post(f"/v1/reviews/{made['id']}/undo").status_code == 403
