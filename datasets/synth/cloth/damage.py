"""Damage of garments, and the close-ups that people take of it."""

from typing import Final

import numpy as np

from regrade.datasets.synth.cloth import holes, stains
from regrade.datasets.synth.cloth import wear as cloth_wear
from regrade.datasets.synth.scene import Mask, Recipe, Rgb
from regrade.models.types import Box

RECIPES: Final[tuple[Recipe, ...]] = (
    Recipe("stain_spill", "stain", "major", stains.spill),
    Recipe("stain_grease", "stain", "major", stains.grease),
    Recipe("stain_ink", "stain", "major", stains.ink),
    Recipe("stain_yellow", "stain", "major", stains.yellowing),
    Recipe("stain_bleach", "stain", "major", stains.bleach),
    Recipe("stain_specks", "stain", "major", stains.specks),
    Recipe("stain_smudge", "stain", "minor", stains.smudge),
    Recipe("stain_rub", "stain", "major", stains.rub),
    Recipe("stain_mud", "stain", "major", stains.mud),
    Recipe("stain_dust", "stain", "minor", stains.dust),
    Recipe("stain_tide_mark", "stain", "minor", stains.tide_mark),
    Recipe("cloth_hole", "hole", "major", holes.hole),
    Recipe("cloth_burn", "hole", "major", holes.burn),
    Recipe("cloth_moth_holes", "hole", "major", holes.moth_holes),
    Recipe("cloth_rip", "tear", "major", holes.rip),
    Recipe("cloth_burst_seam", "tear", "major", holes.burst_seam),
    Recipe("cloth_torn_edge", "tear", "major", holes.torn_edge),
    Recipe("cloth_snag", "wear", "minor", cloth_wear.snag),
    Recipe("cloth_pilling", "wear", "minor", cloth_wear.pilling),
)


def close_up(
    rgb: Rgb, around: Box | None, item: Mask, rng: np.random.Generator, low: float = 0.25, high: float = 0.8
) -> tuple[Rgb, Box]:
    """Crop as somebody would who photographs a defect from near: `low`–`high` of the photo's sides.

    `around` (pixels of `rgb`) stays wholly inside, at a random place, for which the crop grows where it must; where
    it is None, the crop lies around a random point of the item. Returns the crop, a view of `rgb` (h, w, 3) uint8,
    and its box in `rgb`. Draw for damaged and clean photos alike, or nearness itself will come to mean damage.
    """
    height, width = rgb.shape[:2]
    share = float(rng.uniform(low, high))
    aspect = float(np.exp(rng.normal(0, 0.12)))
    if around is None:
        rows, columns = np.nonzero(item > 0.5)
        if len(rows):
            pick = int(rng.integers(len(rows)))
            x, y = float(columns[pick]), float(rows[pick])
        else:
            x, y = width / 2, height / 2
        around = (x, y, x + 1, y + 1)
    spans = []
    for start, end, side, wanted in (
        (around[0], around[2], width, share * aspect),
        (around[1], around[3], height, share / aspect),
    ):
        start, end = max(0.0, start), min(float(side), end)
        length = min(float(side), max(side * min(wanted, 1.0), (end - start) * 1.15, 16.0))
        first, last = max(0.0, end - length), min(start, side - length)
        at = float(rng.uniform(first, last)) if last > first else max(0.0, min(first, side - length))
        spans.append((int(np.floor(at)), min(side, int(np.ceil(at + length)))))
    (x1, x2), (y1, y2) = spans
    return rgb[y1:y2, x1:x2], (float(x1), float(y1), float(x2), float(y2))
