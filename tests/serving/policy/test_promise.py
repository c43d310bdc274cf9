"""What goes without a person follows from the policy in force, from what is proven, and from nothing else."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

from regrade.datasets.category import load_categories
from regrade.models.errors import PolicyError
from regrade.models.promise.held_out import HeldOut
from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS, Money
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import Policy
from regrade.serving.policy.promise.looks import looks_of
from regrade.serving.policy.promise.promised import promised
from regrade.serving.policy.promise.stake import stake_of
from regrade.serving.policy.promise.told import told
from regrade.serving.policy.rules import Case
from regrade.serving.policy.terms import economics_of

VERSION = "2026.11.6"
SURE = 0.97


def table(n: int = 900, wrong: float = 0.0, *, harm: float = 0.0, seed: int = 0, shares: Any = None) -> HeldOut:
    """Looks at garments that are opened, used or damaged: the model is sure of each, and errs by one step in the share
    `wrong`. In the share `harm` it takes a used one to be opened."""
    luck = np.random.default_rng(seed)
    k = len(CONDITIONS)
    said = luck.choice([1, 2, 3], n, p=shares or [0.6, 0.2, 0.2])
    truth = np.where(luck.random(n) < wrong, np.maximum(said - 1, 1), said)
    truth = np.where((said == 1) & (luck.random(n) < harm), 2, truth)
    probabilities = np.full((n, k), (1 - SURE) / (k - 1))
    # What is surest is what is at stake least, and none is quite like another.
    probabilities[np.arange(n), said] = SURE
    probabilities += luck.random((n, k)) * 1e-4
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return HeldOut(VERSION, CONDITIONS, probabilities, np.eye(k)[truth], np.arange(n), (frozenset(),) * n, "garments")


def by(policy: Policy, looks: HeldOut) -> Policy:
    return replace(policy, held_out={"apparel": looks}, worked_out={})


def codes(policy: Policy, item: Any, value: float | None = None, seller: str | None = None) -> list[str]:
    declared = None if value is None else Money(value, "USD")
    return [reason.code for reason in decide(policy, item, declared_value=declared, seller=seller).review]


def sure_of(make_item: Any, condition: str, **more: Any) -> Any:
    return make_item("apparel", threshold=None, **dict.fromkeys(CONDITIONS, (1 - SURE) / 3) | {condition: SURE}, **more)


def test_an_item_goes_where_both_limits_are_proven(policy: Policy, make_item: Any) -> None:
    proven = by(policy, table(wrong=0.01))
    assert codes(proven, sure_of(make_item, "used")) == []
    found = told(proven, "apparel")
    assert found.promised
    assert (found.loss, found.loss_bound, found.loss_limit) == (pytest.approx(0.1, abs=0.1), ANY, 0.85)
    assert 0.0 < (found.loss or 0.0) < (found.loss_bound or 0.0) <= 0.85


def test_the_bundles_own_threshold_has_no_say_then(policy: Policy, make_item: Any) -> None:
    assert codes(policy, sure_of(make_item, "used")) == ["no_guarantee"]
    assert codes(by(policy, table()), sure_of(make_item, "used")) == []


def test_where_nothing_is_proven_the_condition_is_promised_as_before(policy: Policy, make_item: Any) -> None:
    few = by(policy, table(40))
    assert codes(few, sure_of(make_item, "used")) == ["no_guarantee"]
    assert codes(few, replace_threshold(sure_of(make_item, "used"), 0.9)) == []
    assert "condition holds meanwhile" in told(few, "apparel").words


def test_or_nothing_goes_if_the_policy_says_so(make_policy: Any, make_item: Any) -> None:
    policy = make_policy({"promise": {"where_unproven": "review"}})
    few, wrong = by(policy, table(40)), by(policy, table(wrong=0.9))
    for one in (few, wrong):
        assert codes(one, replace_threshold(sure_of(make_item, "opened"), 0.5)) == ["no_promise"]
        assert codes(one, sure_of(make_item, "opened")) == ["no_promise"]
        assert told(one, "apparel").promised is False
        assert told(one, "apparel").share == 0.0


def test_what_is_sold_as_what_it_is_goes_where_harm_is_not_proven_small(policy: Policy, make_item: Any) -> None:
    """A used garment is repaired and sold as such; to call it opened and sell it so would do harm."""
    harmful = by(policy, table(harm=0.08))
    assert told(harmful, "apparel").as_it_is_alone
    assert codes(harmful, sure_of(make_item, "used")) == []
    assert codes(harmful, sure_of(make_item, "opened")) == ["harm_unproven"]


def test_harm_beyond_the_limit_is_named_with_its_figures(make_policy: Any, make_item: Any) -> None:
    strict = by(make_policy({"promise": {"better_than_it_is": 0.05}}), table())
    item = make_item("apparel", threshold=None, opened=0.6, used=0.4)
    assert codes(strict, item) == ["harm_likely"]


def test_loss_beyond_what_is_proven_is_named(make_policy: Any, make_item: Any) -> None:
    lax = by(make_policy({"promise": {"better_than_it_is": None}}), table())
    assert codes(lax, make_item("apparel", threshold=None, opened=0.5, damaged=0.5)) == ["loss_likely"]
    assert codes(lax, sure_of(make_item, "opened")) == []


def test_another_price_makes_another_promise(make_policy: Any) -> None:
    """Errors that cost little at one rate cost too much at another: the promise is worked out, not remembered."""
    looks = table(wrong=0.3)
    cheap = told(by(make_policy({"promise": {"better_than_it_is": None}}), looks), "apparel")
    dear = told(
        by(
            make_policy(
                {
                    "promise": {"better_than_it_is": None},
                    "categories": {"apparel": {"rates": {"opened": {"repackage": 1.2}}}},
                }
            ),
            looks,
        ),
        "apparel",
    )
    assert cheap.promised
    assert dear.share < cheap.share


def test_a_tighter_budget_frees_less(make_policy: Any) -> None:
    looks = table(wrong=0.1)
    shares = [
        told(by(make_policy({"promise": {"loss": loss, "better_than_it_is": None}}), looks), "apparel").share
        for loss in (2.0, {"share": 0.01}, 0.05)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1] == 0.0


def test_dearer_items_have_a_promise_of_their_own(policy: Policy, make_item: Any) -> None:
    looks = by(policy, table(wrong=0.02))
    assert told(looks, "apparel", value=35).loss_limit == told(looks, "apparel", value=350).loss_limit
    assert told(looks, "apparel", value=350).share <= told(looks, "apparel", value=35).share
    assert "rule" in codes(looks, sure_of(make_item, "used"), value=800)


def test_a_seller_has_the_promise_of_his_own_terms(make_policy: Any, make_item: Any) -> None:
    looks = by(
        make_policy({"sellers": {"acme": {"promise": {"loss": 0.0001, "where_unproven": "review"}}}}), table(wrong=0.05)
    )
    assert codes(looks, sure_of(make_item, "used"), seller="other") == []
    assert codes(looks, sure_of(make_item, "used"), seller="acme") == ["no_promise"]


def test_the_promise_on_the_condition_can_be_had(make_policy: Any, make_item: Any) -> None:
    old = by(make_policy({"promise": {"kind": "condition"}}), table())
    assert codes(old, sure_of(make_item, "used")) == ["no_guarantee"]
    assert codes(old, replace_threshold(sure_of(make_item, "used"), 0.9)) == []
    assert told(old, "apparel").promised is None


def replace_threshold(item: Any, threshold: float) -> Any:
    return replace(item, grade=replace(item.grade, auto_threshold=threshold))


def test_a_table_speaks_for_no_other_bundle(policy: Policy, make_item: Any) -> None:
    item = replace(sure_of(make_item, "used"), models={"apparel": "2026.11.5"})
    assert codes(by(policy, table()), item) == ["no_guarantee"]
    assert codes(by(policy, table()), replace(item, models={"apparel": VERSION})) == []


def test_a_category_may_ask_for_more_confidence(make_policy: Any, make_item: Any) -> None:
    strict = by(make_policy({"categories": {"apparel": {"min_confidence": 0.96}}}), table())
    assert codes(strict, sure_of(make_item, "used")) == []
    assert "confidence_short" in codes(strict, make_item("apparel", threshold=None, used=0.95, damaged=0.05))


def test_destroying_and_relisting_take_a_person_as_before(policy: Policy, make_item: Any) -> None:
    worthless = by(policy, table())
    found = decide(worthless, sure_of(make_item, "damaged"), declared_value=Money(0.01, "USD"), seller=None)
    assert found.disposition.action == "destroy"
    assert "destroy_needs_human" in [reason.code for reason in found.review]
    assert "relist_unsure" in codes(worthless, sure_of(make_item, "unopened"))


def test_votes_count_as_what_they_are(make_policy: Any) -> None:
    """Half the labellers saw a used garment: half its loss counts, not none and not all."""
    looks = table()
    torn = replace(looks, votes=np.where(looks.votes == 1, 0.5, 0.0) + np.eye(4)[2] * 0.5)
    lax = make_policy({"promise": {"better_than_it_is": None, "loss": 50.0}})
    whole = replace(looks, votes=np.tile(np.eye(4)[2], (len(looks), 1)))
    half, none, full = (told(by(lax, one), "apparel").loss for one in (torn, looks, whole))
    assert half == pytest.approx(((none or 0.0) + (full or 0.0)) / 2)
    assert full != none


def test_a_site_with_more_damage_has_another_promise(make_policy: Any) -> None:
    looks = table(4000, harm=0.002, shares=[0.9, 0.05, 0.05])

    def at(shares: Mapping[str, float] | None) -> Any:
        return told(
            by(make_policy({"categories": {"apparel": {"shares": shares}} if shares else {}}), looks), "apparel"
        )

    usual, site = at(None), at({"opened": 0.5, "used": 0.4, "damaged": 0.1})
    assert not usual.as_it_is_alone
    assert usual.share > 0.9
    # Of its opened ones, as the model sees them, four times as many are used: more than the limit allows.
    assert site.as_it_is_alone
    with pytest.raises(PolicyError, match=r"categories.apparel.shares: must sum to 1"):
        make_policy({"categories": {"apparel": {"shares": {"opened": 0.5}}}})


def test_what_a_repackaged_carton_is_sold_as_is_the_categorys_word() -> None:
    sold = load_categories()["packaging"].policy
    assert sold is not None
    assert sold.sold_as is not None
    assert sold.sold_as.repackage == "refurbished"


def test_more_looks_free_no_less(policy: Policy) -> None:
    found = told(by(policy, table(400, wrong=0.01)), "apparel")
    assert found.more is not None
    assert list(found.more) == [500, 2000, 5000]
    assert [*found.more.values()] == sorted(found.more.values())


def test_a_value_that_is_none_is_refused(policy: Policy) -> None:
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises(PolicyError, match="number of 0 or more"):
            promised(by(policy, table(40)), "apparel", None, value)
    assert promised(by(policy, table(40)), "apparel", None, 0.0) is not None


def test_a_category_without_figures_is_promised_nothing(policy: Policy) -> None:
    toys = replace(policy, held_out={"toys": table()}, worked_out={})
    assert promised(toys, "toys", None) is None
    assert "no figures" in told(toys, "toys").words


@pytest.mark.parametrize("seed", range(8))
def test_looks_are_decided_on_as_items_are(
    make_policy: Any, make_item: Any, random_changes: Any, random_posterior: Any, seed: int
) -> None:
    """The table is worked out in arrays, items one by one: of any policy, both say the same."""
    rng = random.Random(seed)
    rules = [
        {"when": {"defect_in": ["stain"]}, "because": "a test"},
        {"when": {"condition_in": ["used", "damaged"], "probability_above": 0.3}, "because": "a test"},
        {"action": "repackage", "when": {"value_above": 40}, "because": "a test"},
        {"when": {"seller_in": ["acme"], "sku_in": ["X*"]}, "because": "a test"},
    ]
    changes = random_changes(rng) | {"require_review": rng.sample(rules, 2)}
    policy = make_policy(changes)
    posteriors = [random_posterior(rng) for _ in range(60)]
    kinds = [frozenset({"stain"}) if rng.random() < 0.3 else frozenset[str]() for _ in posteriors]
    truth = [rng.choice(CONDITIONS) for _ in posteriors]
    p = np.array([[one[c] for c in CONDITIONS] for one in posteriors])
    votes = np.array([[float(c == is_) for c in CONDITIONS] for is_ in truth])
    looks = HeldOut(VERSION, CONDITIONS, p, votes, np.arange(60), tuple(kinds))
    value = rng.choice([5.0, 35.0, 60.0])
    terms = policy.terms("acme")
    economics, _ = economics_of(terms, "apparel")
    found = looks_of(terms, economics, "apparel", value, looks, "acme")
    for i, posterior in enumerate(posteriors):
        case = Case("apparel", value, posterior, "acme", None, kinds[i])
        decision = decide(
            policy,
            make_item("apparel", threshold=0.0, defects=tuple(kinds[i]), **posterior),
            declared_value=Money(value, "USD"),
            seller="acme",
        )
        ranked = [decision.disposition.action, *(o.action for o in decision.disposition.alternatives)]
        stake = stake_of(terms, economics, case, ranked)
        k = CONDITIONS.index(truth[i])
        assert found.worth[i] == pytest.approx(stake.worth, abs=1e-9)
        assert found.loss[i] == pytest.approx(stake.regret[k], abs=1e-9)
        assert found.harm[i] == pytest.approx(stake.harm, abs=1e-12)
        assert found.better[i] == float(stake.better[k])
        assert found.most >= stake.regret[k] or ACTIONS.index(ranked[0]) not in found.in_play
        others = {r.code for r in decision.review} - {"value_at_risk", "category_unsure", "category_mismatch"}
        assert found.alone[i] == (not others)


def test_an_action_that_was_looked_at_never_is_not_taken_without_a_person(make_policy: Any, make_item: Any) -> None:
    """No look of the table would be cleared; of an item that would be, nothing is known."""
    lax = by(make_policy({"promise": {"better_than_it_is": None, "loss": 50.0}}), table(shares=[1.0, 0.0, 0.0]))
    assert codes(lax, sure_of(make_item, "opened")) == []
    assert codes(lax, sure_of(make_item, "damaged")) == ["action_unproven"]
