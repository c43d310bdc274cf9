"""The quality gate: is this photo good enough to grade, and if not, what should the inspector do?

Thresholds are in `QualityLimits`; `regrade train quality-report` shows what they refuse on real photos and
on the same photos blurred, darkened and overexposed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.models.photos.preprocess import reduced
from regrade.models.types import Photo, Quality

ISSUES: Final = ("blurry", "too_dark", "too_bright", "too_small", "no_item")
"""What the gate can find. The codes are part of the HTTP contract; what to do about each is said by the catalogue."""


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Thresholds of the gate. Luminance is 0–255; blur is 0 (sharp) to 1 (nothing but blur)."""

    min_short_side: int = 200
    """Pixels of the full-size photo: below it the models would look at enlarged pixels."""
    max_blur: float = 0.54
    """Crete's blur at a long side of 416 px: about a Gaussian of σ = 2 px, five pixels wide in a 1000 px photo.
    Finer blur is lost anyway when the photo is reduced for the models."""
    max_detail_when_blurred: float = 9.0
    """An axis is blurred only if its strongest fine detail (99th percentile of the second difference) is low too:
    a sharp item before a plain ground is not blurred."""
    min_detail: float = 3.0
    """Below this, an axis holds no edge at all, whatever the blur measure makes of the noise that is left."""
    dark_highlight: float = 45.0
    """Too dark if 95% of the photo is below this luminance: not even the highlights carry detail."""
    bright_shadow: float = 225.0
    """Too bright if 95% of the photo is above this luminance."""
    min_structure: float = 5.0
    """No item if the coarse picture (long side 64 px) varies by less than this standard deviation."""


DEFAULT_LIMITS: Final = QualityLimits()
MEASURED_SIDE: Final = 416
"""Pixels of the long side at which a photo is judged; a larger one is reduced to it first."""


def assess(photo: Photo, limits: QualityLimits = DEFAULT_LIMITS) -> Quality:
    """Run the gate on one photo. Exposure is judged first, since a black photo is neither sharp nor blurred."""
    picture = reduced(photo.rgb, MEASURED_SIDE)
    luminance = np.asarray(Image.fromarray(picture).convert("L"))
    shadow, highlight = _percentiles(luminance, (5, 95))
    # Differences of 8-bit values go from -1020 to 1020.
    plane = luminance.astype(np.int16)
    blur, detail = blur_by_axis(plane), _detail_by_axis(plane)
    measures = {
        "short_side": float(min(photo.width, photo.height)),
        "highlight": highlight,
        "shadow": shadow,
        "structure": _structure(luminance),
        "blur": max(blur),
        "detail": min(detail),
        "sharpness": 1 - max(blur),
        **_light(picture),
    }
    issues: list[str] = []
    if measures["short_side"] < limits.min_short_side:
        issues.append("too_small")
    if highlight < limits.dark_highlight:
        issues.append("too_dark")
    elif shadow > limits.bright_shadow:
        issues.append("too_bright")
    elif measures["structure"] < limits.min_structure:
        issues.append("no_item")
    elif any(_blurred(b, d, limits) for b, d in zip(blur, detail, strict=True)):
        issues.append("blurry")
    return Quality(not issues, tuple(issues), {k: round(v, 3) for k, v in measures.items()})


def _blurred(blur: float, detail: float, limits: QualityLimits) -> bool:
    return detail < limits.min_detail or (blur > limits.max_blur and detail < limits.max_detail_when_blurred)


def blur_by_axis(luminance: NDArray[np.int16], window: int = 11) -> tuple[float, float]:
    """The no-reference blur metric of Crete et al. (2007), "The blur effect: perception and estimation with a
    new no-reference perceptual blur metric", in [0, 1]: how little a photo changes when it is blurred again.

    `luminance` is int16 of shape (h, w), 0–255. Vertical and horizontal are kept apart, so that motion blur along
    one of them is seen; the larger equals `skimage.measure.blur_effect` up to its border handling.
    """
    found = []
    for axis in (0, 1):
        before = window // 2
        edges = [(before, window - 1 - before) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(luminance, edges, mode="edge")
        change = np.abs(np.diff(luminance, axis=axis))
        # Neighbouring means over a window differ by what enters at one end and leaves at the other: there is no
        # need to blur. Both sides are multiplied by the window, to stay with integers.
        left, right = (padded[:-window], padded[window:]) if axis == 0 else (padded[:, :-window], padded[:, window:])
        lost = np.minimum(change * np.int16(window), np.abs(right - left))
        total = int(change.sum(dtype=np.int64)) * window
        found.append(int(lost.sum(dtype=np.int64)) / total if total else 0.0)
    return found[0], found[1]


def _detail_by_axis(luminance: NDArray[np.int16]) -> tuple[float, float]:
    vertical, horizontal = (_percentiles(np.abs(np.diff(luminance, n=2, axis=axis)), (99,)) for axis in (0, 1))
    return vertical[0], horizontal[0]


def _percentiles(values: NDArray[np.uint8] | NDArray[np.int16], wanted: Sequence[float]) -> list[float]:
    """As `numpy.percentile`, for small whole numbers from 0: counting them takes a tenth of the time of sorting."""
    if not values.size:
        return [0.0] * len(wanted)
    upto = np.cumsum(np.bincount(values.ravel()))
    found = []
    for rank in (share / 100 * (values.size - 1) for share in wanted):
        low, high = (int(np.searchsorted(upto, r, side="right")) for r in (math.floor(rank), math.ceil(rank)))
        found.append(low + (high - low) * (rank - math.floor(rank)))
    return found


def _structure(luminance: NDArray[np.uint8]) -> float:
    height, width = luminance.shape
    step = max(1, max(height, width) // 64)
    rows, columns = height // step, width // step
    if rows == 0 or columns == 0:
        return 0.0
    coarse = np.asarray(Image.fromarray(luminance[: rows * step, : columns * step]).reduce(step))
    return float(coarse.std())


def _light(picture: NDArray[np.uint8]) -> dict[str, float]:
    """What lamp and camera do to all photos alike; it decides nothing here, but shows when a station changes.

    `picture` is RGB of shape (h, w, 3). `brightness` is the mean of its Rec. 601 luminance, 0–255; `warmth` that of
    red less blue, and `tint` that of green less the mean of red and blue, each in -255–255. Every fourth pixel of each
    axis is enough for means.
    """
    red, green, blue = (float(mean) for mean in picture[::4, ::4].reshape(-1, 3).mean(axis=0))
    return {
        "brightness": 0.299 * red + 0.587 * green + 0.114 * blue,
        "warmth": red - blue,
        "tint": green - (red + blue) / 2,
    }
