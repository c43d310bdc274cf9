"""What missing pieces cost, and rules about them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from regrade.models.errors import PolicyError
from regrade.models.pieces.types import Count, ExpectedPiece, Piece, Pieces
from regrade.serving.base.dispositions import Money
from regrade.serving.base.i18n import render
from regrade.serving.policy.check import check
from regrade.serving.policy.decide import decide

EXPECTED = Pieces("unknown", (ExpectedPiece("Charger"), ExpectedPiece("cable", 2)))
VALUE = Money(120.0, "USD")


def counted(*found: Piece) -> Pieces:
    return EXPECTED.counted(Count(found, "bench 3", "k", "station", datetime(2026, 11, 30, tzinfo=UTC)))


WHOLE = counted(Piece("charger"), Piece("cable", 2))


def amounts(policy: Any, item: Any, pieces: Pieces | None, **more: Any) -> dict[str, float]:
    """What each action recovers."""
    found = decide(policy, item, declared_value=VALUE, seller=None, pieces=pieces, **more).disposition
    own = {found.action: found.expected_recovery.amount}
    return own | {one.action: one.expected_recovery.amount for one in found.alternatives}


def test_each_missing_piece_takes_its_share_of_what_an_action_brings_in(make_policy: Any, make_item: Any) -> None:
    policy, item = make_policy(), make_item(opened=1.0)
    whole = amounts(policy, item, WHOLE)
    assert whole == amounts(policy, item, None)
    less = amounts(policy, item, counted(Piece("charger")))
    gross = policy.base.categories["electronics"].rates.opened.repackage * 120
    assert less["repackage"] == pytest.approx(whole["repackage"] - 0.2 * gross, abs=0.01)
    assert less["destroy"] == whole["destroy"]


def test_a_named_piece_costs_what_is_said_of_it_and_a_category_goes_first(make_policy: Any, make_item: Any) -> None:
    house = {"any": 1.0, "named": {"charger": 12.0, "cable": {"share": 0.05}}}
    policy = make_policy({"pieces": house}, without=())
    none = counted()
    gross = policy.base.categories["electronics"].rates.opened.repackage * 120
    whole = amounts(policy, make_item(opened=1.0), WHOLE)["repackage"]
    less = amounts(policy, make_item(opened=1.0), none)["repackage"]
    assert less == pytest.approx(whole - 12.0 - 0.1 * gross, abs=0.01)
    own = make_policy({"pieces": house, "categories": {"electronics": {"pieces": {"named": {"CABLE": 0}}}}})
    assert amounts(own, make_item(opened=1.0), none)["repackage"] == pytest.approx(whole - 12.0, abs=0.01)


def test_it_never_takes_more_than_there_is(make_policy: Any, make_item: Any) -> None:
    policy = make_policy({"pieces": {"any": 1000.0}})
    costs = policy.base.categories["electronics"].costs
    found = amounts(policy, make_item(opened=1.0), counted())
    assert found["clearance"] == pytest.approx(-costs.clearance.at(120), abs=0.01)


def test_what_is_not_whole_is_not_relisted_and_the_reason_says_so(make_policy: Any, make_item: Any) -> None:
    policy, item = make_policy(), make_item("toys", unopened=1.0)
    assert "relist" in amounts(policy, item, WHOLE)
    assert "relist" in amounts(policy, item, EXPECTED)  # sealed: nobody opens it to count
    done = decide(policy, item, declared_value=VALUE, seller=None, pieces=counted(Piece("cable", 2)))
    assert done.disposition.action != "relist"
    words = [render(one, "en") for one in done.disposition.reasons]
    assert any(one.startswith("Missing: Charger; that takes $") for one in words)
    assert any("缺少：Charger；" in render(one, "zh-CN") for one in done.disposition.reasons)


def test_what_may_have_been_opened_is_not_relisted_before_somebody_has_looked(make_policy: Any, make_item: Any) -> None:
    policy, item = make_policy(), make_item("toys", unopened=0.9, opened=0.1)
    assert "relist" in amounts(policy, item, None)
    assert "relist" in amounts(policy, item, WHOLE)
    assert "relist" not in amounts(policy, item, EXPECTED)


def test_rules_ask_for_one_or_several_states_and_hold_nowhere_else(make_policy: Any, make_item: Any) -> None:
    rule = {"when": {"pieces_are": ["incomplete", "unknown"]}, "because": "count it first"}
    policy, item = make_policy({"require_review": [rule]}), make_item(opened=0.99, used=0.01)

    def asked(pieces: Pieces | None) -> bool:
        found = decide(policy, item, declared_value=VALUE, seller=None, pieces=pieces)
        return any(one.params.get("because") == "count it first" for one in found.review)

    assert [asked(one) for one in (EXPECTED, counted(), WHOLE, None)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pieces": {"any": {"share": 1.5}}}, "1.5 is out of range"),
        ({"pieces": {"charger": 12}}, "no such field"),
        ({"pieces": {"named": {"charger": "much"}}}, "pieces.named.charger"),
        ({"never": [{"action": "relist", "when": {"pieces_are": "gone"}, "because": "x"}]}, "complete, incomplete"),
    ],
)
def test_what_a_policy_cannot_say_of_pieces_is_refused_with_what_it_can(
    make_policy: Any, change: Any, said: str
) -> None:
    with pytest.raises(PolicyError, match="(?s)" + said.replace(".", r"\.")):
        make_policy(change)


def test_nothing_looks_odd_about_the_shipped_rules(policy: Any) -> None:
    assert [one for one in check(policy, policy.fx.date) if "piece" in str(one)] == []


def test_a_seller_has_terms_of_their_own(make_policy: Any, make_item: Any) -> None:
    policy = make_policy({"sellers": {"acme": {"pieces": {"any": 0}}}})
    item = make_item(opened=1.0)
    kwargs: dict[str, Any] = {"declared_value": VALUE, "pieces": counted()}
    house = decide(policy, item, seller=None, **kwargs).disposition.expected_recovery.amount
    acme = decide(policy, item, seller="acme", **kwargs).disposition.expected_recovery.amount
    assert acme > house
