"""A checked policy, ready to decide by: the terms of every seller, and the exchange of currencies."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regrade.models.category.economics import Economics
from regrade.models.errors import PolicyError
from regrade.models.promise.held_out import HeldOut
from regrade.serving.base.dispositions import Money
from regrade.serving.policy.rules import Case
from regrade.serving.policy.schema import OTHER, Fx, Photos, Terms


@dataclass(frozen=True, slots=True)
class Policy:
    """A versioned policy. `base` are the terms of a seller who has none of his own in `sellers`.

    Make one with `regrade.serving.policy.load.load_policy`, which checks it.
    """

    name: str
    version: int
    currency: str
    fx: Fx
    base: Terms
    sellers: Mapping[str, Terms]
    sha256: str = ""
    """That of the file's text, for two files may have the same name and version."""
    held_out: Mapping[str, HeldOut] = field(default_factory=dict)
    """By category, the table of its active bundle that promises rest on."""
    photos: Photos = field(default_factory=Photos)
    worked_out: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """Promises that were worked out already: see `promise`."""

    @property
    def label(self) -> str:
        """How an inspection refers to the policy that decided it, such as `default@1`."""
        return f"{self.name}@{self.version}"

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies in which a value may be declared; the policy's own comes first."""
        return (self.currency, *sorted(set(self.fx.rates) - {self.currency}))

    def terms(self, seller: str | None) -> Terms:
        """The terms that hold for `seller`."""
        return self.base if seller is None else self.sellers.get(seller, self.base)

    def rate(self, currency: str) -> float:
        """One unit of `currency` in the policy's currency.

        Raises `PolicyError` for a currency that the policy does not list.
        """
        if currency == self.currency:
            return 1.0
        if currency not in self.fx.rates:
            raise PolicyError(
                f"The policy {self.label} has no exchange rate for {currency!r}. "
                f"Declare the value in one of: {', '.join(self.currencies)}."
            )
        return self.fx.rates[currency]

    def convert(self, money: Money) -> Money:
        """`money` in the policy's currency.

        Raises `PolicyError` for a currency that is not listed or an amount that is negative or not a number.
        """
        if not math.isfinite(money.amount) or money.amount < 0:
            raise PolicyError(f"A declared value must be a number of 0 or more, not {money.amount}.")
        return Money(money.amount * self.rate(money.currency), self.currency)


def economics_of(terms: Terms, category: str) -> tuple[Economics, bool]:
    """The economics for `category`, and whether they are its own (else those of `other`)."""
    own = terms.categories.get(category)
    return (own, True) if own is not None else (terms.categories[OTHER], False)


def economics_for(terms: Terms, case: Case) -> tuple[Economics, bool]:
    """The same for one item, of which something may be missing."""
    economics, own = economics_of(terms, case.category)
    return (economics.without(terms.lack(economics, case.missing)) if case.missing else economics), own
