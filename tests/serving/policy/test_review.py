"""When a human must look first, and what he is told."""

from typing import Any

import pytest

from regrade.serving.base.dispositions import Money
from regrade.serving.base.i18n import render
from regrade.serving.policy.decide import decide


def codes(policy: Any, item: Any, value: float = 30.0, **more: Any) -> list[str]:
    done = decide(policy, item, declared_value=Money(value, "USD"), seller=more.pop("seller", None), **more)
    return [reason.code for reason in done.review]


def words(policy: Any, item: Any, value: float = 30.0) -> list[str]:
    done = decide(policy, item, declared_value=Money(value, "USD"), seller=None)
    return [render(reason, "en") for reason in done.review]


def test_a_sure_item_goes_without_a_human(policy: Any, make_item: Any) -> None:
    assert codes(policy, make_item("footwear", opened=0.99, used=0.01)) == []


def test_confidence_short_of_the_bundles_threshold_asks_for_a_human(policy: Any, make_item: Any) -> None:
    item = make_item("apparel", opened=0.949, used=0.051, threshold=0.95)
    assert words(policy, item, 5) == ["Only 94.9% sure that it is opened; apparel goes without a person from 95% up."]


def test_confidence_at_the_threshold_is_enough(policy: Any, make_item: Any) -> None:
    assert codes(policy, make_item("apparel", opened=0.95, used=0.05, threshold=0.95), 5) == []


def test_a_category_without_a_promise_goes_to_a_human_whole(policy: Any, make_item: Any) -> None:
    assert words(policy, make_item("apparel", opened=1.0, threshold=None)) == [
        "How sure is sure enough has not been proven for apparel yet, so a person checks every item."
    ]


@pytest.mark.parametrize(("wanted", "review"), [(0.97, ["confidence_short"]), (0.10, [])])
def test_a_policy_may_raise_the_bundles_threshold_and_never_lower_it(
    make_policy: Any, make_item: Any, wanted: Any, review: Any
) -> None:
    made = make_policy({"categories": {"apparel": {"min_confidence": wanted}}})
    assert codes(made, make_item("apparel", opened=0.96, used=0.04, threshold=0.95), 5) == review
    assert codes(made, make_item("apparel", opened=0.94, used=0.06, threshold=0.95), 5) == ["confidence_short"]


def test_a_human_looks_once_more_is_at_stake_than_a_look_costs(policy: Any, make_item: Any) -> None:
    item = make_item("footwear", opened=0.95, used=0.05, threshold=0.9)
    assert codes(policy, item, 20) == []
    assert words(policy, item, 402) == ["Knowing the true condition is worth up to $2.19; a review costs $0.85."]


def test_a_dearer_review_is_asked_for_less_often(make_policy: Any, make_item: Any) -> None:
    made = make_policy({"categories": {"footwear": {"review_cost": 5}}})
    assert codes(made, make_item("footwear", opened=0.95, used=0.05), 400) == []


def test_an_item_that_may_prove_unopened_is_worth_a_look_though_relisting_is_closed_now(
    policy: Any, make_item: Any
) -> None:
    # 8% of used closes relisting; a reviewer who finds it unopened opens it again.
    item = make_item("apparel", unopened=0.92, used=0.08)
    assert codes(policy, item, 60) == ["value_at_risk"]


def test_a_rule_asks_for_a_human_above_a_value(policy: Any, make_item: Any) -> None:
    assert codes(policy, make_item(opened=1.0), 500) == []
    assert codes(policy, make_item(opened=1.0), 500.01) == ["rule"]


def test_a_declared_category_that_the_model_doubts_is_checked(policy: Any, make_item: Any) -> None:
    item = make_item("apparel", opened=1.0, sure=0.1, guess="footwear")
    assert words(policy, item) == [
        "Declared as apparel (10% likely), but the photos look like footwear. Is it the right item?"
    ]
    assert codes(policy, make_item("apparel", opened=1.0, sure=0.3, guess="footwear")) == []


def test_a_predicted_category_must_be_sure(policy: Any, make_item: Any) -> None:
    item = make_item("apparel", opened=1.0, sure=0.8, source="predicted")
    assert words(policy, item) == [
        "No category was declared, and the photos look like apparel with only 80%; 90% is needed."
    ]
    assert codes(policy, make_item("apparel", opened=1.0, sure=0.95, source="predicted")) == []


def test_relisting_as_new_needs_the_policys_own_probability_of_unopened(policy: Any, make_item: Any) -> None:
    assert codes(policy, make_item("apparel", unopened=0.985, opened=0.015), 20) == []
    assert words(policy, make_item("apparel", unopened=0.975, opened=0.025), 20) == [
        "97.5% sure that it is unopened; relisting as new without a person needs 98%."
    ]


def test_without_that_probability_nothing_is_relisted_without_a_human(make_policy: Any, make_item: Any) -> None:
    made = make_policy(without=("auto_relist_min_probability",))
    done = decide(made, make_item("apparel", unopened=1.0), declared_value=Money(20, "USD"), seller=None)
    assert done.disposition.action == "relist"
    assert [r.code for r in done.review] == ["relist_needs_human"]


def test_several_reasons_are_all_given(policy: Any, make_item: Any) -> None:
    item = make_item(damaged=0.6, opened=0.4, source="predicted", sure=0.5)
    assert codes(policy, item, 800) == ["category_unsure", "confidence_short", "rule", "value_at_risk"]


@pytest.mark.parametrize(
    ("when", "asked"),
    [
        ({"sku_in": ["LI-*"]}, True),
        ({"sku_in": ["XX-*"]}, False),
        ({"defect_in": ["crack"]}, True),
        ({"defect_in": ["stain"]}, False),
        ({"seller_in": ["acme"]}, True),
        ({"seller_in": ["other"]}, False),
        ({"value_below": 30}, False),
        ({"value_below": 30.01, "value_above": 29.99}, True),
        ({"condition_in": ["used"]}, True),
        ({"condition_in": ["used"], "probability_above": 0.06}, False),
        ({"condition_in": ["used", "damaged"], "probability_above": 0.06}, True),
        ({"condition_in": ["used"], "seller_in": ["other"]}, False),
        ({}, True),
    ],
)
def test_a_rule_applies_where_all_that_it_names_holds(make_policy: Any, make_item: Any, when: Any, asked: Any) -> None:
    item = make_item("apparel", opened=0.92, used=0.06, damaged=0.02, defects=("crack",))
    made = make_policy({"require_review": [{"when": when, "because": "of a test"}], "review": {"cost": 1e6}})
    assert ("rule" in codes(made, item, 30, seller="acme", sku="LI-200")) is asked


def test_a_review_rule_for_an_action_spares_items_with_another(make_policy: Any, make_item: Any) -> None:
    made = make_policy({"require_review": [{"action": "clearance", "because": "of a test"}]})
    assert codes(made, make_item("apparel", opened=1.0)) == []
    assert codes(made, make_item("apparel", damaged=1.0), 5) == ["rule"]
