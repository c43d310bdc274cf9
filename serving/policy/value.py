"""The arithmetic of a disposition: what an action recovers on average, and what knowing more is worth."""

from collections.abc import Collection, Mapping, Sequence

from regrade.models.category.economics import Economics

Posterior = Mapping[str, float]


def expected_recovery(economics: Economics, posterior: Posterior, action: str, value: float) -> float:
    """Mean net recovery of `action` over `posterior`, in the policy's currency: sum of p(c) r(c, action)."""
    return sum(p * economics.recovery(c, action, value) for c, p in posterior.items())


def best_action(economics: Economics, posterior: Posterior, actions: Sequence[str], value: float) -> tuple[str, float]:
    """The action of `actions` (not empty) with the highest expected recovery; the first of equal ones."""
    recoveries = [(action, expected_recovery(economics, posterior, action, value)) for action in actions]
    return max(recoveries, key=lambda pair: pair[1])


def value_of_information(
    economics: Economics,
    posterior: Posterior,
    permitted: Sequence[str],
    permitted_if: Mapping[str, Collection[str]],
    value: float,
) -> float:
    """The expected value of knowing the true condition before acting: never negative.

        sum over c of p(c) max over a of r(c, a)  -  max over a of sum over c of p(c) r(c, a)

    The expected value of perfect information (Raiffa & Schlaifer, Applied Statistical Decision Theory, 1961;
    Howard, Information Value Theory, 1966). It bounds what any review is worth, since reviewers err too:
    comparing it with the cost of a review sends rather too many items to a human than too few.

    `permitted` are the actions open now; `permitted_if[c]` those open once the condition is known to be `c`.
    Knowing may open an action (relist, once it is sure to be unopened). One that is open now is kept open in
    the comparison, so that a rule which closes it later does not make knowledge look harmful.
    """
    informed = sum(
        p * max(economics.recovery(c, a, value) for a in {*permitted, *permitted_if.get(c, ())})
        for c, p in posterior.items()
    )
    return max(0.0, informed - best_action(economics, posterior, permitted, value)[1])
