"""What a policy would do with every look of a table, all at once, and what that costs by the votes on it.

The same as `decide` and `stake_of` do with one item, in arrays: a table has hundreds of looks, and every price that is
changed, and every value that is declared, asks for them anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.category.economics import Economics, better_than_it_is
from regrade.models.category.rules import When
from regrade.models.promise.held_out import HeldOut
from regrade.models.promise.prior_shift import weights_of
from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.promise.stake import sold_as_of
from regrade.serving.policy.rules import Case, applies
from regrade.serving.policy.schema import Terms

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

DESTROY: Final = ACTIONS.index("destroy")
RELIST: Final = ACTIONS.index("relist")


@dataclass(frozen=True, eq=False)
class Looks:
    """What the policy would do with every look of a table at one value, and what that costs by the votes on it.

    `action` (n,) are indices in `ACTIONS`. `worth` and `harm` are as of `Stake`, `loss` and `better` the same by votes;
    float64 (n,). `alone` (n,) says which looks no rule keeps from going without a person. `regrets` (k, 6) is what each
    action loses by condition at the most, whatever rules leave open. `weights` (n,) is what each look counts for.
    """

    table: HeldOut
    action: Ints
    worth: Floats
    harm: Floats
    loss: Floats
    better: Floats
    alone: Bools
    regrets: Floats
    weights: Floats

    @property
    def in_play(self) -> frozenset[int]:
        """The actions that are taken on looks that may go without a person: no promise speaks of another."""
        return frozenset(int(a) for a in np.unique(self.action[self.alone]))

    @property
    def most(self) -> float:
        """The highest loss that there can be with an action that is in play."""
        return float(self.regrets[:, sorted(self.in_play)].max()) if self.in_play else 0.0


@dataclass(frozen=True, eq=False)
class _Cases:
    """Items of one category and value: `posterior` (n, 4) over `CONDITIONS`, and the types of defects on each."""

    category: str
    value: float
    seller: str | None
    posterior: Floats
    defects: Sequence[frozenset[str]]

    def known(self, condition: int) -> "_Cases":
        """The same items, once their condition is known."""
        return replace(self, posterior=np.tile(np.eye(len(CONDITIONS))[condition], (len(self.posterior), 1)))

    def applies(self, when: When) -> Bools:
        """To which a rule applies (n,): as `rules.applies`."""
        alike = when.model_copy(update={"condition_in": None, "defect_in": None})
        n = len(self.posterior)
        if not applies(alike, Case(self.category, self.value, {}, self.seller)):
            return np.zeros(n, dtype=np.bool_)
        found = np.ones(n, dtype=np.bool_)
        if when.defect_in is not None:
            found &= np.array([not kinds.isdisjoint(when.defect_in) for kinds in self.defects], dtype=np.bool_)
        if when.condition_in is not None:
            asked = [CONDITIONS.index(c) for c in set(when.condition_in)]
            found &= self.posterior[:, asked].sum(axis=1) > when.probability_above
        return found

    def open(self, terms: Terms) -> Bools:
        """Which actions no rule closes (n, 6)."""
        found = np.ones((len(self.posterior), len(ACTIONS)), dtype=np.bool_)
        for rule in terms.never:
            found[self.applies(rule.when), ACTIONS.index(rule.action)] = False
        return found


def looks_of(
    terms: Terms, economics: Economics, category: str, value: float, table: HeldOut, seller: str | None = None
) -> Looks:
    """What the terms do with every look of `table`, were it of an item of `value`, and what that costs."""
    at = [CONDITIONS.index(label) for label in table.labels]
    votes, posterior = np.zeros((len(table), len(CONDITIONS))), np.zeros((len(table), len(CONDITIONS)))
    votes[:, at], posterior[:, at] = table.votes, table.probabilities
    cases = _Cases(category, value, seller, posterior, table.defects)
    recovery = np.array([[economics.recovery(c, a, value) for a in ACTIONS] for c in CONDITIONS])
    open_now = cases.open(terms)
    action = np.where(open_now, posterior @ recovery, -np.inf).argmax(axis=1)
    best = np.stack(
        [
            np.where(open_now | cases.known(k).open(terms), recovery[k], -np.inf).max(axis=1)
            for k in range(len(CONDITIONS))
        ],
        axis=1,
    )
    regret = best - recovery.T[action]
    sold = [sold_as_of(terms, economics, a) for a in ACTIONS]
    better = np.array([[better_than_it_is(as_, c) for c in CONDITIONS] for as_ in sold], dtype=np.float64)[action]
    shares = None if economics.shares is None else np.array([economics.share(x) for x in table.labels])
    return Looks(
        table=table,
        action=action,
        worth=np.maximum(0.0, (posterior * regret).sum(axis=1)),
        harm=(posterior * better).sum(axis=1),
        loss=np.maximum(0.0, (votes * regret).sum(axis=1)),
        better=(votes * better).sum(axis=1),
        alone=_alone(terms, economics, cases, action),
        regrets=recovery[at].max(axis=1, keepdims=True) - recovery[at],
        weights=np.ones(len(table)) if shares is None else weights_of(table.votes, table.shares, shares),
    )


def _alone(terms: Terms, economics: Economics, cases: _Cases, action: Ints) -> Bools:
    """Which no rule keeps from going without a person (n,): as `alone`."""
    posterior = cases.posterior
    needed = terms.auto_relist_min_probability
    found: Bools = action != DESTROY
    found &= (action != RELIST) | (np.zeros(len(action), bool) if needed is None else posterior[:, 0] >= needed)
    found &= posterior.max(axis=1, initial=0.0) >= (economics.min_confidence or 0.0)
    for rule in terms.require_review:
        mine = np.ones(len(action), dtype=np.bool_) if rule.action is None else action == ACTIONS.index(rule.action)
        found &= ~(mine & cases.applies(rule.when))
    return found
