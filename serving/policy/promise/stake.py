"""What is at stake when an action is taken on an item whose condition is not known for sure."""

from collections.abc import Sequence
from dataclasses import dataclass

from regrade.models.category.economics import USUALLY_SOLD_AS, Economics, SoldAs, better_than_it_is
from regrade.models.types import CONDITIONS
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.rules import Case, closed_actions, if_known
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.value import value_of_information


@dataclass(frozen=True, slots=True)
class Stake:
    """`regret` is what `action` brings in less than the best action for it, by true condition, in the order of
    `CONDITIONS`, never negative, in the policy's currency. `better` is whether the item is then sold as better than it
    is, by true condition. `worth` is the expected regret: what knowing the condition is worth. `harm` is the
    probability that the item is sold as better than it is."""

    action: str
    regret: tuple[float, ...]
    better: tuple[bool, ...]
    worth: float
    harm: float


def stake_of(terms: Terms, economics: Economics, case: Case, ranked: Sequence[str]) -> Stake:
    """What is at stake with the first of `ranked`, the permitted actions by what they are expected to recover."""
    action = ranked[0]
    sold_as = sold_as_of(terms, economics, action)
    better = tuple(better_than_it_is(sold_as, c) for c in CONDITIONS)
    regret, open_if = [], {}
    for condition in CONDITIONS:
        closed = closed_actions(terms, if_known(case, condition))
        open_if[condition] = {*ranked, *(a for a in ACTIONS if a not in closed)}
        best = max(economics.recovery(condition, a, case.value) for a in open_if[condition])
        regret.append(best - economics.recovery(condition, action, case.value))
    return Stake(
        action,
        tuple(regret),
        better,
        value_of_information(economics, case.posterior, ranked, open_if, case.value),
        sum(case.posterior.get(c, 0.0) for c, worse in zip(CONDITIONS, better, strict=True) if worse),
    )


def sold_as_of(terms: Terms, economics: Economics, action: str) -> SoldAs:
    """As what an item of a category is sold after `action`."""
    for said in (economics.sold_as, terms.promise.sold_as, USUALLY_SOLD_AS):
        if (found := said.of(action)) is not None:
            return found
    raise ValueError(f"nothing says as what an item is sold after {action}")
