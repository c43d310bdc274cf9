"""What is wrong with a field that a client sent, in words for whoever filled it in."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from regrade.serving.base.errors import FieldFault
from regrade.serving.base.i18n import Message

_PLAIN: Mapping[str, Message] = {
    "missing": Message("fault.missing"),
    "string_type": Message("fault.string"),
    "string_too_short": Message("fault.empty"),
    "float_type": Message("fault.number"),
    "float_parsing": Message("fault.number"),
    "int_type": Message("fault.whole_number"),
    "int_parsing": Message("fault.whole_number"),
    "int_parsing_size": Message("fault.whole_number"),
    "int_from_float": Message("fault.whole_number"),
    "finite_number": Message("fault.finite"),
    "dict_type": Message("fault.object"),
    "model_type": Message("fault.object"),
    "list_type": Message("fault.list"),
    "tuple_type": Message("fault.list"),
    "moment": Message("fault.moment"),
    "too_nested": Message("fault.too_nested"),
    "nul_character": Message("fault.nul_character"),
    "beyond_numbers": Message("fault.beyond_numbers"),
}
"""By pydantic's type of the fault."""
_WITH_LIMIT: Mapping[str, tuple[str, str]] = {
    "string_too_long": ("fault.too_long", "max_length"),
    "too_long": ("fault.too_many", "max_length"),
    "too_short": ("fault.too_few", "min_length"),
    "greater_than_equal": ("fault.at_least", "ge"),
    "less_than_equal": ("fault.at_most", "le"),
}
"""The text, and where pydantic keeps the limit."""


def describe_fault(fault: Any, model: type[BaseModel] = BaseModel) -> FieldFault:
    """A fault (pydantic's `ErrorDetails`) in `model`, with the legal values or field names where there is a list."""
    return FieldFault(".".join(str(step) for step in fault["loc"]), _message(fault, model))


def _message(fault: Any, model: type[BaseModel]) -> Message | str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "json_invalid":
        return Message("fault.not_json", {"error": str(context["error"])})
    if kind == "model_type" and not fault["loc"]:
        return Message("fault.not_an_object")
    if kind == "extra_forbidden":
        return Message("fault.unknown_field", {"legal": ", ".join(_siblings(fault, model))})
    if kind == "literal_error":
        return Message("fault.legal", {"legal": ", ".join(re.findall("'([^']*)'", str(context["expected"])))})
    if kind == "string_pattern_mismatch" and fault["loc"][-1:] == ("currency",):
        return Message("fault.currency")
    if kind == "string_pattern_mismatch" and fault["loc"][-1:] == ("cursor",):
        return Message("fault.cursor")
    if kind == "no_gtin":
        return Message("fault.no_gtin")
    if kind == "repeated_entry":
        return Message("fault.repeated_entry", {"name": str(context["name"])})
    if kind == "unseen_character":
        return Message("fault.characters", dict(context))
    if kind in _WITH_LIMIT:
        key, name = _WITH_LIMIT[kind]
        return Message(key, {"limit": f"{context[name]:.12g}"})
    if kind in _PLAIN:
        return _PLAIN[kind]
    message = re.sub("^(Value error, |Input should be |[A-Z][a-z]+ should )", "must be ", fault["msg"])
    return message if message.endswith(".") else f"{message}."


def _siblings(fault: Any, model: type[BaseModel]) -> list[str]:
    """The names of the fields beside the one at fault."""
    for step in fault["loc"][:-1]:
        field = model.model_fields.get(str(step))
        if field is not None and (inner := _model_in(field.annotation)) is not None:
            model = inner
    return list(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model within an annotation such as `list[M] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _model_in(part))), None)
