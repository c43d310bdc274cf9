"""A candidate beside the active bundle, in figures, and what is shown of it so far.

Both are asked what the policy in force would do with an item of the category's usual value, as promises are: money then
means the same for every item, and has a bound. What an action loses against the condition that people settled on is its
regret (`policy.promise`); losses beyond the highest of any action that can be the best count as that.

Figures are of all items that people decided on. Claims rest on blind looks alone: a reviewer who has seen what the
active bundle said is drawn to it, which flatters that one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Estimate, Resamples
from regrade.models.promise.betting import below, more_below
from regrade.models.promise.held_out import HeldOut
from regrade.models.types import CONDITIONS
from regrade.serving.candidates.pairs import Opinion, Pair
from regrade.serving.policy.promise.looks import Looks, looks_of
from regrade.serving.policy.promise.promised import limits_of
from regrade.serving.policy.terms import Policy, economics_of

Floats = NDArray[np.float64]
Told = tuple[str | None, Opinion, str | None]
"""A seller, what a bundle says of an item, and what people settled on."""
What = Literal["money", "harm"]
Part = Literal["all", "week", "station", "seller"]

PARTS: Final[tuple[Part, ...]] = ("all", "week", "station", "seller")
MONEY_MARGIN: Final = 0.5
"""What an item may lose more by a candidate that is called no worse, as a share of what a promise allows it to lose."""
HARM_MARGIN: Final = 1.0
"""The same, of the share of items that are sold as better than they are."""
RESAMPLES: Final = 500
LEAST: Final = 1e-6
"""Below which no probability counts for the log loss."""


@dataclass(frozen=True, slots=True)
class Sided:
    """A figure of the active bundle and of the candidate, and their difference (candidate less active), each with its
    95% interval over items."""

    active: Estimate
    candidate: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Figures:
    """Of `items` that both judged, `decided` by people, `blind` of them blind. `agreement` is the share of decided
    items whose condition was told right; `loss` what an item lost by the suggested action, in the policy's currency;
    `harm` the share that the action sells as better than it is; `log_loss` in nats; all of decided items. `coverage` is
    the share of all items that go without a person. None where there is none to tell it by."""

    part: str | None
    items: int
    decided: int
    blind: int
    agreement: Sided | None
    loss: Sided | None
    harm: Sided | None
    log_loss: Sided | None
    coverage: Sided | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether it is shown that the candidate is no worse by more than `margin`: `capital` is that of the bet on it, of
    the 1 / δ that it takes. `shown` once it ever was; `more` are the looks that it takes yet, were they like those so
    far, None where they would never show it, or where there are none."""

    what: What
    looks: int
    margin: float
    mean: float
    capital: float
    shown: bool
    more: int | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What the two bundles' actions lose (n,), and whether they sell the item as better than it is (n,)."""

    active: Floats
    candidate: Floats
    active_harm: Floats
    candidate_harm: Floats
    most: float


def figures(policy: Policy, category: str, pairs: Sequence[Pair], part: Part = "all") -> list[Figures]:
    """The figures of all `pairs` (one row), or by part, in the order of the parts' names."""
    groups: defaultdict[str | None, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[None if part == "all" else getattr(pair, part)].append(pair)
    return [_figures(policy, category, name, groups[name]) for name in sorted(groups, key=lambda name: name or "")]


def claims(policy: Policy, category: str, pairs: Sequence[Pair], delta: float) -> tuple[Claim, ...]:
    """What blind looks show, in the order in which they were: of money, and of harm where the policy promises anything
    of it. Both must be shown at 1 − `delta`, which so holds for both together (Berger 1982, intersection-union).

    Each look is one of an item that the lot drew. Asked again after every look, it is wrong no more often than `delta`
    in all (`models.promise.betting`), for one candidate.
    """
    looks = [pair for pair in pairs if pair.truth is not None and pair.blind]
    economics, _ = economics_of(policy.base, category)
    limits = limits_of(policy.base, economics, economics.default_value)
    costs = costs_of(policy, category, looks)
    money = MONEY_MARGIN * limits.loss
    found = [_claim("money", costs.candidate - costs.active, money, costs.most, delta)]
    if limits.harm is not None:
        found.append(_claim("harm", costs.candidate_harm - costs.active_harm, HARM_MARGIN * limits.harm, 1.0, delta))
    return tuple(found)


def no_worse(found: Sequence[Claim]) -> bool:
    """Whether all of it is shown."""
    return all(claim.shown for claim in found)


def costs_of(policy: Policy, category: str, pairs: Sequence[Pair]) -> Costs:
    """What the bundles' actions on decided items lose."""
    active, active_harm, most = losses(policy, category, [(p.seller, p.active, p.truth) for p in pairs])
    candidate, candidate_harm, _ = losses(policy, category, [(p.seller, p.candidate, p.truth) for p in pairs])
    return Costs(active, candidate, active_harm, candidate_harm, most)


def most_of(looks: Looks) -> float:
    """The highest regret of an action that no other one beats under every condition."""
    regrets = looks.regrets
    beaten = [
        any(
            (regrets[:, other] <= regrets[:, one]).all() and (regrets[:, other] < regrets[:, one]).any()
            for other in range(regrets.shape[1])
        )
        for one in range(regrets.shape[1])
    ]
    return float(regrets[:, ~np.array(beaten)].max())


def losses(policy: Policy, category: str, told: Sequence[Told]) -> tuple[Floats, Floats, float]:
    """What the policy's action on each opinion loses against the truth (n,), whether it sells the item as better than
    it is (n,), and the most that can be lost."""
    loss, harm, most = np.zeros(len(told)), np.zeros(len(told)), 0.0
    by_seller: defaultdict[str | None, list[int]] = defaultdict(list)
    for at, (seller, _, _) in enumerate(told):
        by_seller[seller if seller in policy.sellers else None].append(at)
    for seller, places in {None: [], **by_seller}.items():
        terms = policy.terms(seller)
        economics, _ = economics_of(terms, category)
        table = _table([told[at] for at in places])
        looks = looks_of(terms, economics, category, economics.default_value, table, seller)
        most = max(most, most_of(looks))
        loss[places], harm[places] = looks.loss, looks.better
    return np.minimum(loss, most), harm, most


def _table(told: Sequence[Told]) -> HeldOut:
    p = np.array([[one.probabilities.get(c, 0.0) for c in CONDITIONS] for _, one, _ in told]).reshape(
        -1, len(CONDITIONS)
    )
    total = p.sum(axis=1, keepdims=True)
    p = np.divide(p, total, out=np.full_like(p, 1 / len(CONDITIONS)), where=total > 0)
    votes = np.array([[float(c == truth) for c in CONDITIONS] for _, _, truth in told]).reshape(-1, len(CONDITIONS))
    return HeldOut("", CONDITIONS, p, votes, np.arange(len(told)), tuple(one.defects for _, one, _ in told), blind=True)


def _claim(what: What, difference: Floats, margin: float, most: float, delta: float) -> Claim:
    mean = float(difference.mean()) if len(difference) else 0.0
    if not 0 < margin < most:  # nothing can be lost, or nothing is allowed: there is no bet to make
        return Claim(what, len(difference), margin, mean, 0.0, margin >= most, None)
    path = below(difference - margin, most - margin)
    more = more_below(difference - margin, most - margin, delta)
    capital = float(np.exp(min(path[-1], 700.0))) if len(path) else 1.0
    return Claim(what, len(path), margin, mean, capital, more == 0, more)


def _figures(policy: Policy, category: str, name: str | None, pairs: Sequence[Pair]) -> Figures:
    coverage = _sided([float(p.active.alone) for p in pairs], [float(p.candidate.alone) for p in pairs])
    decided = [pair for pair in pairs if pair.truth is not None]
    truths = [pair.truth for pair in decided]
    active, candidate = [pair.active for pair in decided], [pair.candidate for pair in decided]
    costs = costs_of(policy, category, decided)
    return Figures(
        part=name,
        items=len(pairs),
        decided=len(decided),
        blind=sum(pair.blind for pair in decided),
        agreement=_sided(_right(active, truths), _right(candidate, truths)),
        loss=_sided(costs.active, costs.candidate),
        harm=_sided(costs.active_harm, costs.candidate_harm),
        log_loss=_sided(_nats(active, truths), _nats(candidate, truths)),
        coverage=coverage,
    )


def _right(opinions: Sequence[Opinion], truths: Sequence[str | None]) -> list[float]:
    return [float(one.condition == truth) for one, truth in zip(opinions, truths, strict=True)]


def _nats(opinions: Sequence[Opinion], truths: Sequence[str | None]) -> list[float]:
    told = (one.probabilities.get(truth or "", 0.0) for one, truth in zip(opinions, truths, strict=True))
    return [float(-np.log(max(p, LEAST))) for p in told]


def _sided(active: Sequence[float] | Floats, candidate: Sequence[float] | Floats) -> Sided | None:
    one, other = np.asarray(active, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    if not len(one):
        return None
    samples = Resamples.of([str(at) for at in range(len(one))], resamples=RESAMPLES)
    return Sided(samples.ratio(one), samples.ratio(other), samples.ratio(other - one))
