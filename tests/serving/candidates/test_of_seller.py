"""What is promised of a seller's items, with figures of their own alone, and none of a few."""

from typing import Any

import pytest

from regrade.serving.review.quality.promises import FEW
from tests.serving.candidates.test_broken import VERSION, proven

pytestmark = pytest.mark.slow

OWN, OTHER = "acme", "globex"


@pytest.fixture
def site(service: Any, photo: bytes, put_judged: Any) -> Any:
    """60 garments of acme of which people found 6 to be worse than they were said to be, and 80 of another seller, all
    worse."""
    assert service.post([photo], {"rma": "1", "seller": OWN, "category": "apparel"}).status_code == 201
    put_judged(service, 54, VERSION, None, "opened", "opened", category="apparel")
    put_judged(service, 6, VERSION, None, "opened", "used", category="apparel")
    put_judged(service, 80, VERSION, None, "opened", "used", category="apparel", seller=OTHER)
    return service


def garments(client: Any, seller: str | None = None) -> dict[str, Any]:
    answer = client.get("/v1/promise", params={} if seller is None else {"seller": seller})
    assert answer.status_code == 200, answer.text
    (of,) = answer.json()["sellers"]
    return next(row for row in of["categories"] if row["category"] == "apparel")


def test_figures_are_of_their_own_items_whoever_asks(site: Any) -> None:
    own = garments(site.as_role("seller"))
    assert own == garments(site.as_role("seller"), OWN) == garments(site.as_role("engineer"), OWN)
    assert (own["items"], own["automatic"], own["looks"]) == (61, 60, 60)
    assert own["wrong"]["share"] == own["better_than_it_is"]["share"] == pytest.approx(0.1)
    low, high = own["wrong"]["range"]
    assert low < 0.1 < high < 0.25
    assert own["loss"]["range"][0] <= own["loss"]["amount"] <= own["loss"]["range"][1]
    assert garments(site.as_role("seller", sellers=(OTHER,)))["wrong"]["share"] == 1.0


def test_what_is_promised_is_the_policys_and_told_to_be_unproven(site: Any) -> None:
    own = garments(site.as_role("seller"))
    policy = site.runtime.policy
    assert own["loss_at_most"] == {"amount": pytest.approx(0.85), "currency": policy.currency}
    assert (own["better_than_it_is_at_most"], own["confidence"]) == (0.01, pytest.approx(0.9))
    assert own["in_force"] in ("review", "condition")


def test_where_it_is_proven_it_is_in_force(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = proven(site.runtime.policy)
    monkeypatch.setattr(type(site.runtime), "policy", property(lambda _: policy))
    assert garments(site.as_role("seller"))["in_force"] == "money"


def test_of_a_few_items_nothing_is_told(site: Any, put_judged: Any) -> None:
    put_judged(site, FEW - 1, VERSION, None, "opened", "used", category="apparel", seller="small")
    few = garments(site.as_role("seller", sellers=("small",)))
    assert (few["items"], few["looks"]) == (FEW - 1, FEW - 1)
    assert [few[name] for name in ("automatic_share", "wrong", "better_than_it_is", "loss")] == [None] * 4


def test_another_seller_is_nobody_and_staff_say_whom_they_mean(site: Any) -> None:
    seller = site.as_role("seller")
    assert seller.get("/v1/promise", params={"seller": OTHER}).json() == {"sellers": []}
    assert seller.get("/v1/promise", params={"seller": "no such seller"}).json() == {"sellers": []}
    assert site.as_role("engineer").get("/v1/promise").status_code == 422
