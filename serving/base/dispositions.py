"""What the disposition policy hands on: money, reasons, options and the decision itself. Free of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from regrade.models.category.economics import ACTIONS

__all__ = ["ACTIONS", "Decision", "Disposition", "Money", "Option", "Reason"]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency; `currency` is an ISO 4217 code such as `USD`."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided, as a code with what goes into its words.

    `regrade.serving.base.i18n.render(reason, lang)` makes a sentence of it from the text `reason.<code>`.
    A parameter that exists in several languages (words a policy's author wrote) has the name for English and
    `name@zh-CN` beside it. `currency` is the currency of every amount among the parameters.
    """

    code: str
    params: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Option:
    """An action that was open, and what it recovers on average after its costs."""

    action: str
    expected_recovery: Money


@dataclass(frozen=True, slots=True)
class Disposition:
    """The suggested action.

    `alternatives` are the other permitted actions, best first; `policy` is `name@version`.
    """

    action: str
    expected_recovery: Money
    reasons: tuple[Reason, ...]
    alternatives: tuple[Option, ...]
    policy: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A disposition, and why a human must look first. An empty `review` means that none need to; `who` may then decide,
    where somebody must: `desk`, for all decisions of before there was a choice."""

    disposition: Disposition
    review: tuple[Reason, ...]
    who: Literal["nobody", "bench", "desk"] = "desk"

    @property
    def needs_review(self) -> bool:
        """Whether the item must wait for a human."""
        return bool(self.review)
