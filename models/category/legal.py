"""What a model lets stand at a place of a document: for messages that say what would have been right."""

import types
import typing
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

Step = str | int
"""A key of a mapping or an index of a list."""


def fields_at(model: type[BaseModel], path: Sequence[Step]) -> list[str]:
    """The fields that may stand at `path` under `model`."""
    found = _walk(model, path)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [field.alias or name for name, field in found.model_fields.items()]
    return []


def literals_at(model: type[BaseModel], path: Sequence[Step]) -> list[str]:
    """The values that are legal at `path` under `model`, where it lists them."""
    found = _walk(model, path)
    return [str(value) for value in get_args(found)] if get_origin(found) is Literal else []


def _walk(model: type[BaseModel], path: Sequence[Step]) -> Any:
    """The type that stands at `path` under `model`, without `Annotated` and `| None`."""
    found: Any = model
    for step in path:
        found = _bare(found)
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = next((f for n, f in found.model_fields.items() if step in (n, f.alias)), None)
            if field is None:
                return None
            found = field.annotation
        else:
            arguments = [one for one in get_args(found) if one is not Ellipsis]
            found = arguments[-1] if arguments else None
    return _bare(found)


def _bare(found: Any) -> Any:
    while True:
        if get_origin(found) is typing.Annotated:
            found = get_args(found)[0]
        elif get_origin(found) in (typing.Union, types.UnionType):
            found = next(a for a in get_args(found) if a is not type(None))
        else:
            return found
