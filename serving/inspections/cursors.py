"""Where a page of a list ended, in a form that clients only pass back: the list, a moment and an id.

Whatever has this form is a place, and whatever has not is refused: there is nothing to decode, and nothing to forge.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PLACE: Final = r"\.(0|[1-9][0-9]{0,16})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
"""Microseconds since 1970, to the year 5138 at most, and a UUID."""


def cursor_pattern(of: str) -> str:
    """The regular expression (ECMA-262) of the cursors of the list called `of`."""
    return f"^{of}{_PLACE}$"


def encode_cursor(of: str, created_at: datetime, row_id: str) -> str:
    """The place after the row `row_id`, made at `created_at`, in the list called `of`."""
    return f"{of}.{(created_at - _START) // _MICROSECOND}.{row_id}"


def decode_cursor(of: str, cursor: str) -> tuple[datetime, str]:
    """The place that `encode_cursor` wrote down for the list `of`.

    Raises `InvalidFieldsError` for anything else, cursors of other lists included.
    """
    found = re.fullmatch(of + _PLACE, cursor)
    if found is None:
        raise InvalidFieldsError("invalid-query", "query", [FieldFault("cursor", Message("fault.cursor"))])
    return _START + int(found[1]) * _MICROSECOND, found[2]
