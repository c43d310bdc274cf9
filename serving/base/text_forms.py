"""Names and notes from clients, brought into one form, so that what looks the same is found as the same.

Unicode writes many texts in several ways, and has characters that nobody sees: a scanner's stray one within an RMA
would make its item unfindable. Names are put into Normalization Form C (UAX #15), with plain spaces and none around
them; what cannot be seen is refused. In notes, lines and tabs may stand, and the joiners that some scripts and emoji
need.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError

MAX_NAME: Final = 128

_CONTROLS: Final = r"\u0000-\u001f\u007f-\u009f"
_BREAKS: Final = r"\u2028\u2029"
_JOINERS: Final = r"\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Joiners and variation selectors: Persian, Indic scripts, rare Chinese characters and emoji are written with them."""
_HIDDEN: Final = (
    # Format characters (Cf), among them those that turn the direction of writing, and all that Unicode's
    # Default_Ignorable_Code_Point has shown as nothing; surrogates; and code points that are no characters.
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    r"\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
)
_BLANK: Final = r"\u2800"
"""The braille pattern without a dot: no space by Unicode, and looks like one."""
_UNFIT_IN_NAMES: Final = _CONTROLS + _BREAKS + _JOINERS + _HIDDEN + _BLANK
_IN_NAMES: Final = re.compile(f"[{_UNFIT_IN_NAMES}]")
_IN_NOTES: Final = re.compile(f"[{_HIDDEN}]|(?![\t\n])[{_CONTROLS}]")


def cleaned(text: str) -> str:
    """`text` in Normalization Form C, with every space as U+0020 and none around it."""
    composed = unicodedata.normalize("NFC", text).strip()
    return "".join(" " if unicodedata.category(one) == "Zs" else one for one in composed)


def name(text: str) -> str:
    """A name in its one form. Raises `PydanticCustomError` for a character in it that cannot be seen."""
    found = cleaned(text)
    _refuse(_IN_NAMES.search(found))
    if len(found) > MAX_NAME:
        raise PydanticKnownError("string_too_long", {"max_length": MAX_NAME})
    return found


def note(text: str) -> str:
    """Free text in its one form, with line feeds alone between lines. Raises as `name` does."""
    found = unicodedata.normalize("NFC", re.sub(r"\r\n?|[\u2028\u2029\u0085\v\f]", "\n", text)).strip()
    _refuse(_IN_NOTES.search(found))
    return found


def searched(text: str) -> str:
    """What somebody looks for, in the form of names: what cannot be seen is left out, for no name has any."""
    return cleaned(_IN_NAMES.sub("", cleaned(text)))


def _refuse(found: re.Match[str] | None) -> None:
    if found is None:
        return
    shown = f"U+{ord(found[0]):04X} {unicodedata.name(found[0], '')}".strip()
    raise PydanticCustomError(
        "unseen_character",
        "must not hold the character {character}, at {place}",
        {"character": shown, "place": found.start() + 1},
    )


def _not_empty(text: str) -> str:
    if not text:
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    return text


_SPACES: Final = r"\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SEEN: Final = rf"[^{_SPACES}{_UNFIT_IN_NAMES}]"


@dataclass(frozen=True, slots=True)
class _Described:
    """What the description of the API says of such texts; a little less than what is taken.

    ECMA-262 has no escapes of eight digits, and JSON no surrogates: those are left out.
    """

    pattern: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        known = re.sub(r"\\U[0-9a-f]{8}(-\\U[0-9a-f]{8})?|\\ud800-\\udfff", "", self.pattern)
        return handler(schema) | {"pattern": known}


_A_NAME: Final = _Described(f"^[{_SPACES}]*[^{_UNFIT_IN_NAMES}]*[{_SPACES}]*$")
_A_NOTE: Final = _Described(rf"^[{_SPACES}]*([^{_CONTROLS}{_HIDDEN}]|[\t-\r\u0085])*[{_SPACES}]*$")

Label = Annotated[str, Field(max_length=MAX_NAME), AfterValidator(name), _A_NAME]
"""A name, or nothing."""
ShortLabel = Annotated[str, Field(max_length=64), AfterValidator(name), _A_NAME]
"""The same, of at most 64 characters."""
Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    AfterValidator(name),
    AfterValidator(_not_empty),
    _Described(rf"^[{_SPACES}]*{_SEEN}([^{_UNFIT_IN_NAMES}]*{_SEEN})?[{_SPACES}]*$"),
]
"""An identifier of 1 to 128 characters that can all be seen; spaces around it are dropped."""
ShortName = Annotated[
    str,
    Field(min_length=1, max_length=64),
    AfterValidator(name),
    AfterValidator(_not_empty),
    _Described(rf"^[{_SPACES}]*{_SEEN}([^{_UNFIT_IN_NAMES}]*{_SEEN})?[{_SPACES}]*$"),
]
"""The same, of at most 64 characters."""
Note = Annotated[str, Field(max_length=4000), AfterValidator(note), _A_NOTE]
"""Text of a person's, of several lines if need be."""
ShortNote = Annotated[str, Field(max_length=1000), AfterValidator(note), _A_NOTE]
"""The same, of at most 1000 characters."""
MAX_BRIEF: Final = 200


def _brief(text: str) -> str:
    if len(text) > MAX_BRIEF:  # some characters are two in the one form
        raise PydanticKnownError("string_too_long", {"max_length": MAX_BRIEF})
    return text


BriefNote = Annotated[str, Field(max_length=MAX_BRIEF), AfterValidator(note), AfterValidator(_brief), _A_NOTE]
"""The same, of at most 200 characters."""
_WRITTEN: Final = rf"([^{_CONTROLS}{_HIDDEN}]|[\t-\r\u0085])*"
Words = Annotated[
    str,
    Field(min_length=1, max_length=4000),
    AfterValidator(note),
    AfterValidator(_not_empty),
    _Described(rf"^{_WRITTEN}[^{_SPACES}{_CONTROLS}{_HIDDEN}]{_WRITTEN}$"),
]
"""The same as a note, and something must be written in it."""
