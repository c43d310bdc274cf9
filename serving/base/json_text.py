"""JSON from clients (RFC 8259), read so that nobody can take it for something else.

A name that stands twice in an object is refused: which of the two counts is each reader's own choice (RFC 8259
section 4), so a proxy could see another value than we do. A byte order mark is skipped; other encodings than UTF-8 are
refused in words.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.fields import describe_fault
from regrade.serving.base.i18n import Message

M = TypeVar("M", bound=BaseModel)
What = Literal["item", "request"]

_BOM: Final = b"\xef\xbb\xbf"
_MOST: Final = 20
"""Repeated names that are told at once."""


def read_model(data: bytes | bytearray, model: type[M], what: What) -> M:
    """`data` as `model`. Raises `InvalidFieldsError` (`invalid-json` or `invalid-<what>`), which names each fault."""
    text = _decoded(bytes(data), what)
    repeated = sorted(set(_repeated(text)))[:_MOST]
    if repeated:
        faults = [FieldFault(path, Message("fault.repeated")) for path in repeated]
        raise InvalidFieldsError(f"invalid-{what}", what, faults)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False)
        code = "invalid-json" if any(fault["type"] == "json_invalid" for fault in found) else f"invalid-{what}"
        raise InvalidFieldsError(code, what, [describe_fault(fault, model) for fault in found]) from error


def names(data: bytes | bytearray, name: str) -> bool:
    """Whether `data` is a JSON object with a member `name`: for a route that takes one of two forms."""
    try:
        root = json.loads(bytes(data))
    except (ValueError, RecursionError):
        return False
    return isinstance(root, dict) and name in root


def _decoded(data: bytes, what: What) -> str:
    try:
        if b"\0" not in data[:4]:  # JSON in UTF-16 has a zero among its first bytes, and no JSON in UTF-8 has
            return data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError:
        pass
    wide = b"\0" in data[:4] or data.startswith((b"\xff\xfe", b"\xfe\xff"))
    message = Message("fault.utf16" if wide else "fault.not_utf8")
    raise InvalidFieldsError("invalid-json", what, [FieldFault("", message)])


class _Object(list[tuple[str, Any]]):
    """The members of a JSON object, repeated names included."""


def _repeated(text: str) -> Iterator[str]:
    """Where a name stands twice in one object, such as `declared_value.amount`; nothing of what is not JSON."""
    nothing: Any = lambda written: None  # noqa: E731 - numbers do not matter here, and long ones would cost time
    try:
        root = json.loads(
            text, object_pairs_hook=_Object, parse_int=nothing, parse_float=nothing, parse_constant=nothing
        )
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, Any]] = [("", root)] if isinstance(root, list) else []
    while waiting:
        path, value = waiting.pop()
        names: set[str | int] = set()
        is_object = isinstance(value, _Object)
        for name, inner in value if is_object else enumerate(value):
            place = f"{path}.{name}" if path else str(name)
            if is_object and name in names:
                yield place
            names.add(name)
            if isinstance(inner, list):
                waiting.append((place, inner))
