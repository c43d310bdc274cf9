"""Names of stations and people: how they are written, when two are the same, and when they look it."""

import re
import unicodedata
from typing import Final

from sqlalchemy import Column, Connection, select

from regrade.serving.base.errors import AccountError
from regrade.serving.base.i18n import Message
from regrade.serving.base.text_forms import ShortName, cleaned
from regrade.serving.storage.tables import api_keys

AccountName = ShortName
"""What a station or a person may be called."""

_CYRILLIC: Final = dict(zip("авекмнорстухѕіјԛԝһԁӏ", "abekmhopctyxsijqwhdl", strict=True))
_GREEK: Final = dict(zip("αβεζηικμνορτυχϲϳ", "abezhikmnoptyxcj", strict=True))
_MARKS: Final = dict.fromkeys("‐‑‒–—―−﹘ー－", "-") | dict.fromkeys("’‘ʼ`´′", "'")
_ALIKE: Final = str.maketrans({**_CYRILLIC, **_GREEK, **_MARKS, "ı": "i", "ɡ": "g", "0": "o"})
"""Letters of other scripts that are drawn as Latin ones are, small or capital, and what else cannot be told apart: the
part of Unicode's confusables (UTS 39) that a keyboard has."""
_STROKES: Final = str.maketrans(dict.fromkeys("I1|\u0406\u0399\u04c0", "l"))
"""Capital I, also the Cyrillic and the Greek one, and what is one stroke like it."""


def folded(name: str) -> str:
    """`name` as it is compared: ignoring case, and which of Unicode's forms of a letter it is written with."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", cleaned(name)).casefold())


def drawn(name: str) -> tuple[str, str]:
    """`name` as it looks, as it is written and in small letters: where either is the same, two look alike."""
    plain = unicodedata.normalize("NFKC", cleaned(name))
    one, other = (re.sub(r"\s+", " ", folded(text).translate(_ALIKE)) for text in (plain.translate(_STROKES), plain))
    return one, other


def taken(name: str) -> AccountError:
    """What to raise for a name that somebody else has."""
    return AccountError(Message("problem.name_taken", {"name": name}))


def refuse_alike(connection: Connection, name: str, among: Column[str], but: str | None = None) -> None:
    """Raise `AccountError` where somebody is called `name`, or something that looks like it. `among` are the ids of
    the keys of all stations, or of all people, but the one with the id `but`."""
    mine = drawn(name)
    named = select(api_keys.c.id, api_keys.c.name).join(among.table, among == api_keys.c.id)
    for key_id, other in connection.execute(named):
        if key_id == but:
            continue
        if folded(other) == folded(name):
            raise taken(name)
        if any(one == another for one, another in zip(drawn(other), mine, strict=True)):
            raise AccountError(Message("problem.name_alike", {"name": name, "other": other}))
