"""A category's block of the policy: what its items are worth, and what may be done with them."""

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from regrade.models.category.economics import COST_PARTS, Action, ActionCosts, Cost, Rate, SoldAsPart
from regrade.models.category.fields import Amount, AsTuple, Condition, Model, Probability, Worth, inconsistent
from regrade.models.category.rules import NeverRule, ReviewRule, Rule

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_AMOUNTS = ("default_value", "review_cost")


class CategoryPolicy(Model):
    """What a policy assumes of the category until a site's or a seller's own figures say otherwise.

    All amounts are in `currency`; an amount may also be written `{amount: 3, currency: EUR}`. Whatever is left out is
    taken from the economics of `other` in the policy: a condition's rate of an action, the whole costs of an action.
    Rules are added to those of the policy, and are about this category alone.
    """

    currency: Currency = "USD"
    default_value: Worth | None = None
    review_cost: Amount | None = None
    min_confidence: Probability | None = None
    sold_as: SoldAsPart | None = None
    rates: dict[Condition, dict[Action, Rate]] = Field(default_factory=dict)
    costs: dict[Action, ActionCosts] = Field(default_factory=dict)
    never: Annotated[tuple[NeverRule, ...], AsTuple] = ()
    require_review: Annotated[tuple[ReviewRule, ...], AsTuple] = ()

    @model_validator(mode="before")
    @classmethod
    def _plain_amounts(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for field in _AMOUNTS:
            written = data.get(field)
            if isinstance(written, dict) and set(written) == {"amount", "currency"}:
                if data.setdefault("currency", written["currency"]) != written["currency"]:
                    raise inconsistent(
                        f"policy.{field}: is in {written['currency']}, other amounts of the block are in "
                        f"{data['currency']}; use one currency"
                    )
                data[field] = written["amount"]
        return data

    @model_validator(mode="after")
    def _rules_of_its_own(self) -> Self:
        rules: tuple[tuple[str, tuple[Rule, ...]], ...] = (
            ("never", self.never),
            ("require_review", self.require_review),
        )
        for field, listed in rules:
            for index, rule in enumerate(listed):
                if rule.when.category_in is not None:
                    raise inconsistent(
                        f"policy.{field}[{index}].when.category_in: remove it; a rule here is about this category alone"
                    )
        return self

    def block(self, rate: float = 1.0) -> dict[str, Any]:
        """What is written of `Economics`, as a policy file would say it, its amounts times `rate`."""
        written: dict[str, Any] = {
            "default_value": None if self.default_value is None else self.default_value * rate,
            "review_cost": None if self.review_cost is None else self.review_cost * rate,
            "min_confidence": self.min_confidence,
            "sold_as": None if self.sold_as is None else self.sold_as.model_dump(exclude_none=True),
            "rates": {condition: dict(rates) for condition, rates in self.rates.items()},
            "costs": {action: _costs(costs, rate) for action, costs in self.costs.items()},
        }
        return {key: value for key, value in written.items() if value is not None}

    def rules(self, category: str, rate: float = 1.0) -> dict[str, list[dict[str, Any]]]:
        """Its rules as a policy file would say them, about `category` alone, their values times `rate`."""
        return {
            "never": [_rule(rule, category, rate) for rule in self.never],
            "require_review": [_rule(rule, category, rate) for rule in self.require_review],
        }


def _costs(costs: ActionCosts, rate: float) -> dict[str, Any]:
    return {name: _cost(costs.part(name), rate) for name in COST_PARTS if name in costs.model_fields_set}


def _cost(cost: Cost, rate: float) -> Any:
    """A number where only that is written, so that a share laid over it takes its place."""
    if "share" not in cost.model_fields_set:
        return cost.fixed * rate
    return (
        {"fixed": cost.fixed * rate, "share": cost.share} if "fixed" in cost.model_fields_set else {"share": cost.share}
    )


def _rule(rule: Rule, category: str, rate: float) -> dict[str, Any]:
    written = rule.model_dump(exclude_unset=True, by_alias=True)
    when = dict(written.get("when") or {})
    for bound in ("value_below", "value_above"):
        if when.get(bound) is not None:
            when[bound] *= rate
    return {**written, "when": {**when, "category_in": [category]}}
