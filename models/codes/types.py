"""A code as it was read. Its text is a stranger's: bounded, and with nothing in it that cannot be seen."""

import unicodedata
from dataclasses import dataclass

from regrade.models.codes.names import LONGEST

Point = tuple[float, float]
Polygon = tuple[Point, Point, Point, Point]
"""Corners in order round the code, in pixels of the upright full-size photo, as boxes of defects are."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `source` is `barcode` (read in a photo), `scanner` (sent by the station), or what else reads texts.

    `format` is such as `ean_13`, None where nobody knows it; `photo` and `polygon` are None for what no photo shows.
    """

    text: str
    source: str
    format: str | None = None
    photo: int | None = None
    polygon: Polygon | None = None
    cut: bool = False


def bounded(text: str) -> tuple[str, bool]:
    """`text` as it may be kept and shown, and whether it was cut: controls, marks that turn or hide what follows and
    whatever else cannot be seen stand as `\\u202e` does here."""
    visible = "".join(one if _can_be_seen(one) else _named(one) for one in text[: LONGEST + 1])
    return visible[:LONGEST], len(visible) > LONGEST


def _can_be_seen(one: str) -> bool:
    return one == " " or unicodedata.category(one)[0] not in "CZ"


def _named(one: str) -> str:
    point = ord(one)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
