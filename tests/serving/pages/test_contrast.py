"""That words can be read on what they stand on, by day and by night: WCAG 2.2, AA, worked out from the tokens."""

import re
from pathlib import Path

import pytest

from regrade.serving.http.routes.station import pages

PAGES = Path(pages.__file__).parents[3] / "pages"
TOKENS = (PAGES / "tokens.css").read_text(encoding="utf-8")
NORMAL, LARGE = 4.5, 3.0
"""Ratios that text must have, and that large text, icons and the borders of controls must (1.4.3, 1.4.11)."""

GROUNDS = ("ground", "panel", "field", "hover", "chosen", "drop")
WORDS = [(ink, ground, NORMAL) for ink in ("ink", "soft", "text", "accent") for ground in GROUNDS]
WORDS += [
    (name, ground, NORMAL) for name in ("unopened", "opened", "used", "damaged") for ground in ("panel", "chosen")
]
WORDS += [("damaged", ground, NORMAL) for ground in ("ground", "field", "warn-ground")]
WORDS += [("ink", f"{kind}-ground", NORMAL) for kind in ("good", "bad", "warn", "tag")]
WORDS += [("soft", ground, NORMAL) for ground in ("warn-ground", "bad-ground")]
WORDS += [("good-ink", "good-ground", NORMAL), ("warn-ink", "warn-ground", NORMAL), ("warn-ink", "panel", NORMAL)]
WORDS += [("accent", "good-ground", NORMAL), ("accent", "bad-ground", NORMAL), ("alarm-ink", "panel", NORMAL)]
WORDS += [
    ("#fff", fill, NORMAL) for fill in ("primary", "primary-hover", "brand", "damaged-fill", "minor-fill", "toast")
]
WORDS += [("on-bin", f"bin-{name}", NORMAL) for name in ("green", "blue", "teal", "orange", "red", "purple", "grey")]
WORDS += [("on-yellow", "bin-yellow", NORMAL), ("chart-tick", "panel", NORMAL), ("chart-tick", "chart-ground", NORMAL)]
WORDS += [("field-line", "field", LARGE), ("field-line", "panel", LARGE), ("chart-line", "chart-ground", LARGE)]
WORDS += [("chart-changed", "chart-usual", LARGE), ("chart-level", "chart-ground", LARGE), ("focus", "ring", LARGE)]


def tokens(mode: str) -> dict[str, str]:
    """The colours of a mode, by name."""
    day, night = TOKENS.split("@media (prefers-color-scheme: dark)")
    read = re.compile(r"--([\w-]+): (#[0-9a-f]{3,6});")
    found = dict(read.findall(day))
    assert len(found) > 50
    return found | dict(read.findall(night.split("@media")[0])) if mode == "dark" else found


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_can_be_read_on_what_they_stand_on(mode: str) -> None:
    known = tokens(mode)
    ratios = {(ink, on): contrast(known.get(ink, ink), known[on]) for ink, on, _ in WORDS}
    assert [(ink, on, round(ratios[ink, on], 2)) for ink, on, least in WORDS if ratios[ink, on] < least] == []


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


def test_every_token_that_a_page_uses_exists_and_every_one_is_used() -> None:
    styles = {file.name: file.read_text(encoding="utf-8") for file in PAGES.rglob("*.css")}
    own = {"bin", "bar", "u", "code"}
    used = {name for text in styles.values() for name in re.findall(r"var\(--([\w-]+)\)", text)} - own
    assert used - set(tokens("light")) == set()
    assert set(tokens("light")) - used == set()


def test_night_changes_no_token_that_day_does_not_have() -> None:
    assert set(tokens("dark")) == set(tokens("light"))
