"""A promise in figures, for people and for programs."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from regrade.serving.policy.promise.promised import Promised, limits_of, promised
from regrade.serving.policy.schema import Terms
from regrade.serving.policy.terms import Policy, economics_of


@dataclass(frozen=True, slots=True)
class Told:
    """What is promised of items of a category that are worth `value`, in `currency`.

    `share` is the share of items that go without a person, among the looks of the table; `loss` (an item) and `harm`
    (the share sold as better than they are) what was found of those, `loss_bound` and `harm_bound` what is proven,
    `loss_limit` and `harm_limit` what is promised. `share_by_loss_alone` is what share would go if nothing were
    promised of harm. `more` is what share would go with so many looks more, all like those there are. `words` says it
    in a sentence. `promised` is None where nothing can be promised in money: then all figures are empty.
    """

    category: str
    value: float
    currency: str
    words: str
    promised: bool | None = None
    version: str = ""
    origin: str = ""
    blind: bool = False
    looks: int = 0
    groups: int = 0
    passed: int = 0
    share: float = 0.0
    as_it_is_alone: bool = False
    delta: float = 0.0
    loss_limit: float | None = None
    loss: float | None = None
    loss_bound: float | None = None
    harm_limit: float | None = None
    harm: float | None = None
    harm_bound: float | None = None
    threshold: float | None = None
    share_by_loss_alone: float | None = None
    more: dict[int, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def told(policy: Policy, category: str, seller: str | None = None, value: float | None = None) -> Told:
    """What `policy` promises; arguments and errors as of `promised`."""
    terms = policy.terms(seller)
    economics, own = economics_of(terms, category)
    worth = economics.default_value if value is None else value
    found = promised(policy, category, seller, value)
    if found is None:
        why = (
            "the policy promises the condition, as far as the bundle does"
            if terms.promise.kind != "money"
            else "the policy has no figures for it"
            if not own
            else "its bundle carries no table of looks; it promises the condition, as far as it does"
        )
        return Told(category, worth, policy.currency, f"nothing is promised in money: {why}.")
    limits = limits_of(terms, economics, worth)
    return replace(told_of(terms, policy.currency, found), value=worth, loss_limit=limits.loss)


def told_of(terms: Terms, currency: str, found: Promised) -> Told:
    """A promise that was worked out, in figures."""
    table, limits = found.looks.table, found.limits
    return Told(
        category=found.category,
        value=found.value,
        currency=currency,
        words=_words(found, terms.promise.where_unproven),
        promised=found.threshold is not None,
        version=table.version,
        origin=table.origin,
        blind=table.blind,
        looks=len(table),
        groups=found.groups,
        passed=found.passed,
        share=found.share,
        as_it_is_alone=found.way == "as_it_is",
        delta=limits.delta,
        loss_limit=limits.loss,
        loss=found.loss,
        loss_bound=found.loss_bound,
        harm_limit=limits.harm,
        harm=found.harm,
        harm_bound=found.harm_bound,
        threshold=found.threshold,
        share_by_loss_alone=found.share_by_loss_alone,
        more=dict(found.with_more),
    )


def _words(found: Promised, where_unproven: str) -> str:
    if found.threshold is None and where_unproven == "review":
        return "nothing is proven in money yet, so a person sees every item."
    if found.threshold is None:
        return "nothing is proven in money yet; what the bundle promises of the condition holds meanwhile."
    of = " that are sold as what they are" if found.way == "as_it_is" else ""
    return f"{found.share:.0%} of items go without a person{', those' + of if of else ''}."
