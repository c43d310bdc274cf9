"""That the rules of a policy always leave something to do with an item."""

from collections.abc import Iterator
from itertools import pairwise

from regrade.models.category.rules import NeverRule
from regrade.models.errors import PolicyError
from regrade.serving.base.dispositions import ACTIONS
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.terms import Policy


def refuse_dead_ends(policy: Policy, name: str) -> None:
    """Raise `PolicyError` if, for some seller, category and value, every action may be ruled out at once.

    Conditions, SKUs and defects are taken as if they could all hold together: an item may be of any.
    """
    named = set(policy.sellers) | {
        seller for terms in _all_terms(policy) for rule in terms.never for seller in rule.when.seller_in or ()
    }
    for seller in (None, *sorted(named)):
        terms = policy.terms(seller)
        for category in terms.categories:
            for value in _values(terms):
                if not _open(terms, seller, category, value):
                    whose = f"seller {seller!r}" if seller else "sellers without terms of their own"
                    raise PolicyError(
                        f"The policy {name} can leave nothing to do with an item: for {whose}, category "
                        f"{category!r} and a value of {value:g} {policy.currency}, `never` rules out every "
                        "action. Leave one action free of rules there."
                    )


def _all_terms(policy: Policy) -> Iterator[Terms]:
    yield policy.base
    yield from policy.sellers.values()


def _values(terms: Terms) -> list[float]:
    """A value within every interval on which the rules agree, and the borders."""
    borders = sorted({b for r in terms.never for b in (r.when.value_below, r.when.value_above) if b is not None})
    points = [0.0, *borders]
    between = [(a + b) / 2 for a, b in pairwise(points)]
    return sorted({*points, *between, points[-1] + 1.0})


def _open(terms: Terms, seller: str | None, category: str, value: float) -> list[str]:
    closed = {rule.action for rule in terms.never if _may_apply(rule, seller, category, value)}
    return [action for action in ACTIONS if action not in closed]


def _may_apply(rule: NeverRule, seller: str | None, category: str, value: float) -> bool:
    when = rule.when
    return (
        (when.category_in is None or category in when.category_in)
        and (when.seller_in is None or seller in when.seller_in)
        and (when.value_below is None or value < when.value_below)
        and (when.value_above is None or value > when.value_above)
    )
