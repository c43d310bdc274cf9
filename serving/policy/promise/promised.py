"""What is promised of the items that go without a person, in money and in harm, and which items it frees.

The promise is worked out from the table in the bundle (posteriors of looks that nothing was fitted on, with votes) and
the policy in force: on every look of the table, the policy takes the action that it would take on an item like it, and
the votes say what that cost. An item goes without a person where its stake is at most that of looks whose mean loss,
and whose share sold as better than they are, are proven to stay within the policy's limits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from regrade.models.category.economics import Economics
from regrade.models.errors import PolicyError
from regrade.models.promise.held_out import HeldOut
from regrade.models.promise.risk_control import Risk, by_group, opened, upper_bound
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.promise.looks import Looks, looks_of
from regrade.serving.policy.promise.stake import Stake
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.terms import Policy, economics_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

VALUES_A_DECADE: Final = 24
"""Promises are worked out for values 10% apart; an item's own value makes its own stake."""
REMEMBERED: Final = 128
"""Promises that are kept, of some 100 kB each with the largest table that ships."""
MORE: Final = (500, 2000, 5000)
"""Looks beyond those there are, of which is told what they would free."""

Way = Literal["as_it_is", "all"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a policy promises of items of one category and value: `loss` an item in the policy's currency, `harm` the
    share sold as better than they are (None: nothing is promised of it), both with confidence 1 − `delta`."""

    loss: float
    harm: float | None
    delta: float


@dataclass(frozen=True)
class Promised:
    """What is promised of items of a category, worth about `value`, and what it rests on.

    An item goes without a person up to `threshold`, a multiple of its limits: see `score`. It is None where nothing is
    proven. `way` says of which items: of all, or of those alone that are sold as what they are. `share` is the share
    of the table's looks that go, groups counting once; `loss` and `harm` are their means, `loss_bound` and
    `harm_bound` what these are proven to stay below. `passed` is the number of groups that go.
    """

    category: str
    value: float
    limits: Limits
    looks: Looks
    way: Way
    threshold: float | None

    def frees(self, stake: Stake, limits: Limits) -> bool:
        """Whether an item with this stake, whose own value makes `limits`, goes without a person."""
        if self.threshold is None or (self.way == "as_it_is" and stake.harm > 0):
            return False
        if ACTIONS.index(stake.action) not in self.looks.in_play:
            return False
        return bool(score(stake.worth, stake.harm, limits) <= self.threshold)

    def lets_through(self, looks: Looks) -> Bools:
        """Which of other `looks`, at the same value, go without a person (n,)."""
        if self.threshold is None:
            return np.zeros(len(looks.table), dtype=np.bool_)
        in_play = np.isin(looks.action, sorted(self.looks.in_play))
        return in_play & _candidates(looks, self.way) & (_scores(looks, self.limits) <= self.threshold)

    @cached_property
    def through(self) -> Bools:
        """Which looks of the table go (n,)."""
        return self.lets_through(self.looks)

    @cached_property
    def _each(self) -> Floats:
        """What each look counts for, groups counting once."""
        groups = self.looks.table.groups
        return self.looks.weights / np.bincount(groups)[groups] if len(groups) else self.looks.weights

    @property
    def groups(self) -> int:
        return len(np.unique(self.looks.table.groups))

    @property
    def passed(self) -> int:
        return len(np.unique(self.looks.table.groups[self.through]))

    @property
    def share(self) -> float:
        total = float(self._each.sum())
        return float(self._each[self.through].sum()) / total if total else 0.0

    def _mean(self, values: Floats) -> float | None:
        weight = float(self._each[self.through].sum())
        return float(self._each[self.through] @ values[self.through]) / weight if weight else None

    @property
    def loss(self) -> float | None:
        return self._mean(self.looks.loss)

    @property
    def harm(self) -> float | None:
        return self._mean(self.looks.better)

    @property
    def loss_bound(self) -> float | None:
        return None if self.threshold is None else self._bound(self.looks.loss, self.looks.most)

    @property
    def harm_bound(self) -> float | None:
        return (
            None if self.threshold is None else 0.0 if self.way == "as_it_is" else self._bound(self.looks.better, 1.0)
        )

    def _bound(self, values: Floats, most: float) -> float:
        groups, through = self.looks.table.groups, self.through
        there = np.unique(groups[through])
        values, weights = (
            by_group(np.where(through, one, 0.0), groups)[there]
            for one in (values * self.looks.weights, self.looks.weights)
        )
        means = np.divide(values, weights, out=np.zeros_like(values), where=weights > 0)
        return upper_bound(means, weights, most, self.limits.delta / len(_ways(self.limits)))

    @cached_property
    def share_by_loss_alone(self) -> float:
        """What share would go if nothing were promised of what items are sold as."""
        limits = replace(self.limits, harm=None)
        way, threshold = _opened(self.looks, limits)
        return replace(self, limits=limits, way=way, threshold=threshold).share

    @cached_property
    def with_more(self) -> Mapping[int, float]:
        """What share would go with so many looks more, were they all like those there are."""
        return {looks: self._with(looks) for looks in MORE}

    def _with(self, looks: int) -> float:
        there = len(self.looks.table)
        if not there:
            return 0.0
        way, threshold = _opened(self.looks, self.limits, 1.0 + looks / there)
        return replace(self, way=way, threshold=threshold).share


def score(worth: float | Floats, harm: float | Floats, limits: Limits) -> float | Floats:
    """What is at stake, as a multiple of the limits: of the loss or, where that is more, of the harm."""
    of_loss = worth / limits.loss if limits.loss > 0 else np.where(np.asarray(worth) > 0, np.inf, 0.0)
    if limits.harm is None:
        return of_loss
    return np.maximum(of_loss, harm / limits.harm)


def limits_of(terms: Terms, economics: Economics, value: float) -> Limits:
    """What `terms` promise of an item of `value`."""
    promise = terms.promise
    review = terms.review_cost(economics)
    return Limits(review if promise.loss is None else promise.loss.at(value), promise.better_than_it_is, promise.delta)


def promised(policy: Policy, category: str, seller: str | None, value: float | None = None) -> Promised | None:
    """What is promised of items of `category` by this seller, worth about `value` (None: what the category's usually
    are), in the policy's currency; None where the policy promises no money or no bundle carries a table.

    Raises `PolicyError` for a value that is negative or no number.
    """
    terms, table = policy.terms(seller), policy.held_out.get(category)
    if terms.promise.kind != "money" or table is None:
        return None
    economics, own = economics_of(terms, category)
    if not own:
        return None
    value = economics.default_value if value is None else value
    if not math.isfinite(value) or value < 0:
        raise PolicyError(f"A value must be a number of 0 or more, not {value}.")
    step = round(math.log10(value / economics.default_value) * VALUES_A_DECADE) if value > 0 else None
    # Whose terms are the base's has the base's promise, save where rules ask for the seller by name.
    key = (category, seller if seller in policy.sellers or _named(terms, seller) else None, step)
    found: Promised | None = policy.worked_out.get(key)
    if found is None:
        near = 0.0 if step is None else economics.default_value * 10 ** (step / VALUES_A_DECADE)
        found = work_out(terms, economics, category, near, table, seller)
        if len(policy.worked_out) >= REMEMBERED:
            policy.worked_out.clear()
        policy.worked_out[key] = found
    return found


def work_out(
    terms: Terms, economics: Economics, category: str, value: float, table: HeldOut, seller: str | None = None
) -> Promised:
    """The promise for one category and value, from its table."""
    looks = looks_of(terms, economics, category, value, table, seller)
    limits = limits_of(terms, economics, value)
    way, threshold = _opened(looks, limits)
    return Promised(category, value, limits, looks, way, threshold)


def _ways(limits: Limits) -> tuple[Way, ...]:
    """The ways that are tried; without a limit on harm, what is sold as what it is is no case of its own."""
    return ("all",) if limits.harm is None else ("as_it_is", "all")


def _opened(looks: Looks, limits: Limits, times: float = 1.0) -> tuple[Way, float | None]:
    """How far the threshold may be opened, along two ways, each at half of δ (Bonferroni): for those items alone that
    are sold as what they are, of which harm is no question, or for all. The way that lets more through is taken."""
    ways = _ways(limits)
    risks = {"as_it_is": [Risk(looks.loss, looks.most, limits.loss, looks.worth)]}
    harm = [] if limits.harm is None else [Risk(looks.better, 1.0, limits.harm, looks.harm)]
    risks["all"] = [*risks["as_it_is"], *harm]
    scores = _scores(looks, limits)
    best: tuple[Way, float | None] = ("all", None)
    most = 0
    for way in ways:
        candidates = _candidates(looks, way)
        found = opened(
            scores, candidates, risks[way], looks.weights, looks.table.groups, limits.delta / len(ways), times=times
        )
        count = 0 if found is None else int((candidates & (scores <= found)).sum())
        if count > most:
            best, most = (way, found), count
    return best


def _scores(looks: Looks, limits: Limits) -> Floats:
    return np.asarray(score(looks.worth, looks.harm, limits), dtype=np.float64)


def _candidates(looks: Looks, way: Way) -> Bools:
    return looks.alone & (looks.harm == 0) if way == "as_it_is" else looks.alone


def _named(terms: Terms, seller: str | None) -> bool:
    rules = [*terms.never, *terms.require_review]
    return seller is not None and any(seller in (rule.when.seller_in or ()) for rule in rules)
