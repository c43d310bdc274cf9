"""The policy YAML as pydantic models: what may be written in one, and what it means.

All models refuse unknown fields and are strict: a number in quotes or `yes` for a number is an error, because
a mistyped rate moves money.
"""

import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

Action = Literal["relist", "repackage", "refurbish", "clearance", "return_to_origin", "destroy"]
Condition = Literal["unopened", "opened", "used", "damaged"]

COST_PARTS: tuple[str, ...] = ("handling", "parts", "freight", "customs", "duty", "fees")
"""What an action costs, broken out. Their sum is what counts."""

OTHER = "other"
"""The category whose economics stand in for one that the policy does not name."""

Probability = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]

NAME = r"^[a-z0-9][a-z0-9_.-]*$"
CURRENCY = r"^[A-Z]{3}$"
PATTERNS = {
    NAME: "lower-case letters, digits, dots, dashes and underscores, with a letter or digit first",
    CURRENCY: "three capital letters (ISO 4217), such as USD",
}
"""What the patterns ask, in words."""

Name = Annotated[str, StringConstraints(pattern=NAME, max_length=64)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Model(BaseModel):
    """Strict, frozen, and deaf to nothing: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _fixed(value: Any) -> Any:
    """A bare number is a fixed cost."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"fixed": value}
    return value


class Cost(Model):
    """A cost an item: `fixed` in the policy's currency plus `share` of the item's value."""

    fixed: Amount = 0.0
    share: Probability = 0.0

    def at(self, value: float) -> float:
        """The cost for an item of `value`, both in the policy's currency."""
        return self.fixed + self.share * value


CostPart = Annotated[Cost, BeforeValidator(_fixed)]


class ActionCosts(Model):
    """What one action costs, broken out; a part that is left out costs nothing."""

    handling: CostPart = Cost()
    parts: CostPart = Cost()
    freight: CostPart = Cost()
    customs: CostPart = Cost()
    duty: CostPart = Cost()
    fees: CostPart = Cost()

    def part(self, name: str) -> Cost:
        """The cost of one of `COST_PARTS`."""
        cost: Cost = getattr(self, name)
        return cost

    def at(self, value: float) -> float:
        """All parts together for an item of `value`."""
        return sum([fixed + share * value for fixed, share in self._charged])

    @cached_property
    def _charged(self) -> tuple[tuple[float, float], ...]:
        """Fixed amount and share of the parts that cost anything. Most do not, and an item's decision asks often."""
        parts = [self.part(name) for name in COST_PARTS]
        return tuple((part.fixed, part.share) for part in parts if part.fixed or part.share)


class Costs(Model):
    """The costs of every action."""

    relist: ActionCosts
    repackage: ActionCosts
    refurbish: ActionCosts
    clearance: ActionCosts
    return_to_origin: ActionCosts
    destroy: ActionCosts

    def of(self, action: str) -> ActionCosts:
        """The costs of one action."""
        costs: ActionCosts = getattr(self, action)
        return costs


Rate = Annotated[float, Field(ge=0, le=2)]


class Rates(Model):
    """What every action brings in, as a share of the item's value, for one condition."""

    relist: Rate
    repackage: Rate
    refurbish: Rate
    clearance: Rate
    return_to_origin: Rate
    destroy: Rate

    def of(self, action: str) -> float:
        """The rate of one action."""
        rate: float = getattr(self, action)
        return rate


class RatesByCondition(Model):
    """What every action brings in, for every condition."""

    unopened: Rates
    opened: Rates
    used: Rates
    damaged: Rates

    def of(self, condition: str) -> Rates:
        """The rates for one condition."""
        rates: Rates = getattr(self, condition)
        return rates


class Economics(Model):
    """The economics of a category.

    `default_value` is used when none is declared. `review_cost` replaces the policy's own. `min_confidence`
    raises, and never lowers, the confidence from which the model bundle lets items go without a human.
    """

    default_value: Annotated[float, Field(gt=0)]
    review_cost: Amount | None = None
    min_confidence: Probability | None = None
    rates: RatesByCondition
    costs: Costs

    def recovery(self, condition: str, action: str, value: float) -> float:
        """Net recovery of `action` on an item of `value` that truly is `condition`: rate x value - costs."""
        return self.rates.of(condition).of(action) * value - self.costs.of(action).at(value)


class Words(Model):
    """A sentence in the languages of the product; English is a must."""

    en: Text
    zh_cn: Text | None = Field(default=None, alias="zh-CN")


def _english(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


class When(Model):
    """When a rule applies: all that is written must hold. Nothing written: always.

    `condition_in` holds when the conditions named are, together, more likely than `probability_above`; so a
    posterior that leaves a 6% chance of `damaged` triggers a rule on `damaged` at the default of 5%.
    `value_below` and `value_above` are exclusive and in the policy's currency. `sku_in` takes shell patterns.
    `defect_in` holds when any such defect was found, at whatever score the detector reports.
    """

    condition_in: Annotated[list[Condition], Field(min_length=1)] | None = None
    probability_above: Annotated[float, Field(ge=0, lt=1)] = 0.05
    category_in: Annotated[list[Name], Field(min_length=1)] | None = None
    seller_in: Annotated[list[str], Field(min_length=1)] | None = None
    sku_in: Annotated[list[str], Field(min_length=1)] | None = None
    defect_in: Annotated[list[str], Field(min_length=1)] | None = None
    value_below: Annotated[float, Field(gt=0)] | None = None
    value_above: Amount | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.value_below is not None and self.value_above is not None and self.value_above >= self.value_below:
            raise ValueError("value_above must be less than value_below, or the rule can never apply")
        if "probability_above" in self.model_fields_set and self.condition_in is None:
            raise ValueError("probability_above belongs to condition_in, which is missing")
        return self


class Rule(Model):
    """When it applies, and why it stands: `because` is shown to people, as the end of a sentence."""

    when: When = When()
    because: Annotated[Words, BeforeValidator(_english)]


class NeverRule(Rule):
    """An action that must not be taken, whatever it would recover."""

    action: Action


class ReviewRule(Rule):
    """Items that a human must see; with `action`, only those for which that action is suggested."""

    action: Action | None = None


class Review(Model):
    """When a human must look.

    `cost` is that of one review in the policy's currency, unless a category has its own. Below
    `declared_category_min_confidence`, a declared category that is not the model's own guess counts as a
    mismatch; below `predicted_category_min_confidence`, a category that nobody declared counts as unsure.
    """

    cost: Amount
    declared_category_min_confidence: Probability
    predicted_category_min_confidence: Probability


class QualityControl(Model):
    """How many items are looked at blind, to know how good model and reviewers are.

    `sample_share` of the items that the model is sure of go to a reviewer who does not see its grade; `second_share`
    of the items that a reviewer has decided go to another one. Both are drawn by lot.
    """

    sample_share: Probability = 0.05
    second_share: Probability = 0.10


class Terms(Model):
    """What holds for one seller (or for those without terms of their own)."""

    review: Review
    quality_control: QualityControl = QualityControl()
    auto_relist_min_probability: Annotated[float, Field(ge=0.5, le=1)] | None = None
    never: list[NeverRule] = Field(default_factory=list)
    require_review: list[ReviewRule] = Field(default_factory=list)
    categories: dict[Name, Economics]

    @model_validator(mode="after")
    def _has_other(self) -> Self:
        if OTHER not in self.categories:
            raise ValueError(
                f"categories must hold {OTHER!r}: the economics of a category that the policy does not name"
            )
        return self


class Fx(Model):
    """Exchange rates: one unit of a currency in the policy's currency, as of `date`."""

    date: datetime.date
    rates: dict[Currency, Annotated[float, Field(gt=0)]]


class PolicyFile(Terms):
    """A whole policy file. `sellers` holds, by seller, the fields of the terms that differ."""

    name: Name
    version: Annotated[int, Field(ge=1)]
    currency: Currency
    fx: Fx
    sellers: dict[str, dict[str, Any]] = Field(default_factory=dict)
