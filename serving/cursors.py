"""Where a page of a list ended, in a form that clients only pass back."""

import base64
import binascii
import json
import re
from datetime import datetime
from typing import Final

from regrade.serving.errors import FieldFault, InvalidFieldsError
from regrade.serving.i18n import Message

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?\+00:00", re.ASCII)
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_LONGEST: Final = 200


def encode_cursor(of: str, created_at: datetime, row_id: str) -> str:
    """The place after the row `row_id`, made at `created_at` (UTC), in the list called `of`."""
    place = json.dumps([of, created_at.isoformat(), row_id])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(of: str, cursor: str) -> tuple[datetime, str]:
    """The place that `encode_cursor` wrote down for the list `of`.

    Raises `InvalidFieldsError` for anything else, cursors of other lists included.
    """
    try:
        place = json.loads(base64.b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4), b"-_", validate=True))
        _, moment, row_id = place
        if place[0] == of and _MOMENT.fullmatch(moment) and _ID.fullmatch(row_id):
            created_at = datetime.fromisoformat(moment)
            # Whatever else is in it, it is only a cursor where it would be written just so.
            if encode_cursor(of, created_at, row_id) == cursor:
                return created_at, row_id
    except (ValueError, TypeError, RecursionError, KeyError, binascii.Error):
        pass
    raise InvalidFieldsError("invalid-query", "query", [FieldFault("cursor", Message("fault.cursor"))])
