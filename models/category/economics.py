"""What may be done with a returned item, and what each action brings in and costs, by condition."""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PrivateAttr

from regrade.models.category.fields import Amount, Condition, Model, Probability, Worth
from regrade.models.types import CONDITIONS

Action = Literal["relist", "repackage", "refurbish", "clearance", "return_to_origin", "destroy"]

ACTIONS: tuple[str, ...] = get_args(Action)
"""What may be done with a returned item. Of two actions that recover the same, the earlier one is taken."""

SoldAs = Literal["new", "opened", "refurbished", "as_it_is"]
"""As what an item is sold after an action."""

_GOOD_ENOUGH: dict[SoldAs, tuple[str, ...]] = {
    "new": CONDITIONS[:1],
    "opened": CONDITIONS[:2],
    # What was wrong with it has been mended, or the buyer is told.
    "refurbished": CONDITIONS,
    "as_it_is": CONDITIONS,
}

COST_PARTS: tuple[str, ...] = ("handling", "parts", "freight", "customs", "duty", "fees")
"""What an action costs, broken out. Their sum is what counts."""


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


class PieceCost(Model):
    """What an item brings in less for a missing piece, whatever is done with it: `share` of what the action would bring
    in, and `fixed` in the policy's currency. It never takes more than there is."""

    fixed: Amount = 0.0
    share: Probability = 0.0


PieceCostPart = Annotated[PieceCost, BeforeValidator(_fixed)]
MAX_PIECE_NAME = 128


class PieceCosts(Model):
    """What missing pieces cost: those that are `named` (in large or small letters), and `any` other one. What is left
    out is not said here."""

    any: PieceCostPart | None = None
    named: dict[Annotated[str, Field(min_length=1, max_length=MAX_PIECE_NAME)], PieceCostPart] = Field(
        default_factory=dict
    )

    def of(self, name: str) -> PieceCost | None:
        """The cost of a piece that is named; None where it is not."""
        wanted = name.casefold()
        return next((cost for own, cost in self.named.items() if own.strip().casefold() == wanted), None)


@dataclass(frozen=True, slots=True)
class Lack:
    """What is missing of one item: what it takes off what an action brings in."""

    fixed: float = 0.0
    share: float = 0.0

    def of(self, gross: float) -> float:
        """What is taken of `gross`, which is never negative; no more than all of it."""
        return min(gross, self.share * gross + self.fixed)


NO_LACK = Lack()


class SoldAsPart(Model):
    """As what an item is sold after each action, as far as it is written."""

    relist: SoldAs | None = None
    repackage: SoldAs | None = None
    refurbish: SoldAs | None = None
    clearance: SoldAs | None = None
    return_to_origin: SoldAs | None = None
    destroy: SoldAs | None = None

    def of(self, action: str) -> SoldAs | None:
        """What is written of `action`."""
        found: SoldAs | None = getattr(self, action)
        return found


USUALLY_SOLD_AS = SoldAsPart(
    relist="new",
    repackage="opened",
    refurbish="refurbished",
    clearance="as_it_is",
    return_to_origin="as_it_is",
    destroy="as_it_is",
)
"""What holds where neither a policy nor a category says otherwise."""


def better_than_it_is(sold_as: SoldAs, condition: str) -> bool:
    """Whether an item that truly is `condition` is sold as something better."""
    return condition not in _GOOD_ENOUGH[sold_as]


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
    raises, and never lowers, the confidence from which the model bundle lets items go without a human. `sold_as` is
    as what items of the category are sold, where that is not as usual. `shares` is how a site's items of the category
    are shared out over the conditions; promises then speak of these, not of the photos that the bundle was judged on.
    `pieces` is what missing pieces of its items cost, before what the policy says of all categories.
    """

    default_value: Worth
    review_cost: Amount | None = None
    min_confidence: Probability | None = None
    sold_as: SoldAsPart = SoldAsPart()
    shares: dict[Condition, Probability] | None = None
    pieces: PieceCosts = PieceCosts()
    rates: RatesByCondition
    costs: Costs
    _lack: Lack = PrivateAttr(default=NO_LACK)

    def without(self, lack: Lack) -> "Economics":
        """The economics of an item of which something is missing."""
        if lack == self._lack:
            return self
        found = self.model_copy()
        found._lack = lack
        return found

    def share(self, condition: str) -> float:
        """The share of the site's items in one condition, 0 where it is not named."""
        return next((share for name, share in (self.shares or {}).items() if name == condition), 0.0)

    def recovery(self, condition: str, action: str, value: float) -> float:
        """Net recovery of `action` on an item of `value` that truly is `condition`: rate x value - costs, less what is
        missing of it."""
        gross = self.rates.of(condition).of(action) * value
        lack = 0.0 if self._lack is NO_LACK else self._lack.of(gross)
        return gross - lack - self.costs.of(action).at(value)
