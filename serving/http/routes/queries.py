"""Query parameters of the API: those that there are, each once, and what is written in them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.models import Dependant
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import MAX_NAME

_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_MOST: Final = 20
"""Faults that are told at once."""


async def refuse_unknown(request: Request) -> None:
    """Raise `InvalidFieldsError` for a parameter that the route does not know, or that stands twice.

    Passed over in silence, a mistyped filter would list everything.
    """
    if request.scope["query_string"] and (faults := list(_faults(request))):
        raise InvalidFieldsError("invalid-query", "query", faults[:_MOST])


def _faults(request: Request) -> Iterator[FieldFault]:
    legal = sorted(set(_known_to(request.scope["route"].dependant)))
    names = [name for name, _ in request.query_params.multi_items()]
    for name in dict.fromkeys(names):
        if name not in legal:
            yield FieldFault(name[:MAX_NAME], Message("fault.unknown_query", {"legal": ", ".join(legal) or "–"}))
        elif names.count(name) > 1:
            yield FieldFault(name, Message("fault.repeated_query"))
    if not _is_utf8(request.scope["query_string"]):
        yield FieldFault("", Message("fault.query_not_utf8"))


def _known_to(dependant: Dependant) -> Iterator[str]:
    """The names of what a route and all that it depends on take from the query: what the description of it says, which
    would first have to be written, in a third of a second."""
    yield from (one.alias for one in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _known_to(needed)


def _is_utf8(query: bytes) -> bool:
    try:
        unquote_to_bytes(query).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def moment(written: Any) -> datetime:
    """A moment as RFC 3339 writes it, in UTC. Raises `PydanticCustomError` for anything else: a number, or no zone."""
    if isinstance(written, str) and _RFC_3339.fullmatch(written):
        try:
            return datetime.fromisoformat(written.upper()).astimezone(UTC)
        except (ValueError, OverflowError):  # a leap second, the 30th of February, before the year 1
            pass
    raise PydanticCustomError("moment", "must be a moment with its zone")


Moment = Annotated[datetime, BeforeValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})]
