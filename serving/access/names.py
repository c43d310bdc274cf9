"""Names of stations and people: how they are written, and when two are the same."""

import unicodedata

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import ShortName

AccountName = ShortName
"""What a station or a person may be called."""


def folded(name: str) -> str:
    """`name` as it is compared: ignoring case, and which of Unicode's forms of a letter it is written with."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def taken(name: str) -> InvalidFieldsError:
    """What to raise for a name that somebody else has."""
    fault = FieldFault("name", Message("fault.name_taken", {"name": name}))
    return InvalidFieldsError("invalid-request", "request", [fault])
