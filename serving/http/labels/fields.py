"""What stands on a label, whatever prints it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import segno

from regrade.serving.base.i18n import name_of, text
from regrade.serving.http.pieces.shown import listed
from regrade.serving.http.schemas import InspectionOut

Size = Literal["4x6", "62mm"]
"""4 × 6 inches, as for parcels; or a roll 62 mm wide, cut after 50 mm."""

MOST_SHOWN: Final = 128


@dataclass(frozen=True, slots=True)
class Label:
    """`word` is what to do, `condition` and `bin` are empty where they are not settled, `missing` where nothing is or
    nobody has counted; `address` is of its page."""

    rma: str
    word: str
    condition: str
    bin: str
    address: str
    missing: str = ""


def label_of(shown: InspectionOut, address: str, lang: str) -> Label:
    """The label of an inspection as whoever prints it may know it, in `lang`.

    Before somebody has decided, it says nothing of what the model found.
    """
    now = shown.now
    code = "aside" if now is None else now.action or now.state
    settled = now is not None and now.state == "put" and shown.grade is not None
    return Label(
        rma=str(shown.item.get("rma", ""))[:MOST_SHOWN],
        word=name_of("now", code, lang),
        condition=name_of("condition", shown.grade.condition, lang) if settled and shown.grade else "",
        bin=now.bin.name if now is not None and now.bin is not None else "",
        address=address,
        missing=_missing(shown, lang)[:MOST_SHOWN],
    )


def _missing(shown: InspectionOut, lang: str) -> str:
    if shown.pieces is None or not shown.pieces.missing:
        return ""
    return text("pieces.label", lang, missing=listed(shown.pieces.missing, lang))


def qr_rows(words: str) -> Sequence[Sequence[int]]:
    """The modules of a QR code of `words`, row by row, 1 for dark; medium error correction, no quiet zone."""
    return [list(row) for row in segno.make(words, error="m", micro=False).matrix]
