"""What no policy file can switch off, tried on policies drawn at random from all that is legal."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS, Money
from regrade.serving.base.i18n import LANGUAGES, render
from regrade.serving.policy.decide import decide
from regrade.serving.policy.value import expected_recovery

policies = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The fixtures only make things; none keeps what an example before left in it."""
seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def drawn(make_policy: Any, make_item: Any, random_changes: Any, random_posterior: Any) -> Any:
    """A policy and decisions under it on 25 random items: `drawn(seed)`."""

    def draw(seed: int) -> Any:
        rng = random.Random(seed)
        policy = make_policy(random_changes(rng))
        decisions = []
        for _ in range(25):
            category = rng.choice(["electronics", "apparel", "footwear", "toys"])
            item = make_item(category, threshold=rng.choice([0.0, None]), **random_posterior(rng))
            value = Money(rng.choice([0.0, 3.0, 40.0, 900.0]), rng.choice(["USD", "EUR"]))
            decisions.append((item, decide(policy, item, declared_value=value, seller=None)))
        return policy, decisions

    return draw


@policies
@given(seed=seeds)
def test_destroying_always_waits_for_a_human(drawn: Any, seed: int) -> None:
    _, decisions = drawn(seed)
    destroyed = [d for _, d in decisions if d.disposition.action == "destroy"]
    assert all("destroy_needs_human" in [r.code for r in d.review] for d in destroyed)


def test_destroying_waits_for_a_human_even_where_it_alone_pays(make_policy: Any, make_item: Any) -> None:
    changes = {c: {"destroy": 2.0} for c in CONDITIONS}
    policy = make_policy({"categories": {"apparel": {"rates": changes}}, "review": {"cost": 1e9}})
    done = decide(policy, make_item("apparel", used=1.0), declared_value=Money(50, "USD"), seller=None)
    assert done.disposition.action == "destroy"
    assert [r.code for r in done.review] == ["destroy_needs_human"]


@policies
@given(seed=seeds)
def test_relisting_alone_needs_an_explicit_threshold_and_a_sure_unopened(drawn: Any, seed: int) -> None:
    policy, decisions = drawn(seed)
    needed = policy.base.auto_relist_min_probability
    for item, done in decisions:
        if done.disposition.action == "relist" and not done.review:
            assert needed is not None
            assert item.grade.probabilities["unopened"] >= needed


@policies
@given(seed=seeds)
def test_the_suggested_action_recovers_most_of_those_permitted(drawn: Any, seed: int) -> None:
    _, decisions = drawn(seed)
    for _, done in decisions:
        others = [o.expected_recovery.amount for o in done.disposition.alternatives]
        assert all(done.disposition.expected_recovery.amount >= amount for amount in others)


@policies
@given(seed=seeds)
def test_an_action_that_a_rule_closes_is_neither_suggested_nor_offered(drawn: Any, seed: int) -> None:
    policy, decisions = drawn(seed)
    always = {r.action for r in policy.base.never if r.when.model_fields_set == set()}
    for _, done in decisions:
        offered = {done.disposition.action, *(o.action for o in done.disposition.alternatives)}
        assert not offered & always


@policies
@given(seed=seeds)
def test_every_reason_has_words_in_every_language(drawn: Any, seed: int) -> None:
    _, decisions = drawn(seed)
    for _, done in decisions:
        for reason in (*done.disposition.reasons, *done.review):
            for lang in LANGUAGES:
                words = render(reason, lang)
                assert words
                assert "{" not in words


@pytest.mark.parametrize("part", ["freight", "customs", "duty", "handling", "parts", "fees"])
@settings(policies, max_examples=3)
@given(seed=seeds)
def test_raising_a_cost_of_sending_back_never_makes_it_more_attractive(
    make_policy: Any, random_posterior: Any, part: Any, seed: int
) -> None:
    rng = random.Random(seed)
    posterior, value = random_posterior(rng), rng.uniform(1, 500)
    recoveries = []
    for cost in (0, 5, {"fixed": 5, "share": 0.1}, 80):
        costs = {"return_to_origin": {part: cost}}
        economics = make_policy({"categories": {"electronics": {"costs": costs}}}).base.categories["electronics"]
        recoveries.append(expected_recovery(economics, posterior, "return_to_origin", value))
    assert recoveries[:3] == sorted(recoveries[:3], reverse=True)
    assert recoveries[3] < recoveries[1]


@policies
@given(seed=seeds)
def test_decisions_do_not_depend_on_how_the_probabilities_are_scaled(
    policy: Any, make_item: Any, random_posterior: Any, seed: int
) -> None:
    rng = random.Random(seed)
    shares = random_posterior(rng)
    halves = {c: p / 2 for c, p in shares.items()}
    value = Money(rng.uniform(1, 300), "USD")
    whole = decide(policy, make_item("footwear", **shares), declared_value=value, seller=None)
    half = decide(policy, make_item("footwear", **halves), declared_value=value, seller=None)
    assert half.disposition.action == whole.disposition.action
    assert half.disposition.expected_recovery == whole.disposition.expected_recovery


@policies
@given(seed=seeds)
def test_overrides_of_a_seller_touch_only_that_seller(
    make_policy: Any, make_item: Any, random_changes: Any, random_posterior: Any, seed: int
) -> None:
    rng = random.Random(seed)
    before, after = make_policy(), make_policy({"sellers": {"acme": random_changes(rng)}})
    for _ in range(10):
        item = make_item(rng.choice(["apparel", "electronics"]), **random_posterior(rng))
        for seller in (None, "bolt", "ACME"):
            assert decide(before, item, declared_value=None, seller=seller) == decide(
                after, item, declared_value=None, seller=seller
            )


def test_a_sellers_figures_are_used_for_that_seller(make_policy: Any, make_item: Any) -> None:
    free = {"freight": 0, "customs": 0, "duty": 0}
    own = {"categories": {"electronics": {"costs": {"return_to_origin": free}}}}
    policy = make_policy({"sellers": {"acme": own}})
    item = make_item("electronics", damaged=1.0)
    actions = [decide(policy, item, declared_value=None, seller=s).disposition.action for s in (None, "acme")]
    assert actions == ["refurbish", "return_to_origin"]


def test_a_seller_may_add_rules_and_lift_none(make_policy: Any, make_item: Any) -> None:
    rule = {"action": "clearance", "because": "the brand forbids discounters"}
    policy = make_policy({"sellers": {"acme": {"never": [rule]}}})
    terms = policy.terms("acme")
    assert [r.action for r in terms.never] == [*(r.action for r in policy.base.never), "clearance"]
    item = make_item("footwear", used=0.6, damaged=0.4)
    done = decide(policy, item, declared_value=Money(20, "USD"), seller="acme")
    assert "clearance" not in [o.action for o in done.disposition.alternatives]
    assert set(ACTIONS) - {"clearance", "relist"} == {
        done.disposition.action,
        *(o.action for o in done.disposition.alternatives),
    }
