"""Where the item of a photo is: GrabCut (Rother et al., SIGGRAPH 2004) on a small copy, from a box or from what the
photo's middle has that its border has not.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.scene import Mask, Rgb
from regrade.models.category.schema import ItemOutline
from regrade.models.types import Box

_SIDE: Final = 144
"""Long side in pixels of the copy that is cut; GrabCut's time grows with the area."""
_CLUSTERS: Final = 6

_Trimap = NDArray[np.uint8]


def item_mask(rgb: Rgb, box: Box | None, outline: ItemOutline) -> Mask:
    """The mask of the item on a photo, float32 (h, w) in [0, 1], soft by about a pixel at its edge.

    `rgb` is uint8 (h, w, 3); `box` encloses the item in its pixels, or is None where nobody drew one. Where the cut
    is degenerate (next to nothing, or nearly all), the mask falls back to the box, or to the whole photo, which is
    what a close-up of one surface is; to the middle of it where items are `centred`.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    limits = _limits(box, size[0] / width, size[1] / height, size)
    mask = _cut(small, limits, outline) if limits is not None else _cut_unboxed(small, outline)
    big = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    # The small cut's staircase becomes a smooth outline again.
    smooth = cv2.GaussianBlur(big, (0, 0), max(0.6, 0.6 / scale))
    return np.asarray(np.clip((smooth - 0.5) * max(2.0, 1.2 / scale) + 0.5, 0, 1), np.float32)


def _limits(box: Box | None, sx: float, sy: float, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The box in pixels of the small copy, clipped to it; None where there is none or next to nothing is left."""
    if box is None:
        return None
    x1, y1 = max(0, round(box[0] * sx)), max(0, round(box[1] * sy))
    x2, y2 = min(size[0], round(box[2] * sx)), min(size[1], round(box[3] * sy))
    return (x1, y1, x2, y2) if x2 - x1 >= 6 and y2 - y1 >= 6 else None


def _cut(small: Rgb, limits: tuple[int, int, int, int], outline: ItemOutline) -> NDArray[np.bool_]:
    """The item within its box; the box itself where the cut leaves too little of it."""
    x1, y1, x2, y2 = limits
    boxed = np.zeros(small.shape[:2], dtype=bool)
    boxed[y1:y2, x1:x2] = True
    if boxed.mean() > 0.93:
        return boxed
    # Only the box's surroundings tell what the background looks like here; a far corner of the room does not.
    pad_x, pad_y = max(4, (x2 - x1) // 3), max(4, (y2 - y1) // 3)
    left, top = max(0, x1 - pad_x), max(0, y1 - pad_y)
    part = np.ascontiguousarray(small[top : y2 + pad_y, left : x2 + pad_x])
    inside = boxed[top : y2 + pad_y, left : x2 + pad_x]
    trimap = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    dx, dy = (x2 - x1) / 4, (y2 - y1) / 4
    trimap[round(y1 + dy) - top : round(y2 - dy) - top, round(x1 + dx) - left : round(x2 - dx) - left] = cv2.GC_FGD
    cut = _tidy(_grabcut(part, trimap, 2), outline)
    if cut.sum() < (0.45 if outline.rigid else 0.25) * inside.sum():
        return boxed
    mask = np.zeros_like(boxed)
    mask[top : y2 + pad_y, left : x2 + pad_x] = cut & inside
    return mask


def _cut_unboxed(small: Rgb, outline: ItemOutline) -> NDArray[np.bool_]:
    """The item where nobody drew a box: colours that the middle has more of than the border does."""
    whole = np.ones(small.shape[:2], dtype=bool)
    if outline.centred:
        height, width = small.shape[:2]
        rows, columns = np.indices((height, width))
        whole = np.hypot((rows + 0.5) / height - 0.5, (columns + 0.5) / width - 0.5) < 0.38
    trimap = _middle_against_border(small)
    if trimap is None:
        return whole
    cut = _rejoined(small, _tidy(_grabcut(small, trimap, 2), outline), outline)
    share = float(cut.mean())
    if outline.centred and share > 0.8:
        return whole
    if share < outline.least_share or share > 0.94:
        return whole
    return cut


def _middle_against_border(small: Rgb) -> _Trimap | None:
    """A guess for GrabCut from colour clusters; None where the border looks like the middle (a close-up)."""
    height, width = small.shape[:2]
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    # Lightness counts less than hue: a carton's shaded side is still the carton.
    points = np.ascontiguousarray((lab * np.array([0.6, 1.3, 1.3], np.float32)).reshape(-1, 3))
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    _, labels, centres = cv2.kmeans(points, _CLUSTERS, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    clusters = labels.reshape(height, width)
    rows, columns = np.indices((height, width))
    away = np.maximum(np.abs(rows / height - 0.5), np.abs(columns / width - 0.5)) * 2  # 0 in the middle, 1 at the rim
    border, middle = away > 0.9, away < 0.5
    at_border = np.bincount(clusters[border], minlength=_CLUSTERS) / max(1, border.sum())
    at_middle = np.bincount(clusters[middle], minlength=_CLUSTERS) / max(1, middle.sum())
    outside = at_border / np.maximum(at_border + at_middle, 1e-6)
    core = int(at_middle.argmax())
    # What looks like the item's main colour is the item, wherever the frame cuts it off.
    alike = np.linalg.norm(centres - centres[core], axis=1) < 14
    outside[alike] = np.minimum(outside[alike], 0.45)
    if float(at_border[outside > 0.62].sum()) < 0.06:
        return None
    score = outside[clusters] + 0.25 * (away - 0.6)
    trimap = np.where(score > 0.6, cv2.GC_PR_BGD, cv2.GC_PR_FGD).astype(np.uint8)
    trimap[border & (outside[clusters] > 0.72)] = cv2.GC_BGD
    trimap[(away < 0.3) & (outside[clusters] < 0.4)] = cv2.GC_FGD
    return trimap


def _rejoined(small: Rgb, cut: NDArray[np.bool_], outline: ItemOutline) -> NDArray[np.bool_]:
    """With the parts of the background that no edge parts from the item: a shaded end of the same surface."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    wide = cv2.dilate(cut.astype(np.uint8), np.ones((3, 3), np.uint8))
    gap = cv2.subtract(wide, cv2.erode(cut.astype(np.uint8), np.ones((3, 3), np.uint8)))
    mask = cut.copy()
    count, labels = cv2.connectedComponents((~cut).astype(np.uint8))
    for number in range(1, count):
        part = labels == number
        inner = cut & (cv2.dilate(part.astype(np.uint8), near) > 0) & (gap == 0)
        outer = part & (cv2.dilate(inner.astype(np.uint8), near, iterations=2) > 0) & (gap == 0)
        if inner.sum() < 5 or outer.sum() < 5:
            mask |= part
            continue
        here, there = np.median(lab[inner], axis=0), np.median(lab[outer], axis=0)
        hue, light = float(np.hypot(*(here - there)[1:])), abs(float(here[0] - there[0]))
        board = outline.cardboard and min(here[2], there[2]) > 128 + 10 and hue < 14
        if np.hypot(hue, 0.5 * light) < 7 or (board and light < 60):
            mask |= part
    return mask


def _grabcut(small: Rgb, trimap: _Trimap, rounds: int) -> NDArray[np.bool_]:
    background = (trimap == cv2.GC_BGD) | (trimap == cv2.GC_PR_BGD)
    if background.sum() < 12 or (~background).sum() < 12:  # its mixtures of five colours need some of each
        return np.asarray(~background)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(small, trimap, None, *models, rounds, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.asarray((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD))


def _tidy(cut: NDArray[np.bool_], outline: ItemOutline) -> NDArray[np.bool_]:
    """Without specks and pinholes: the parts at least a fifth as large as the largest, closed and filled."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    mask = cv2.morphologyEx(cut.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel, iterations=2 if outline.rigid else 1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return np.zeros_like(cut)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(areas >= 0.2 * areas.max())).astype(np.uint8)
    outlines, _ = cv2.findContours(kept, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if outline.rigid:
        hulls = [cv2.convexHull(o) for o in outlines]
        # A hull far larger than its part says that the part is no box: an open carton, two parts, a bad cut.
        outlines = [
            h if cv2.contourArea(o) > 0.8 * cv2.contourArea(h) else o for o, h in zip(outlines, hulls, strict=True)
        ]
    filled = np.zeros_like(kept)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return filled.astype(bool)
