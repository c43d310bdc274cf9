"""Words for people: one catalogue of texts, in English and in Simplified Chinese.

The catalogue is a flat file a language, `locales/<language>.json`, of keys to `str.format` templates. A field
may say how it is to be written:

| field | written as |
|---|---|
| `{share:percent}` | a share in [0, 1]: `97%` |
| `{amount:money}` | an amount in the currency that the parameter `currency` holds: `$41.20` |
| `{paid:money.paid_in}` | the same, with the currency in the parameter `paid_in` |
| `{action:action}` | a name: the text `action.<value>`; likewise `condition`, `category`, `defect` |

Texts are never a reason to fail a request: an unknown key falls back to English and then to the key itself, a
parameter that is missing to its name. Tests set `STRICT` so that it raises `TextError` instead.
"""

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from regrade.models.errors import RegradeError
from regrade.serving.base.dispositions import Reason
from regrade.serving.base.money import format_money, format_percent

LANGUAGES: tuple[str, ...] = ("en", "zh-CN")
"""The first is what everybody gets who asks for none of them."""

STRICT = False
"""Whether a missing text raises `TextError`."""

_LOCALES = Path(__file__).resolve().parents[1] / "locales"
_NAMES = ("action", "condition", "category", "defect")
_OPEN_NAMES = ("category", "defect")
"""Names that a new category may add to without a text of their own: they are then written as they are."""

Param = str | float


class Language(str):
    """One of `LANGUAGES` as somebody reads it now: with the names of the categories in force."""

    names: Mapping[str, str]

    def __new__(cls, lang: str, names: Mapping[str, str]) -> "Language":
        found = super().__new__(cls, lang)
        found.names = names
        return found


class TextError(RegradeError):
    """A text or a parameter of it that is missing; raised only while `STRICT` is set."""


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """All texts of one of `LANGUAGES`, by key."""
    texts: dict[str, str] = json.loads((_LOCALES / f"{lang}.json").read_text(encoding="utf-8"))
    return texts


def name_of(kind: str, code: str, lang: str) -> str:
    """What `code` is called, one of `kind` such as `category` or `defect`; as it is written where it has no name.

    `toys/crack` is what a crack of toys is called: where toys have no word of their own for it, as any crack is.
    """
    every = (_own_names(lang), catalogue(lang))
    for key in dict.fromkeys((code, code.rpartition("/")[2])):
        for words in every:
            if (said := words.get(f"{kind}.{key}")) is not None:
                return said
    return code.rpartition("/")[2]


def texts(lang: str, beginnings: tuple[str, ...]) -> dict[str, str]:
    """All texts whose keys begin with one of `beginnings`, with the names of the categories in force."""
    every = {**catalogue(lang), **_own_names(lang)}
    return {key: said for key, said in every.items() if key.startswith(beginnings)}


def _own_names(lang: str) -> Mapping[str, str]:
    return lang.names if isinstance(lang, Language) else {}


def pick(accept_language: str | None) -> str:
    """The language for an `Accept-Language` header, by the Lookup of RFC 4647 section 3.4.

    Ranges are tried in the order of their q values (RFC 9110 section 12.4.2), equal ones as written. `zh`,
    `zh-Hans…`, `zh-CN` and `zh-SG` get `zh-CN`; traditional Chinese and all others get English.
    """
    for wanted in _ranges(accept_language or ""):
        if wanted == "*" or wanted.split("-")[0] == "en":
            return "en"
        if _reads_simplified(wanted.split("-")):
            return "zh-CN"
    return LANGUAGES[0]


def _ranges(header: str) -> list[str]:
    """The language ranges of a header, lower case, best first, without malformed and refused (`q=0`) ones."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, written = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(written)
                except ValueError:
                    quality = 0.0
        if tag and 0 < quality <= 1:
            found.append((quality, tag))
    return [tag for _, tag in sorted(found, key=lambda pair: -pair[0])]


def _reads_simplified(subtags: Sequence[str]) -> bool:
    if subtags[0] != "zh":
        return False
    if len(subtags) == 1 or subtags[1] == "hans":
        return True
    return subtags[1] in ("cn", "sg")


def text(key: str, lang: str, /, **params: Param) -> str:
    """The text `key` in `lang`, with `params` written into it.

    A parameter `name@<lang>` is used in place of `name` in that language.
    """
    for language in dict.fromkeys((lang, LANGUAGES[0])):
        template = catalogue(language).get(key) if language in LANGUAGES else None
        if template is not None:
            return _Words(language).vformat(template, (), _localised(params, language))
        if STRICT:
            raise TextError(f"The catalogue {language}.json has no text {key!r}: add it.")
    return key


def render(reason: Reason, lang: str) -> str:
    """A reason in words: the text `reason.<code>` with its parameters."""
    words = text(f"reason.{reason.code}", lang, **reason.params)
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, slots=True)
class Message:
    """A text of the catalogue that is written only once its reader's language is known."""

    key: str
    params: Mapping[str, Param] = field(default_factory=dict)

    def to(self, lang: str) -> str:
        """The text in `lang`."""
        return text(self.key, lang, **self.params)

    def __str__(self) -> str:
        return self.to(LANGUAGES[0])


def say(message: Message | str, lang: str) -> str:
    """`message` in `lang`; a plain string, which only programs are meant to read, as it is."""
    return message.to(lang) if isinstance(message, Message) else message


def _localised(params: Mapping[str, Param], lang: str) -> dict[str, Param]:
    own = {name.removesuffix(f"@{lang}"): value for name, value in params.items() if name.endswith(f"@{lang}")}
    return {**{name: value for name, value in params.items() if "@" not in name}, **own}


class _Words(string.Formatter):
    """Fills a template; knows the field kinds of this catalogue."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if field_name not in kwargs:
            if STRICT:
                raise TextError(f"A text needs the parameter {field_name!r}; it got {sorted(kwargs)}.")
            return f"{{{field_name}}}", field_name
        return (kwargs[field_name], kwargs), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, str):  # a parameter that is missing
            return value
        found, params = value
        kind, _, currency = format_spec.partition(".")
        if isinstance(found, int | float):
            if kind == "percent":
                return format_percent(found)
            if kind == "money":
                return format_money(found, str(params.get(currency or "currency", "")), self.lang)
            return f"{found:g}"
        if kind in _NAMES:
            key = f"{kind}.{found}"
            return name_of(kind, str(found), self.lang) if kind in _OPEN_NAMES else text(key, self.lang)
        return str(found)
