"""Names of stations and people: how they are written, and when two are the same."""

import unicodedata

from regrade.serving.base.errors import AccountError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import ShortName

AccountName = ShortName
"""What a station or a person may be called."""


def folded(name: str) -> str:
    """`name` as it is compared: ignoring case, and which of Unicode's forms of a letter it is written with."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def taken(name: str) -> AccountError:
    """What to raise for a name that somebody else has."""
    return AccountError(Message("problem.name_taken", {"name": name}))
