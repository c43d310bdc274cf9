"""Rules of a policy: what must never be done with an item, and what a human must see."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from regrade.models.category.economics import Action
from regrade.models.category.fields import Amount, Condition, Model

NAME = r"^[a-z0-9][a-z0-9_.-]*$"
PolicyName = Annotated[str, StringConstraints(pattern=NAME, max_length=64)]
"""A name in a policy, which may speak of categories that are not there."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


class Because(Model):
    """Why a rule stands, as the end of a sentence that people read; English is a must."""

    en: Text
    zh_cn: Text | None = Field(default=None, alias="zh-CN")


def _english(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


Identity = Literal["match", "mismatch", "nothing_read", "not_expected"]
"""What codes say of an item being the one that its return names."""


PiecesState = Literal["complete", "incomplete", "unknown"]
"""What a person has found of the pieces that belong to an item; `unknown` before anybody has looked."""


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class When(Model):
    """When a rule applies: all that is written must hold. Nothing written: always.

    `condition_in` holds when the conditions named are, together, more likely than `probability_above`; so a
    posterior that leaves a 6% chance of `damaged` triggers a rule on `damaged` at the default of 5%.
    `value_below` and `value_above` are exclusive and in the policy's currency. `sku_in` takes shell patterns.
    `defect_in` holds when any such defect was found, at whatever score the detector reports. `identity_is` (one or
    several) asks what the codes in its photos said; it never holds where nobody has read them. `pieces_are` (one or
    several) asks what was found of its pieces; it never holds where none are expected.
    """

    condition_in: Annotated[list[Condition], Field(min_length=1)] | None = None
    probability_above: Annotated[float, Field(ge=0, lt=1)] = 0.05
    category_in: Annotated[list[PolicyName], Field(min_length=1)] | None = None
    seller_in: Annotated[list[str], Field(min_length=1)] | None = None
    sku_in: Annotated[list[str], Field(min_length=1)] | None = None
    defect_in: Annotated[list[str], Field(min_length=1)] | None = None
    value_below: Annotated[float, Field(gt=0)] | None = None
    value_above: Amount | None = None
    identity_is: Annotated[list[Identity], BeforeValidator(_several), Field(min_length=1)] | None = None
    pieces_are: Annotated[list[PiecesState], BeforeValidator(_several), Field(min_length=1)] | None = None

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
    because: Annotated[Because, BeforeValidator(_english)]


class NeverRule(Rule):
    """An action that must not be taken, whatever it would recover."""

    action: Action


class ReviewRule(Rule):
    """Items that a human must see; with `action`, only those for which that action is suggested."""

    action: Action | None = None
