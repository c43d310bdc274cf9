"""Average precision of boxes, as COCO defines it, on weighted photos, so that a bootstrap scores all resamples at once.

Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; matching and the 101 recall levels are
those of its evaluation code, at one overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Floats
from regrade.models.types import Box

RECALLS: Final = np.linspace(0.0, 1.0, 101)
Scored = tuple[float, Box]
"""A found box and its score."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Found boxes of all photos, surest first: `hit` bool (m,) whether each has a true box of its own, `photo` intp
    (m,) the row of its photo; `true` float64 (n,) the true boxes on each photo."""

    hit: NDArray[np.bool_]
    photo: NDArray[np.intp]
    true: Floats


def match(found: Sequence[Sequence[Scored]], true: Sequence[Sequence[Box]], overlap: float = 0.5) -> Matches:
    """Give every found box, surest first, the free true box of its photo that it overlaps most, if by `overlap` (IoU).

    Both sequences have one entry a photo. Raises ValueError for unequal lengths.
    """
    if len(found) != len(true):
        raise ValueError(f"lengths differ: boxes were found on {len(found)} photos, drawn on {len(true)}")
    rows: list[tuple[float, bool, int]] = []
    for photo, (boxes, drawn) in enumerate(zip(found, true, strict=True)):
        free = list(drawn)
        for score, box in sorted(boxes, key=lambda b: -b[0]):
            best = max(free, key=lambda b: iou(box, b), default=None)
            hit = best is not None and iou(box, best) >= overlap
            if hit and best is not None:
                free.remove(best)
            rows.append((score, hit, photo))
    rows.sort(key=lambda r: -r[0])
    return Matches(
        np.array([hit for _, hit, _ in rows], dtype=np.bool_),
        np.array([photo for *_, photo in rows], dtype=np.intp),
        np.array([len(drawn) for drawn in true], dtype=np.float64),
    )


def average_precision(matches: Matches, weights: Floats) -> Floats:
    """Mean over 101 levels of recall of the best precision at that recall or more; `weights` (r, n) → (r,).

    NaN where a sample holds no true box, 0 where nothing was found in it.
    """
    total = weights @ matches.true
    out = np.where(total > 0, 0.0, np.nan)
    if not len(matches.hit):
        return out
    counted = weights[:, matches.photo]
    right = np.cumsum(counted * matches.hit, axis=1)
    seen = np.cumsum(counted, axis=1)
    precision = np.divide(right, seen, out=np.zeros_like(right), where=seen > 0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    for row in np.flatnonzero(total > 0):
        at = np.searchsorted(right[row] / total[row], RECALLS, side="left")
        out[row] = np.where(at < best.shape[1], best[row, np.minimum(at, best.shape[1] - 1)], 0.0).mean()
    return out


def iou(one: Box, two: Box) -> float:
    """Area that two boxes share over the area that they cover together, 0 to 1."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, two))
    return shared / (areas - shared)
