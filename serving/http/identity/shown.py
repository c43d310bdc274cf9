"""What the codes of an item say, as it goes over the wire."""

from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from regrade.models.codes.identity import Identity, ReadCode, Verdict
from regrade.serving.base.i18n import text
from regrade.serving.storage.records import Inspection

_SAID: Final = 40
"""Characters of a code in a sentence."""
Corners = list[tuple[float, float]]


class ExpectedCodesOut(BaseModel):
    gtins: list[str] = Field(description="GTINs of 14 digits, of which one is to be read.")
    serials: list[str] = Field(description="Serial numbers and IMEI, of which one is to be read.")


class ReadCodeOut(BaseModel):
    """A code that was read. Its text is whatever stood there: show it as text."""

    text: str = Field(
        max_length=512, description="At most 512 characters; what cannot be seen is written as `\\u202e`."
    )
    cut: bool = Field(description="Whether the text goes on.")
    format: str | None = Field(description="Such as `ean_13`, `code_128`, `qr_code`; null where nobody knows it.")
    source: str = Field(description="`barcode`: read in a photo; `scanner`: sent by the station in `answers.codes`.")
    photo: int | None
    box: tuple[float, float, float, float] | None = Field(description="x1, y1, x2, y2 in pixels of the upright photo.")
    polygon: Corners | None = Field(description="The four corners in order, in pixels of the upright photo.")
    kind: Literal["gtin", "serial", "other"] = Field(description="As what it was compared.")
    agrees: bool | None = Field(description="Whether it was expected; null where it says nothing of the item.")


class IdentityOut(BaseModel):
    """Whether the codes on an item are those that its return says."""

    verdict: Verdict = Field(
        description="`mismatch`: of a kind of code that is expected one was read, and none is right; `nothing_read`: "
        "none of a kind that is expected; `not_expected`: the catalogue has no codes for this return."
    )
    words: str = Field(description="The verdict in a sentence, in the language asked for.")
    expected: ExpectedCodesOut
    codes: list[ReadCodeOut] = Field(description="Those that were read, what disagrees first; at most 48.")
    looks_like: list[str] = Field(description="SKUs of the catalogue whose GTIN was read in place of an expected one.")
    photos_unread: list[int] = Field(description="Photos whose codes were not read, as that took too long.")


def identity_out(identity: Identity | None, lang: str) -> IdentityOut | None:
    """None where no codes were looked for."""
    if identity is None:
        return None
    expected = ExpectedCodesOut(gtins=list(identity.expected.gtins), serials=list(identity.expected.serials))
    return IdentityOut(
        verdict=identity.verdict,
        words=words_of(identity, lang),
        expected=expected,
        codes=[_code(one) for one in identity.codes],
        looks_like=list(identity.looks_like),
        photos_unread=list(identity.unread),
    )


def identity_json(inspection: Inspection, lang: str) -> dict[str, Any] | None:
    """The same, for a page of the desk; None of what was erased, too."""
    out = None if inspection.erased is not None else identity_out(inspection.identity, lang)
    return None if out is None else out.model_dump(mode="json")


def words_of(identity: Identity, lang: str) -> str:
    """The verdict in a sentence, with what was read and what is expected where that differs."""
    wrong = next((one for one in identity.codes if one.agrees is False), None)
    if identity.verdict != "mismatch" or wrong is None:
        return text(f"identity.{identity.verdict}", lang)
    of_kind = identity.expected.gtins if wrong.kind == "gtin" else identity.expected.serials
    # A GTIN as it is printed: of 13 digits, not filled up to 14.
    shown = [one.removeprefix("0") if wrong.kind == "gtin" and len(one) == 14 else one for one in of_kind[:3]]
    told = text("identity.mismatch_read", lang, read=_short(wrong.text), expected=" / ".join(shown))
    if not identity.looks_like:
        return told
    return f"{told} {text('identity.looks_like', lang, skus=' / '.join(identity.looks_like[:3]))}"


def _short(text: str) -> str:
    return text if len(text) <= _SAID else f"{text[: _SAID - 1]}…"


def _code(one: ReadCode) -> ReadCodeOut:
    box = None
    if one.polygon is not None:
        across, down = zip(*one.polygon, strict=True)
        box = (min(across), min(down), max(across), max(down))
    return ReadCodeOut(
        text=one.text,
        cut=one.cut,
        format=one.format,
        source=one.source,
        photo=one.photo,
        box=box,
        polygon=None if one.polygon is None else list(one.polygon),
        kind=one.kind,
        agrees=one.agrees,
    )
