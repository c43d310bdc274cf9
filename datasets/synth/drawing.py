"""Masks, noise, strokes and blends that recipes are drawn with. OpenCV and numpy only; nothing writes to its input."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from regrade.datasets.synth.scene import Mask, Rgb, Scene
from regrade.models.types import Box

Points = NDArray[np.float64]
"""(n, 2), x and y in pixels."""
_BITS = 4  # fractional bits of the coordinates that cv2 draws with


def blank(scene: Scene) -> Mask:
    return np.zeros(scene.size, np.float32)


def extent(scene: Scene) -> float:
    """The longer side of the item, in pixels."""
    x1, y1, x2, y2 = scene.box
    return float(max(x2 - x1, y2 - y1))


def inside(scene: Scene, rng: np.random.Generator, margin: float = 0.05) -> Points | None:
    """A random place on the item, `margin` of its shorter side away from its edge; None where there is none."""
    x1, y1, x2, y2 = scene.box
    kept = shrunk(scene.item, margin * min(x2 - x1, y2 - y1))
    rows, columns = np.nonzero(kept > 0.5)
    if not len(rows):
        return None
    at = int(rng.integers(len(rows)))
    return np.array([float(columns[at]), float(rows[at])])


def shrunk(mask: Mask, by: float) -> Mask:
    """`mask` without a rim of `by` pixels."""
    side = 2 * max(1, round(by)) + 1
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.erode(padded, np.ones((side, side), np.uint8))[1:-1, 1:-1], np.float32)


def grown(mask: Mask, by: float) -> Mask:
    """`mask` with a rim of `by` pixels more."""
    side = 2 * max(1, round(by)) + 1
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), np.float32)


def noise(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> Mask:
    """Smooth noise in [-1, 1] with features of about `grain` pixels."""
    height, width = shape
    cells = (max(3, round(height / max(grain, 1)) + 2), max(3, round(width / max(grain, 1)) + 2))
    small = rng.uniform(-1, 1, cells).astype(np.float32)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), -1, 1).astype(np.float32)


def soft(mask: Mask, sigma: float) -> Mask:
    """`mask` blurred by a Gaussian of `sigma` pixels; beyond 8 px on a reduced copy, which looks the same."""
    if sigma < 0.2:
        return mask
    factor = int(sigma // 4)
    if factor < 2 or min(mask.shape) < 8 * factor:
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32)
    size = (mask.shape[1] // factor, mask.shape[0] // factor)
    small = cv2.GaussianBlur(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _fixed(points: ArrayLike, scale: float = 1.0) -> NDArray[np.int32]:
    spread = np.clip(np.asarray(points, np.float64) * scale, -16000, 16000) * 2**_BITS
    return np.asarray(np.round(spread), np.int32)


def polygon(layer: Mask, points: ArrayLike) -> Mask:
    """A filled polygon with soft edges, of the size of `layer`, laid over it."""
    drawn = np.zeros(layer.shape, np.uint8)
    cv2.fillPoly(drawn, [_fixed(points)], 255, cv2.LINE_AA, _BITS)
    return np.maximum(layer, drawn.astype(np.float32) / 255)


def lines(layer: Mask, paths: Sequence[Points], widths: Sequence[float]) -> Mask:
    """Polylines laid over `layer`; thinner than a pixel becomes fainter, so that hairlines stay hairlines."""
    scale = 2 if max(layer.shape) <= 1400 else 1
    drawn = np.zeros((layer.shape[0] * scale, layer.shape[1] * scale), np.uint8)
    for path, width in sorted(zip(paths, widths, strict=True), key=lambda pair: pair[1]):
        wide = width * scale
        tone_of = 255 * min(1.0, max(0.1, wide))
        cv2.polylines(drawn, [_fixed(path, scale)], False, tone_of, max(1, round(wide)), cv2.LINE_AA, _BITS)
    small = cv2.resize(drawn, layer.shape[::-1], interpolation=cv2.INTER_AREA) if scale > 1 else drawn
    return np.maximum(layer, small.astype(np.float32) / 255)


def outline(
    centre: ArrayLike, radius: float, rng: np.random.Generator, stretch: float = 1.0, ragged: float = 0.3
) -> Points:
    """An irregular closed shape around `centre`: a circle, drawn out by `stretch`, with noise in several octaves."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    wave = np.ones(96)
    for octave in (2, 3, 5, 9, 17, 29):
        wave += ragged * np.sin(octave * angles + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.3, 1) / np.sqrt(octave)
    wave = np.maximum(wave, 0.15)
    turn = rng.uniform(0, np.pi)
    x, y = np.cos(angles) * wave * stretch**0.5, np.sin(angles) * wave / stretch**0.5
    turned = np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
    return np.asarray(radius * turned + np.asarray(centre), np.float64)


def jagged(start: Points, angle: float, reach: float, rng: np.random.Generator, wander: float = 0.35) -> Points:
    """A path with kinks that runs from `start` about in the direction `angle`."""
    steps = int(rng.integers(6, 16))
    turns = angle + np.cumsum(rng.normal(0, wander, steps)) * 0.5
    strides = np.column_stack([np.cos(turns), np.sin(turns)]) * (reach / steps)
    return np.asarray(np.vstack([start, start + np.cumsum(strides, axis=0)]), np.float64)


def curve(start: Points, end: Points, bow: float, rng: np.random.Generator, count: int = 32) -> Points:
    """A smooth path from `start` to `end` that bows out by about `bow` of its length."""
    t = np.linspace(0, 1, count)[:, None]
    along = end - start
    across = np.array([-along[1], along[0]])
    bend = rng.normal(0, bow) * np.sin(np.pi * t) + rng.normal(0, bow / 2) * np.sin(2 * np.pi * t)
    return np.asarray(start + along * t + across * bend, np.float64)


def mix(rgb: Rgb, colour: ArrayLike, alpha: Mask) -> Rgb:
    """`rgb` covered by `colour`, one tone (3,) or a picture (h, w, 3), as far as `alpha` says."""
    a = np.clip(alpha, 0, 1)[..., None]
    return np.clip(rgb + (np.asarray(colour, np.float32) - rgb) * a + 0.5, 0, 255).astype(np.uint8)


def gain(rgb: Rgb, factor: Mask) -> Rgb:
    """`rgb` made lighter or darker by a factor a pixel."""
    return np.clip(rgb * factor[..., None] + 0.5, 0, 255).astype(np.uint8)


def warp(rgb: Rgb, dx: Mask, dy: Mask) -> Rgb:
    """`rgb` with each pixel fetched from `(x + dx, y + dy)`."""
    columns, rows = np.meshgrid(np.arange(rgb.shape[1], dtype=np.float32), np.arange(rgb.shape[0], dtype=np.float32))
    x, y = (columns + dx).astype(np.float32), (rows + dy).astype(np.float32)
    moved = cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def tone(rgb: Rgb, mask: Mask) -> NDArray[np.float64]:
    """The mean colour (3,) under `mask`; of the whole photo where that is empty."""
    picked = rgb[mask > 0.5]
    return np.asarray((picked if len(picked) else rgb.reshape(-1, 3)).mean(axis=0), np.float64)


def box_of(mask: Mask, least: int = 12) -> Box | None:
    """The extent of `mask` above 0.15, half-open, or None where fewer than `least` pixels are."""
    seen = mask > 0.15
    if np.count_nonzero(seen) < least:
        return None
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
