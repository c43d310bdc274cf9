"""What a station says of an item, checked: the `item` part of a request."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator
from pydantic_core import ErrorDetails

from regrade.serving.canonical import canonical_json
from regrade.serving.errors import FieldFault, InvalidFieldsError

MAX_ANSWERS_DEPTH = 16

# No control characters: they have no meaning in an identifier, and PostgreSQL cannot store NUL.
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


class DeclaredValue(BaseModel):
    """What the item is worth when it is new, in the given currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    amount: float = Field(ge=0, le=1e9, description="Zero or more.", examples=[129.0])
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217 code.", examples=["USD"])


class Item(BaseModel):
    """The item that the photos show. Only `rma` is required."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rma: Name = Field(description="Return merchandise authorisation: the number of this return.", examples=["RMA-1"])
    seller: Name | None = Field(None, description="Whose goods these are; a policy may have terms of their own.")
    sku: Name | None = None
    category: Name | None = Field(None, description="If left out, it is predicted from the photos.")
    declared_value: DeclaredValue | None = None
    station: Name | None = None
    answers: dict[str, JsonValue] | None = Field(None, description="Answers to the station's own questions.")

    @field_validator("answers")
    @classmethod
    def _storable(cls, answers: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        if _depth(answers) > MAX_ANSWERS_DEPTH:
            raise ValueError(f"may be nested at most {MAX_ANSWERS_DEPTH} deep")
        if "\\u0000" in json.dumps(answers):
            raise ValueError("must not hold NUL characters")
        canonical_json(answers)  # raises for numbers that no JSON reader agrees on
        return answers

    def canonical(self) -> dict[str, Any]:
        """The item as JSON values, without what was left out."""
        return self.model_dump(mode="json", exclude_none=True)


def parse_item(data: bytes, categories: tuple[str, ...], currencies: tuple[str, ...]) -> Item:
    """The item in `data`, JSON text in UTF-8.

    Raises `InvalidFieldsError` that names every wrong field and what is legal there, the known `categories`
    and `currencies` included.
    """
    try:
        item = Item.model_validate_json(data)
    except ValidationError as error:
        faults = [describe_fault(fault, Item) for fault in error.errors(include_url=False)]
        raise InvalidFieldsError(_code(error), "item", faults) from error
    if item.category is not None and item.category not in categories:
        fault = FieldFault("category", f"{item.category!r} is unknown. Legal values: {', '.join(categories)}.")
        raise InvalidFieldsError("unknown-category", "item", [fault])
    value = item.declared_value
    if value is not None and value.currency not in currencies:
        message = f"the policy has no rate for {value.currency}. Legal values: {', '.join(sorted(currencies))}."
        fault = FieldFault("declared_value.currency", message)
        raise InvalidFieldsError("unknown-currency", "item", [fault])
    return item


def describe_fault(fault: ErrorDetails, model: type[BaseModel]) -> FieldFault:
    """A fault that pydantic found, with the legal field names where a field is unknown."""
    where = ".".join(str(step) for step in fault["loc"])
    match fault["type"]:
        case "json_invalid":
            return FieldFault("", f"It is not JSON: {fault['ctx']['error']}.")
        case "extra_forbidden":
            return FieldFault(where, f"there is no such field. Legal fields: {', '.join(_fields(fault, model))}.")
        case "missing":
            return FieldFault(where, "this field is required.")
        case "string_pattern_mismatch" if where.endswith("currency"):
            return FieldFault(where, "must be three capital letters (ISO 4217), such as USD.")
        case "string_pattern_mismatch":
            return FieldFault(where, "must not contain control characters.")
    message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return FieldFault(where, message if message.endswith(".") else f"{message}.")


def _fields(fault: ErrorDetails, model: type[BaseModel]) -> list[str]:
    for step in fault["loc"][:-1]:
        inner = DeclaredValue if step == "declared_value" else None
        model = inner or model
    return list(model.model_fields)


def _code(error: ValidationError) -> str:
    faults = error.errors(include_url=False)
    if any(fault["type"] == "json_invalid" for fault in faults):
        return "invalid-json"
    if all(fault["loc"][:1] == ("declared_value",) for fault in faults):
        return "invalid-declared-value"
    return "invalid-item"


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
