"""A promise is called broken when blind looks show it, and not before."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from regrade.models.promise.held_out import HeldOut
from regrade.models.types import CONDITIONS
from regrade.serving.candidates.broken import Watched, watched
from regrade.serving.policy.load import Policy

pytestmark = pytest.mark.slow

VERSION = "2026.11.6"


def proven(policy: Policy, n: int = 1500) -> Policy:
    """The policy with a table of garments that are opened and told so: what is promised in money is proven of them."""
    opened = CONDITIONS.index("opened")
    luck = np.random.default_rng(0)
    p = np.full((n, len(CONDITIONS)), 0.01) + luck.random((n, len(CONDITIONS))) * 1e-4
    p[:, opened] = 0.97
    p /= p.sum(axis=1, keepdims=True)
    votes = np.tile(np.eye(len(CONDITIONS))[opened], (n, 1))
    table = HeldOut(VERSION, CONDITIONS, p, votes, np.arange(n), (frozenset(),) * n)
    return replace(policy, held_out={"apparel": table}, worked_out={})


@pytest.fixture
def graded(service: Any, photo: bytes) -> Any:
    """A service with one item in it."""
    assert service.post([photo], {"rma": "1", "category": "apparel"}).status_code == 201
    return service


def found(service: Any, policy: Policy, version: str = VERSION) -> dict[str, Watched]:
    looks = service.runtime.desk.looks(since=datetime(2026, 1, 1, tzinfo=UTC))
    every = watched(policy, service.runtime.database, "apparel", version, looks)
    return {one.what: one for one in every}


def test_in_money_and_in_harm_where_that_is_proven(graded: Any, put_judged: Any) -> None:
    policy = proven(graded.runtime.policy)
    put_judged(graded, 200, VERSION, None, "opened", "opened", category="apparel")
    kept = found(graded, policy)
    assert {what: (one.looks, one.mean, one.broken) for what, one in kept.items()} == {
        "money": (200, 0.0, False),
        "harm": (200, 0.0, False),
    }
    assert (kept["money"].limit, kept["harm"].limit, kept["harm"].needed) == (pytest.approx(0.85), 0.01, 20.0)
    put_judged(graded, 20, VERSION, None, "opened", "used", category="apparel")
    then = found(graded, policy)
    assert then["harm"].mean == pytest.approx(20 / 220)
    assert (then["harm"].broken, then["money"].broken) == (True, False)  # a used one sold as opened loses 0.60


def test_by_the_condition_where_it_is_not(graded: Any, put_judged: Any) -> None:
    policy = graded.runtime.policy
    put_judged(graded, 100, VERSION, None, "opened", "opened", category="apparel")
    (one,) = found(graded, policy).values()
    assert (one.what, one.limit, one.broken) == ("condition", 0.05, False)
    put_judged(graded, 30, VERSION, None, "opened", "used", category="apparel")
    (one,) = found(graded, policy).values()
    assert (one.broken, one.mean) == (True, pytest.approx(30 / 130))


def test_what_another_version_has_graded_counts_for_nothing(graded: Any, put_judged: Any) -> None:
    put_judged(graded, 40, "2026.11.5", None, "opened", "used", category="apparel")
    assert found(graded, graded.runtime.policy) == {}
    assert [one.looks for one in found(graded, proven(graded.runtime.policy)).values()] == [0, 0]
