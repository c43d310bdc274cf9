"""What is legal but looks wrong."""

import datetime
from typing import Any

import pytest

from regrade.serving.policy.check import check

SOON = datetime.date(2026, 12, 1)


@pytest.fixture
def findings(make_policy: Any) -> Any:
    """The findings for a changed policy that the shipped one does not have: `findings(changes)`."""

    def of(changes: Any, today: Any = SOON, **more: Any) -> list[str]:
        shipped = {str(f) for f in check(make_policy(), SOON)}
        return [str(f) for f in check(make_policy(changes, **more), today) if str(f) not in shipped]

    return of


def electronics(changes: Any) -> Any:
    return {"categories": {"electronics": changes}}


def test_the_shipped_policy_has_no_warnings(policy: Any) -> None:
    assert {f.level for f in check(policy, SOON)} <= {"note"}


def test_the_shipped_policy_notes_where_sending_back_never_pays(policy: Any) -> None:
    noted = [f.path for f in check(policy, SOON)]
    assert noted == [f"categories.{c}.return_to_origin" for c in ("apparel", "footwear", "packaging", "other")]


def test_recovering_more_than_the_item_is_worth_is_suspicious(findings: Any) -> None:
    assert findings(electronics({"rates": {"unopened": {"relist": 1.2}}})) == [
        "warning: categories.electronics.rates.unopened.relist: 1.2 recovers more than the item is worth"
    ]


def test_recovering_more_in_a_worse_condition_is_suspicious(findings: Any) -> None:
    assert findings(electronics({"rates": {"damaged": {"clearance": 0.2}}})) == [
        "warning: categories.electronics.rates.damaged.clearance: "
        "0.2 is more than for used (0.16), which is the better state"
    ]


def test_an_action_that_is_the_best_nowhere_is_told(findings: Any) -> None:
    found = findings(electronics({"costs": {"refurbish": {"parts": {"share": 0.7}}}}))
    assert found == [
        "warning: categories.electronics.refurbish: never the best, whatever the condition, at any value up to 4800"
    ]


def test_an_action_that_rules_close_everywhere_is_not_called_useless(findings: Any) -> None:
    closed = {"never": [{"action": "clearance", "because": "the brand forbids it"}]}
    assert not [f for f in findings(closed) if ".clearance" in f]


def test_an_action_that_is_the_best_only_below_a_rules_border_counts_as_used(findings: Any) -> None:
    # Repackaging is closed above $2; clearance then takes its place, and repackaging keeps the pennies' range.
    rule = {"action": "repackage", "when": {"value_above": 12}, "because": "of a test"}
    assert not [f for f in findings({"never": [rule]}) if "apparel.repackage" in f]


def test_old_and_future_exchange_rates_are_told(findings: Any) -> None:
    assert findings({}, datetime.date(2027, 6, 1)) == ["warning: fx.date: the exchange rates are 190 days old"]
    assert findings({}, datetime.date(2026, 1, 1)) == ["warning: fx.date: the exchange rates are dated in the future"]


def test_a_rate_for_the_policys_own_currency_is_told(findings: Any) -> None:
    assert findings({"fx": {"rates": {"USD": 1.1}}}) == [
        "warning: fx.rates.USD: the policy's own currency is always 1; ignored"
    ]


def test_a_free_review_is_told(findings: Any) -> None:
    assert findings(electronics({"review_cost": 0})) == [
        "warning: categories.electronics: a review costs nothing, so that every doubt goes to a human"
    ]


def test_a_rule_for_a_category_without_economics_may_be_a_misspelling(findings: Any) -> None:
    rule = {"when": {"category_in": ["electronic"]}, "because": "of a test"}
    assert findings({"require_review": [rule]}) == [
        "warning: require_review[2].when.category_in: no economics are given for electronic; a misspelling?"
    ]


def test_a_policy_that_never_relists_alone_is_noted(findings: Any) -> None:
    assert findings({}, without=("auto_relist_min_probability",)) == [
        "note: auto_relist_min_probability: not set: a human must agree to every relisting"
    ]


def test_a_seller_is_told_of_only_for_what_is_his_own(findings: Any) -> None:
    own = electronics({"rates": {"unopened": {"relist": 1.2}}})
    assert findings({"sellers": {"acme": own, "bolt": {}}}) == [
        "warning: sellers.acme.categories.electronics.rates.unopened.relist: 1.2 recovers more than the item is worth"
    ]
