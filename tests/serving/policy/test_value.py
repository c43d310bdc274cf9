"""The arithmetic: what holds of expected recovery and of the value of information, whatever the figures."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regrade.models.category.economics import COST_PARTS
from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.value import best_action, expected_recovery, value_of_information

policies = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""The fixtures only make things; none keeps what an example before left in it."""
seeds = st.integers(0, 2**32 - 1)


def test_recovery_is_rate_times_value_less_all_costs(policy: Any) -> None:
    electronics = policy.base.categories["electronics"]
    # rate 0.52; handling 1.50 + freight 22 + customs 3 + 13% duty
    assert electronics.recovery("damaged", "return_to_origin", 200) == pytest.approx(
        0.52 * 200 - (1.5 + 22 + 3 + 0.13 * 200)
    )


@policies
@given(seed=seeds)
def test_expected_recovery_is_linear_in_the_posterior(policy: Any, random_posterior: Any, seed: int) -> None:
    rng = random.Random(seed)
    p, q, share = random_posterior(rng), random_posterior(rng), rng.random()
    mixed = {c: share * p[c] + (1 - share) * q[c] for c in CONDITIONS}
    economics = rng.choice(list(policy.base.categories.values()))
    for action in ACTIONS:
        of_p, of_q, of_mixed = (expected_recovery(economics, x, action, 75) for x in (p, q, mixed))
        assert of_mixed == pytest.approx(share * of_p + (1 - share) * of_q)


@policies
@given(seed=seeds)
def test_expected_recovery_lies_between_the_worst_and_the_best_case(
    policy: Any, random_posterior: Any, seed: int
) -> None:
    rng = random.Random(seed)
    economics, p = policy.base.categories["footwear"], random_posterior(rng)
    for action in ACTIONS:
        cases = [economics.recovery(c, action, 60) for c in CONDITIONS]
        assert min(cases) - 1e-9 <= expected_recovery(economics, p, action, 60) <= max(cases) + 1e-9


@policies
@given(seed=seeds)
def test_information_is_never_worth_less_than_nothing(
    make_policy: Any, random_changes: Any, random_posterior: Any, seed: int
) -> None:
    rng = random.Random(seed)
    economics = make_policy(random_changes(rng)).base.categories["electronics"]
    permitted = rng.sample(ACTIONS, rng.randint(1, 6))
    permitted_if = {c: rng.sample(ACTIONS, rng.randint(1, 6)) for c in CONDITIONS}
    worth = value_of_information(economics, random_posterior(rng), permitted, permitted_if, 100)
    assert worth >= 0


def test_information_is_worth_nothing_where_the_condition_is_certain(policy: Any) -> None:
    economics = policy.base.categories["electronics"]
    for condition in CONDITIONS:
        assert value_of_information(economics, {condition: 1.0}, ACTIONS, {condition: ACTIONS}, 100) == 0


def test_information_is_worth_nothing_where_one_action_is_best_in_every_condition(make_policy: Any) -> None:
    rates = {a: 0.9 if a == "clearance" else 0.1 for a in ACTIONS}
    made = make_policy({"categories": {"apparel": {"rates": dict.fromkeys(CONDITIONS, rates)}}})
    even = dict.fromkeys(CONDITIONS, 0.25)
    worth = value_of_information(made.base.categories["apparel"], even, ACTIONS, dict.fromkeys(CONDITIONS, ACTIONS), 50)
    assert worth == pytest.approx(0, abs=1e-9)


def test_information_is_worth_what_the_better_actions_would_have_added(policy: Any) -> None:
    economics = policy.base.categories["electronics"]
    half = {"opened": 0.5, "damaged": 0.5}
    # At $120: repackage 77.50 if opened, refurbish 25.20 if damaged; not knowing, repackage (77.50 + 3.10) / 2.
    worth = value_of_information(economics, half, ACTIONS, dict.fromkeys(half, ACTIONS), 120)
    assert worth == pytest.approx((77.5 + 25.2) / 2 - (77.5 + 3.1) / 2)


def test_of_two_actions_that_recover_the_same_the_gentler_one_is_taken(make_policy: Any) -> None:
    same = {a: dict.fromkeys(COST_PARTS, 1.0) for a in ACTIONS}
    rates = {c: dict.fromkeys(ACTIONS, 0.5) for c in CONDITIONS}
    made = make_policy({"categories": {"apparel": {"rates": rates, "costs": same}}})
    economics = made.base.categories["apparel"]
    assert best_action(economics, {"used": 1.0}, ["clearance", "destroy"], 10)[0] == "clearance"
