"""Who may decide on an item: nobody needs to, the person at the bench who holds it, or the desk alone."""

from collections.abc import Sequence
from typing import Final, Literal

from regrade.models.category.economics import Economics
from regrade.serving.base.dispositions import Reason
from regrade.serving.policy.rules import Case
from regrade.serving.policy.schema import Terms

Who = Literal["nobody", "bench", "desk"]

DESK_ALONE: Final = frozenset({"rule", "category_unsure", "other_economics", "destroy_needs_human"})
"""Reasons for a review with which whoever holds the item does not settle it: a policy's author wants a second pair of
eyes, nobody has said what it is, there are no figures for it, or it is to be destroyed. Whether it is what was
declared, though the photos look like something else, they see best."""


def desk_alone(terms: Terms, value: float, currency: str, review: Sequence[Reason]) -> Reason | None:
    """Why the desk alone may decide on an item of `value`, in the policy's `currency`, that needs `review`; None where
    the bench may."""
    if terms.bench is None:
        return Reason("bench_closed")
    limit = terms.bench.value_up_to
    if limit is not None and value > limit:
        return Reason("bench_value", {"amount": value, "limit": limit, "currency": currency})
    return next((reason for reason in review if reason.code in DESK_ALONE), None)


def between(economics: Economics, case: Case, model: tuple[str, str], person: tuple[str, str]) -> float:
    """What lies between the model's word and the person's, each a condition and the action that it leads to: the more
    that is lost if the one who was not followed was right; in the policy's currency, never negative."""
    (said, action), (found, chosen) = model, person
    if_model = economics.recovery(said, action, case.value) - economics.recovery(said, chosen, case.value)
    if_person = economics.recovery(found, chosen, case.value) - economics.recovery(found, action, case.value)
    return max(0.0, if_model, if_person)
