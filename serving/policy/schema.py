"""The policy YAML as pydantic models: what may be written in one, and what it means.

All models refuse unknown fields and are strict: a number in quotes or `yes` for a number is an error, because
a mistyped rate moves money.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from regrade.models.category.economics import (
    ActionCosts,
    CostPart,
    Economics,
    Lack,
    PieceCost,
    PieceCosts,
    Rate,
    SoldAsPart,
)
from regrade.models.category.fields import (
    MACHINE_NAME,
    Amount,
    Condition,
    Model,
    Probability,
    Title,
    Worth,
    inconsistent,
    same,
)
from regrade.models.category.rules import NAME, NeverRule, PolicyName, ReviewRule, Rule
from regrade.models.pieces.types import Piece

OTHER = "other"
"""The category whose economics stand in for one that neither the policy nor a bundle has figures for."""

CURRENCY = r"^[A-Z]{3}$"
PATTERNS = {
    NAME: "lower-case letters, digits, dots, dashes and underscores, with a letter or digit first",
    MACHINE_NAME: "lower-case letters, digits, dashes and underscores, with a letter first",
    CURRENCY: "three capital letters (ISO 4217), such as USD",
}
"""What the patterns ask, in words."""

Currency = Annotated[str, StringConstraints(pattern=CURRENCY)]


class RatesPart(Model):
    """`Rates`, as far as they are written."""

    relist: Rate | None = None
    repackage: Rate | None = None
    refurbish: Rate | None = None
    clearance: Rate | None = None
    return_to_origin: Rate | None = None
    destroy: Rate | None = None


class RatesByConditionPart(Model):
    """`RatesByCondition`, as far as they are written."""

    unopened: RatesPart | None = None
    opened: RatesPart | None = None
    used: RatesPart | None = None
    damaged: RatesPart | None = None


class CostsPart(Model):
    """`Costs`, as far as they are written."""

    relist: ActionCosts | None = None
    repackage: ActionCosts | None = None
    refurbish: ActionCosts | None = None
    clearance: ActionCosts | None = None
    return_to_origin: ActionCosts | None = None
    destroy: ActionCosts | None = None


class EconomicsPart(Model):
    """What a policy writes of a category's economics; the rest is the category's own, or that of `other`."""

    default_value: Worth | None = None
    review_cost: Amount | None = None
    min_confidence: Probability | None = None
    sold_as: SoldAsPart | None = None
    shares: dict[Condition, Probability] | None = None
    pieces: PieceCosts | None = None
    rates: RatesByConditionPart | None = None
    costs: CostsPart | None = None


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


class Bench(Model):
    """What the person who holds an item may decide by themselves, where the model does not.

    Items worth more than `value_up_to` in the policy's currency go to the desk (null: none for that reason). Where
    inspector and model differ and more than `differs_up_to` is at stake between them, a reviewer looks too, blind. At
    the share `first_share` of the items, drawn by lot, the inspector decides before the model's word is shown.
    """

    value_up_to: Amount | None = None
    differs_up_to: Amount = 0.0
    first_share: Probability = 0.10


class Promise(Model):
    """What is promised of the items that go without a human, with confidence 1 − `delta`.

    `kind: money`: the mean loss an item, against the best action for its true condition, stays within `loss` (a fixed
    amount, a share of the item's value, or both; the cost of a review if left out), and at most the share
    `better_than_it_is` is sold as better than it is (null: nothing is promised of that). `kind: condition`: what the
    bundle promises of the condition alone. `where_unproven`: what becomes of items of a category for which nothing is
    proven in money: a person sees each (`review`), or what the bundle promises of the condition holds meanwhile
    (`condition`). `sold_as` says as what an item is sold after each action.
    """

    kind: Literal["money", "condition"] = "money"
    where_unproven: Literal["condition", "review"] = "condition"
    loss: CostPart | None = None
    better_than_it_is: Annotated[float, Field(gt=0, lt=1)] | None = 0.01
    delta: Annotated[float, Field(gt=0, le=0.5)] = 0.10
    sold_as: SoldAsPart = SoldAsPart()


Colour = Literal["green", "blue", "teal", "yellow", "orange", "red", "purple", "grey"]
"""Colours that pages know how to show so that words on them can be read."""


class Bin(Model):
    """Where an item is put down: what is written on the bin, the shelf or the pallet, and its colour."""

    name: Title
    colour: Colour


class BinsPart(Model):
    """The bin of each disposition, and `aside`: of items that the desk decides on."""

    relist: Bin | None = None
    repackage: Bin | None = None
    refurbish: Bin | None = None
    clearance: Bin | None = None
    return_to_origin: Bin | None = None
    destroy: Bin | None = None
    aside: Bin | None = None


class Bins(BinsPart):
    """The bins of a site; those of a category that has its own stand under `categories`."""

    categories: dict[PolicyName, BinsPart] = Field(default_factory=dict)

    def of(self, place: str, category: str | None) -> Bin:
        """The bin for `place`, an action or `aside`; what the policy does not name has the name that ships."""
        own = self.categories.get(category or "")
        bin_: Bin | None = getattr(own, place, None) or getattr(self, place)
        return bin_ or SHIPPED_BINS[place]


def _bin(colour: Colour, en: str, zh: str) -> Bin:
    return Bin(name=same(en).model_copy(update={"zh_cn": zh}), colour=colour)


SHIPPED_BINS: dict[str, Bin] = {
    "relist": _bin("green", "New stock", "新品货架"),
    "repackage": _bin("blue", "Repacking", "换包装区"),
    "refurbish": _bin("purple", "Repair", "维修区"),
    "clearance": _bin("yellow", "Clearance", "清仓区"),
    "return_to_origin": _bin("teal", "Return freight", "退运区"),
    "destroy": _bin("red", "Scrap cage", "待销毁区"),
    "aside": _bin("grey", "QA shelf", "待判定区"),
}
"""What bins are called where a policy does not say."""


class Photos(Model):
    """How photos come from the station. `originals`: as the camera made them, and not made smaller on the device first,
    of all items (true) or of those of the categories named. The station knows of no seller: this holds for all."""

    originals: bool | list[PolicyName] = False

    def original(self, categories: Iterable[str]) -> list[str]:
        """Those of `categories` whose photos are to come as originals."""
        if isinstance(self.originals, bool):
            return list(categories) if self.originals else []
        return [name for name in categories if name in self.originals]


class Terms(Model):
    """What holds for one seller (or for those without terms of their own)."""

    review: Review
    quality_control: QualityControl = QualityControl()
    promise: Promise = Promise()
    bench: Bench | None = None
    bins: Bins = Bins()
    pieces: PieceCosts = PieceCosts()
    auto_relist_min_probability: Annotated[float, Field(ge=0.5, le=1)] | None = None
    never: list[NeverRule] = Field(default_factory=list)
    require_review: list[ReviewRule] = Field(default_factory=list)
    categories: dict[PolicyName, Economics]

    def review_cost(self, economics: Economics) -> float:
        """What one review of an item of a category costs, in the policy's currency."""
        return self.review.cost if economics.review_cost is None else economics.review_cost

    def lack(self, economics: Economics, missing: Sequence[Piece]) -> Lack:
        """What pieces that are missing take off what an item brings in."""
        costs = [(self.pieces_cost(economics, one.name), one.quantity) for one in missing]
        share = min(1.0, sum(cost.share * number for cost, number in costs))
        return Lack(sum(cost.fixed * number for cost, number in costs), share)

    def pieces_cost(self, economics: Economics, name: str) -> PieceCost:
        """What one missing piece costs: by its name, else as any; each as the category says, else as the policy."""
        own, house = economics.pieces, self.pieces
        said = (own.of(name), house.of(name), own.any, house.any)
        return next((cost for cost in said if cost is not None), PieceCost())

    def counts_pieces(self, category: str) -> bool:
        """Whether anything depends on which pieces of an item are there."""
        economics = self.categories.get(category) or self.categories[OTHER]
        rules: list[Rule] = [*self.never, *self.require_review]
        said = any(rule.when.pieces_are is not None for rule in rules)
        return said or any(costs.any is not None or costs.named for costs in (economics.pieces, self.pieces))

    @model_validator(mode="after")
    def _whole_shares(self) -> Self:
        for name, economics in self.categories.items():
            if economics.shares is not None and abs(sum(economics.shares.values()) - 1) > 0.001:
                raise inconsistent(
                    f"categories.{name}.shares: must sum to 1, not {sum(economics.shares.values()):g}; name every "
                    "condition that the category's items come in"
                )
        return self

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


class PolicyFile(Model):
    """A whole policy file, as it is written. `sellers` holds, by seller, the fields of the terms that differ."""

    review: Review
    quality_control: QualityControl = QualityControl()
    promise: Promise = Promise()
    bench: Bench | None = None
    bins: Bins = Bins()
    pieces: PieceCosts = PieceCosts()
    auto_relist_min_probability: Annotated[float, Field(ge=0.5, le=1)] | None = None
    never: list[NeverRule] = Field(default_factory=list)
    require_review: list[ReviewRule] = Field(default_factory=list)
    categories: dict[PolicyName, EconomicsPart]
    name: PolicyName
    version: Annotated[int, Field(ge=1)]
    currency: Currency
    fx: Fx
    photos: Photos = Photos()
    sellers: dict[str, dict[str, Any]] = Field(default_factory=dict)
