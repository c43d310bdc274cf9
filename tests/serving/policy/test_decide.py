"""Which action is suggested, and the reasons given for it."""

from typing import Any

import pytest

from regrade.models.errors import PolicyError
from regrade.models.types import ItemResult
from regrade.serving.base.dispositions import Money
from regrade.serving.base.i18n import render
from regrade.serving.policy.decide import decide


def usd(amount: float) -> Money:
    return Money(amount, "USD")


def test_a_damaged_laptop_is_repaired_and_the_reason_says_what_that_gains(policy: Any, make_item: Any) -> None:
    done = decide(policy, make_item(damaged=0.97, used=0.03), declared_value=usd(120), seller=None)
    assert done.disposition.action == "refurbish"
    assert render(done.disposition.reasons[0], "en") == (
        "97% damaged; repair recovers $25.85 on average, $5.44 more than return to origin."
    )
    assert done.disposition.policy == "default@1"


def test_the_average_decides_and_not_the_likeliest_condition(policy: Any, make_item: Any) -> None:
    # Used is likeliest, and repair is best for used; but the open-box chance makes repackaging pay more.
    item = make_item(used=0.55, opened=0.45)
    done = decide(policy, item, declared_value=usd(120), seller=None)
    assert done.disposition.action == "repackage"


def test_alternatives_are_all_other_permitted_actions_best_first(policy: Any, make_item: Any) -> None:
    done = decide(policy, make_item(opened=0.98, used=0.02), declared_value=usd(120), seller=None)
    amounts = [o.expected_recovery.amount for o in done.disposition.alternatives]
    assert amounts == sorted(amounts, reverse=True)
    assert done.disposition.expected_recovery.amount >= amounts[0]
    named = {done.disposition.action, *(o.action for o in done.disposition.alternatives)}
    assert named == {"relist", "repackage", "refurbish", "clearance", "return_to_origin", "destroy"}


@pytest.mark.parametrize("category", ["packaging", "electronics", "footwear", "apparel", "other"])
@pytest.mark.parametrize("condition", ["unopened", "opened", "used", "damaged"])
def test_sending_a_cheap_item_back_always_loses_money(
    policy: Any, make_item: Any, category: str, condition: str
) -> None:
    done = decide(policy, make_item(category, **{condition: 1.0}), declared_value=usd(15), seller=None)
    back = next(o for o in done.disposition.alternatives if o.action == "return_to_origin")
    assert back.expected_recovery.amount < 0
    words = [render(r, "en") for r in done.disposition.reasons if r.code == "return_to_origin_loses"]
    assert len(words) == 1
    assert "freight" in words[0]
    assert "duty" in words[0]


def test_an_expensive_broken_device_is_worth_sending_to_the_factory_after_a_human_saw_its_battery(
    policy: Any, make_item: Any
) -> None:
    done = decide(policy, make_item(damaged=0.99, used=0.01), declared_value=usd(450), seller=None)
    assert done.disposition.action == "return_to_origin"
    assert [render(r, "en") for r in done.review if r.code == "rule"] == [
        "A rule of the policy asks for a person: check the battery first; a damaged lithium battery may not fly."
    ]


def test_an_action_that_a_rule_closes_is_not_offered_and_the_reason_says_what_it_would_have_paid(
    policy: Any, make_item: Any
) -> None:
    done = decide(policy, make_item("apparel", unopened=0.9, used=0.1), declared_value=usd(40), seller=None)
    assert done.disposition.action == "repackage"
    assert "relist" not in [o.action for o in done.disposition.alternatives]
    (closed,) = [r for r in done.disposition.reasons if r.code == "ruled_out"]
    assert render(closed, "en").endswith("goods that may have been used must not be sold as new.")
    assert render(closed, "zh-CN").endswith("可能已被使用的商品不得作为新品出售。")


def test_without_a_declared_value_the_default_is_assumed_and_said(policy: Any, make_item: Any) -> None:
    done = decide(policy, make_item("apparel", opened=1.0), declared_value=None, seller=None)
    words = [render(r, "en") for r in done.disposition.reasons]
    assert "No value was declared; $35.00 is assumed, the default for apparel." in words


def test_a_foreign_value_is_converted_and_the_recovery_given_in_the_policys_currency(
    policy: Any, make_item: Any
) -> None:
    item = make_item(used=1.0)
    euros = decide(policy, item, declared_value=Money(100, "EUR"), seller=None)
    dollars = decide(policy, item, declared_value=usd(115), seller=None)
    assert euros.disposition.expected_recovery == dollars.disposition.expected_recovery
    assert euros.disposition.expected_recovery.currency == "USD"
    assert "The declared €100.00 is $115.00 at the policy's rate of 2026-11-23." in [
        render(r, "en") for r in euros.disposition.reasons
    ]


def test_a_currency_without_a_rate_is_refused_with_those_that_have_one(policy: Any, make_item: Any) -> None:
    with pytest.raises(PolicyError, match=r"no exchange rate for 'XAU'.*USD, AUD, CAD, CNY"):
        decide(policy, make_item(used=1.0), declared_value=Money(10, "XAU"), seller=None)


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_a_value_that_is_negative_or_not_a_number_is_refused(policy: Any, make_item: Any, amount: Any) -> None:
    with pytest.raises(PolicyError, match="must be a number of 0 or more"):
        decide(policy, make_item(used=1.0), declared_value=usd(amount), seller=None)


def test_where_everything_loses_money_the_smallest_loss_is_suggested_and_called_one(
    policy: Any, make_item: Any
) -> None:
    done = decide(policy, make_item("footwear", damaged=1.0), declared_value=usd(3), seller=None)
    assert done.disposition.action == "destroy"
    assert render(done.disposition.reasons[0], "en") == (
        "100% damaged; every permitted action costs more than it brings in: destroy least, "
        "by $1.25 on average, $0.10 less than clearance."
    )


def test_an_item_that_was_not_graded_cannot_be_decided_on(policy: Any) -> None:
    with pytest.raises(ValueError, match="photos be retaken"):
        decide(policy, ItemResult(None, None, (), (), {}, {}), declared_value=None, seller=None)


def test_a_category_that_the_policy_does_not_name_uses_the_figures_of_other_goods(policy: Any, make_item: Any) -> None:
    done = decide(policy, make_item("toys", opened=1.0), declared_value=usd(30), seller=None)
    same = decide(policy, make_item("other", opened=1.0), declared_value=usd(30), seller=None)
    assert done.disposition.expected_recovery == same.disposition.expected_recovery
    assert [r.code for r in done.review] == ["other_economics"]
    assert same.review == ()


def test_a_reviewer_who_fixed_the_condition_makes_it_certain(policy: Any, make_item: Any) -> None:
    doubtful = make_item(unopened=0.4, opened=0.3, used=0.2, damaged=0.1, threshold=None, source="predicted")
    sure = decide(policy, make_item(used=1.0), declared_value=usd(900), seller=None)
    done = decide(policy, doubtful, declared_value=usd(900), seller=None, human_condition="used")
    assert done.disposition.expected_recovery == sure.disposition.expected_recovery
    assert done.review == ()
    assert render(done.disposition.reasons[0], "en").startswith("A reviewer found it used; repair recovers")


def test_a_reviewer_cannot_lift_a_rule(make_policy: Any, make_item: Any) -> None:
    rule = {"action": "repackage", "when": {"category_in": ["apparel"]}, "because": "of the brand"}
    made = make_policy({"never": [rule]})
    done = decide(made, make_item("apparel", opened=1.0), declared_value=usd(60), seller=None,
                  human_condition="opened")  # fmt: skip
    assert done.disposition.action != "repackage"


def test_a_condition_that_does_not_exist_is_refused_with_those_that_do(policy: Any, make_item: Any) -> None:
    with pytest.raises(PolicyError, match="unopened, opened, used, damaged"):
        decide(policy, make_item(used=1.0), declared_value=None, seller=None, human_condition="broken")
