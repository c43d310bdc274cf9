"""What a station says of an item, checked: the `item` part of a request."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from regrade.serving.base.canonical import canonical_json
from regrade.serving.base.dispositions import Money
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.base.json_text import read_model
from regrade.serving.base.text_forms import Name

MAX_ANSWERS_DEPTH = 16


class DeclaredValue(BaseModel):
    """What the item is worth when it is new, in the given currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # Strict: text or a truth value here is a mistake of the client's, and money is no place to guess.
    amount: float = Field(strict=True, ge=0, le=1e9, description="Zero or more.", examples=[129.0])
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217 code.", examples=["USD"])

    @field_validator("amount")
    @classmethod
    def _without_negative_zero(cls, amount: float) -> float:
        return amount + 0.0


class Item(BaseModel):
    """The item that the photos show. Only `rma` is required."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rma: Name = Field(description="Return merchandise authorisation: the number of this return.", examples=["RMA-1"])
    seller: Name | None = Field(None, description="Whose goods these are; a policy may have terms of their own.")
    sku: Name | None = None
    category: Name | None = Field(None, description="If left out, it is predicted from the photos.")
    declared_value: DeclaredValue | None = None
    station: Name | None = None
    answers: dict[str, JsonValue] | None = Field(
        None,
        description="Answers to the station's own questions: any JSON without NUL characters, nested at most 16 deep.",
    )

    @field_validator("answers")
    @classmethod
    def _storable(cls, answers: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if _depth(answers) > MAX_ANSWERS_DEPTH:
            raise PydanticCustomError("too_nested", "must not be nested so deep")
        if any("\0" in text for text in _texts(answers)):  # PostgreSQL cannot store it
            raise PydanticCustomError("nul_character", "must not hold NUL characters")
        try:
            canonical_json(answers)
        except ValueError as error:  # a number that no two JSON readers agree on
            raise PydanticCustomError("beyond_numbers", "must hold only numbers that fit a double") from error
        return answers

    @property
    def value(self) -> Money | None:
        """The declared value as the policy takes it."""
        return None if self.declared_value is None else Money(self.declared_value.amount, self.declared_value.currency)

    def at(self, station: str | None) -> "Item":
        """The item as one of the station that its sender's key is bound to; as it is where it is bound to none.

        Raises `InvalidFieldsError` where it says that it is another station's.
        """
        if station is None or self.station == station:
            return self
        if self.station is not None and self.station.casefold() != station.casefold():
            message = Message("fault.other_station", {"given": self.station, "station": station})
            raise InvalidFieldsError("invalid-item", "item", [FieldFault("station", message)])
        return self.model_copy(update={"station": station})

    def canonical(self) -> dict[str, Any]:
        """The item as JSON values, without what was left out."""
        return self.model_dump(mode="json", exclude_none=True)


def parse_item(data: bytes, categories: tuple[str, ...], currencies: tuple[str, ...]) -> Item:
    """The item in `data`, JSON text in UTF-8.

    Raises `InvalidFieldsError` that names every wrong field and what is legal there, the known `categories`
    and `currencies` included.
    """
    try:
        item = read_model(data, Item, "item")
    except InvalidFieldsError as error:
        if error.code == "invalid-item" and all(fault.field.startswith("declared_value") for fault in error.faults):
            raise InvalidFieldsError("invalid-declared-value", "item", error.faults) from error
        raise
    if item.category is not None and item.category not in categories:
        message = Message("fault.unknown_category", {"given": item.category, "legal": ", ".join(categories)})
        fault = FieldFault("category", message)
        raise InvalidFieldsError("unknown-category", "item", [fault])
    value = item.declared_value
    if value is not None and value.currency not in currencies:
        legal = ", ".join(sorted(currencies))
        message = Message("fault.unknown_currency", {"given": value.currency, "legal": legal})
        fault = FieldFault("declared_value.currency", message)
        raise InvalidFieldsError("unknown-currency", "item", [fault])
    return item


def _depth(value: object) -> int:
    # Iterative and bounded, so that deep nesting cannot exhaust the stack.
    level, depth = [value], 0
    while level and depth <= MAX_ANSWERS_DEPTH:
        inner: list[object] = []
        for entry in level:
            if isinstance(entry, dict):
                inner += entry.values()
            elif isinstance(entry, list):
                inner += entry
        level, depth = inner, depth + 1
    return depth


def _texts(value: object) -> Iterator[str]:
    """All texts in a JSON value, names included. For what is known not to be nested deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield name
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
