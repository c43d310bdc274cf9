"""The quality gate: is this photo good enough to grade, and if not, what should the inspector do?

Thresholds are in `QualityLimits`; `regrade train quality-report` shows what they refuse on real photos and
on the same photos blurred, darkened and overexposed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
_MEASURED_SIDE: Final = 416


def assess(photo: Photo, limits: QualityLimits = DEFAULT_LIMITS) -> Quality:
    """Run the gate on one photo. Exposure is judged first, since a black photo is neither sharp nor blurred."""
    luminance = _luminance(photo)
    shadow, highlight = (float(v) for v in np.percentile(luminance, (5, 95)))
    blur, detail = (blur_by_axis(luminance), _detail_by_axis(luminance))
    measures = {
        "short_side": float(min(photo.width, photo.height)),
        "highlight": highlight,
        "shadow": shadow,
        "structure": _structure(luminance),
        "blur": max(blur),
        "detail": min(detail),
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


def blur_by_axis(luminance: NDArray[np.float32], window: int = 11) -> tuple[float, float]:
    """The no-reference blur metric of Crete et al. (2007), "The blur effect: perception and estimation with a
    new no-reference perceptual blur metric", in [0, 1]: how little a photo changes when it is blurred again.

    `luminance` is float32 of shape (h, w), 0–255. Vertical and horizontal are kept apart, so that motion blur along
    one of them is seen; the larger equals `skimage.measure.blur_effect` up to its border handling.
    """
    found = []
    for axis in (0, 1):
        plane = luminance if axis == 0 else luminance.T
        blurred = _box_blur(plane, window)
        change = np.abs(np.diff(plane, axis=0))
        kept = np.maximum(0.0, change - np.abs(np.diff(blurred, axis=0)))
        total = float(change.sum())
        found.append((total - float(kept.sum())) / total if total > 0 else 0.0)
    return found[0], found[1]


def _box_blur(plane: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    half = window // 2
    padded = np.pad(plane, ((half, half), (0, 0)), mode="edge")
    out = padded[: len(plane)].copy()
    for shift in range(1, window):
        out += padded[shift : shift + len(plane)]
    out /= window
    return out


def _detail_by_axis(luminance: NDArray[np.float32]) -> tuple[float, float]:
    vertical, horizontal = (np.abs(np.diff(luminance, n=2, axis=axis)) for axis in (0, 1))
    return float(np.percentile(vertical, 99)), float(np.percentile(horizontal, 99))


def _structure(luminance: NDArray[np.float32]) -> float:
    height, width = luminance.shape
    step = max(1, max(height, width) // 64)
    rows, columns = height // step, width // step
    if rows == 0 or columns == 0:
        return 0.0
    coarse = luminance[: rows * step, : columns * step].reshape(rows, step, columns, step).mean(axis=(1, 3))
    return float(coarse.std())


def _luminance(photo: Photo) -> NDArray[np.float32]:
    image = Image.fromarray(photo.rgb).convert("L")
    scale = _MEASURED_SIDE / max(image.size)
    if scale < 1.0:
        size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.float32)
