"""Masks, noise, strokes and blends that recipes are drawn with. OpenCV and numpy only; nothing writes to its input."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from regrade.datasets.synth.scene import Mask, Rgb
from regrade.models.types import Box

Points = NDArray[np.float64]
"""(n, 2), x and y in pixels unless a unit is named."""
Shape = tuple[int, int]
"""(height, width) in pixels."""
VISIBLE = 0.15
"""From here on a pixel of a mask counts as part of what was drawn."""

_SUBPIXEL = 4  # fractional bits that cv2 takes coordinates in


@dataclass(frozen=True, slots=True)
class Stroke:
    """A polyline of uneven width (pixels) and light ([0, 1]), one value a point."""

    points: Points
    width: NDArray[np.float64]
    light: NDArray[np.float64]


def noise(shape: Shape, grain: float, rng: np.random.Generator) -> Mask:
    """Smooth noise in [-1, 1] with features of about `grain` pixels."""
    height, width = shape
    cells = (max(3, round(height / max(grain, 1)) + 2), max(3, round(width / max(grain, 1)) + 2))
    small = rng.uniform(-1, 1, cells).astype(np.float32)
    return np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), -1, 1).astype(np.float32)


def cloud(shape: Shape, grain: float, rng: np.random.Generator, octaves: int = 4) -> Mask:
    """Noise in [-1, 1] in several octaves, the coarsest of about `grain` pixels."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        total += noise(shape, grain / 2**octave, rng) * 0.5**octave
    return total / float(sum(0.5**o for o in range(octaves)))


def soft(mask: Mask, sigma: float) -> Mask:
    """`mask` blurred by a Gaussian of `sigma` pixels; beyond 4 px on a reduced copy, which looks the same."""
    if sigma < 0.2:
        return mask
    factor = int(sigma // 4)
    if factor < 2 or min(mask.shape) < 8 * factor:
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32)
    size = (mask.shape[1] // factor, mask.shape[0] // factor)
    small = cv2.GaussianBlur(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def fixed(points: ArrayLike, scale: float = 1.0) -> NDArray[np.int32]:
    """Coordinates as the fixed-point integers that cv2 draws with, kept off the range where they overflow."""
    spread = np.clip(np.asarray(points, np.float64) * scale, -16000, 16000) * 2**_SUBPIXEL
    return np.asarray(np.round(spread), np.int32)


def as_mask(layer: NDArray[np.uint8]) -> Mask:
    """Levels of 0-255 as a mask in [0, 1]."""
    return np.asarray(layer / np.float32(255), np.float32)


def polygon(shape: Shape, points: ArrayLike) -> Mask:
    """A filled polygon with soft edges."""
    layer = np.zeros(shape, np.uint8)
    cv2.fillPoly(layer, [fixed(points)], 255, cv2.LINE_AA, _SUBPIXEL)
    return as_mask(layer)


def lines(shape: Shape, paths: Sequence[Points], width: float) -> Mask:
    """Polylines of one even width (pixels; thinner than one becomes fainter) with soft edges."""
    layer = np.zeros(shape, np.uint8)
    tone = 255 * min(1.0, max(0.05, width))
    cv2.polylines(
        layer, [fixed(p) for p in paths], False, tone, max(1, round(width)), cv2.LINE_AA, _SUBPIXEL
    )  # fmt: skip
    return as_mask(layer)


def strokes(shape: Shape, drawn: Sequence[Stroke]) -> Mask:
    """Strokes of uneven width and light, drawn at twice the size and reduced so that hairlines stay hairlines."""
    scale = 2 if max(shape) <= 1400 else 1
    layer = np.zeros((shape[0] * scale, shape[1] * scale), np.uint8)
    if not drawn:
        return np.zeros(shape, np.float32)
    starts = fixed(np.concatenate([s.points[:-1] for s in drawn]), scale)
    ends = fixed(np.concatenate([s.points[1:] for s in drawn]), scale)
    widths = np.concatenate([(s.width[:-1] + s.width[1:]) / 2 for s in drawn]) * scale
    light = np.concatenate([(s.light[:-1] + s.light[1:]) / 2 for s in drawn])
    tones = np.clip(255 * light * np.minimum(1, widths), 0, 255)
    thick = np.maximum(1, np.round(widths)).astype(int)
    order = np.argsort(tones)  # the brightest last: a line drawn later covers
    for (x1, y1), (x2, y2), t, tone in zip(
        starts[order].tolist(), ends[order].tolist(), thick[order].tolist(), tones[order].tolist(), strict=True
    ):
        cv2.line(layer, (x1, y1), (x2, y2), tone, t, cv2.LINE_AA, _SUBPIXEL)
    if scale > 1:
        layer = np.asarray(cv2.resize(layer, shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    return as_mask(layer)


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


def blob(
    shape: Shape,
    centre: ArrayLike,
    radius: float,
    rng: np.random.Generator,
    stretch: float = 1.0,
    ragged: float = 0.3,
) -> Mask:
    """An irregular filled shape around `centre`."""
    return polygon(shape, outline(centre, radius, rng, stretch, ragged))


def shifted(mask: Mask, dx: float, dy: float) -> Mask:
    """`mask` moved by a fraction of a pixel or more; what comes in from outside is 0."""
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    return np.asarray(cv2.warpAffine(mask, move, mask.shape[::-1]), np.float32)


def blend(rgb: Rgb, colour: ArrayLike, alpha: Mask) -> Rgb:
    """`rgb` covered by `colour`, one tone (3,) or a picture (h, w, 3), as far as `alpha` says."""
    at = np.nonzero(alpha > 0.002)  # mostly a small share of the photo
    tone = np.asarray(colour, np.float32)
    under = rgb[at].astype(np.float32)
    a = np.minimum(alpha[at], 1)[:, None].astype(np.float32)
    out = rgb.copy()
    out[at] = _bytes(under + ((tone[at] if tone.ndim == 3 else tone) - under) * a)
    return out


def shade(rgb: Rgb, gain: Mask) -> Rgb:
    """`rgb` made lighter or darker by a factor a pixel."""
    grey = np.asarray(gain, np.float32)
    return np.asarray(cv2.multiply(rgb, cv2.merge([grey, grey, grey]), dtype=cv2.CV_8U), np.uint8)


def add(rgb: Rgb, light: NDArray[np.float32]) -> Rgb:
    """`rgb` with light laid over it, (h, w) or (h, w, 3) in levels of 0-255, negative to take away."""
    level = np.asarray(light, np.float32)
    if level.ndim == 2:
        level = np.asarray(cv2.merge([level, level, level]), np.float32)
    return np.asarray(cv2.add(rgb, level, dtype=cv2.CV_8U), np.uint8)


def _bytes(values: NDArray[np.floating]) -> Rgb:
    return np.asarray(np.clip(values + 0.5, 0, 255), np.uint8)


def warp(rgb: Rgb, dx: Mask, dy: Mask) -> Rgb:
    """`rgb` with each pixel fetched from `(x + dx, y + dy)`."""
    columns, rows = np.meshgrid(np.arange(rgb.shape[1], dtype=np.float32), np.arange(rgb.shape[0], dtype=np.float32))
    moved = cv2.remap(rgb, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def luma(rgb: Rgb) -> Mask:
    """Brightness, (h, w) in [0, 255] (Rec. 601)."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def difference(before: Rgb, after: Rgb) -> NDArray[np.uint8]:
    """How much each pixel changed, in levels of the channel that changed most."""
    red, green, blue = cv2.split(cv2.absdiff(before, after))
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def box_of(mask: Mask, least: int = 12) -> Box | None:
    """The extent of `mask` above `VISIBLE`, half-open, or None where fewer than `least` pixels are."""
    seen = mask > VISIBLE
    if np.count_nonzero(seen) < least:
        return None
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
