"""Names of stations and people: how they are written, and when two are the same."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import Name

MAX_LENGTH = 64

AccountName = Annotated[Name, Field(max_length=MAX_LENGTH), AfterValidator(str)]
"""What a station or a person may be called: 1 to 64 characters that can all be seen."""


def folded(name: str) -> str:
    """`name` as it is compared: ignoring case, and which of Unicode's forms of a letter it is written with."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def taken(name: str) -> InvalidFieldsError:
    """What to raise for a name that somebody else has."""
    fault = FieldFault("name", Message("fault.name_taken", {"name": name}))
    return InvalidFieldsError("invalid-request", "request", [fault])
