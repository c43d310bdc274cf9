"""Patches of cloth and leather: where damage goes on an item, its irregular outlines, threads, and how it is put back.

Recipes work on a `ClothPatch`, a window around one spot, since most damage covers little of a photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.scene import Mask, Painted, PhotoScene, Rgb

Pixels = NDArray[np.float32]
"""(h, w, 3) in [0, 255]."""
Path = NDArray[np.float64]
"""(n, 2), x and y in pixels of the patch."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def as_mask(values: NDArray[np.generic]) -> Mask:
    return np.asarray(values, dtype=np.float32)


def spot(
    scene: PhotoScene, rng: np.random.Generator, margin: float = 0.04, light: tuple[float, float] = (0, 255)
) -> tuple[float, float] | None:
    """A point (x, y) well on the item where the cloth's luma lies in `light`; None where there is no such point.

    `margin` is the distance from the item's outline, as a share of the item's shorter side.
    """
    height, width = scene.size
    scale = min(1.0, 160 / max(height, width))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    inside = (cv2.resize(scene.item, small, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    luma = cv2.resize(scene.rgb, small, interpolation=cv2.INTER_AREA).astype(np.float32) @ LUMA
    reach = max(1, round(margin * shorter(scene) * scale))
    deep = cv2.erode(
        inside, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    fits = (luma >= light[0]) & (luma <= light[1])
    for where in (deep, inside):
        rows, columns = np.nonzero(where.astype(bool) & fits)
        if len(rows):
            at = int(rng.integers(len(rows)))
            return float((columns[at] + 0.5) / small[0] * width), float((rows[at] + 0.5) / small[1] * height)
    return None


def shorter(scene: PhotoScene) -> float:
    """The shorter side of the item, in pixels."""
    x1, y1, x2, y2 = scene.box
    return min(x2 - x1, y2 - y1)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@dataclass(frozen=True, slots=True)
class ClothPatch:
    """A window on a scene: its pixels, the item's mask in it, and each pixel's offset from the spot."""

    x0: int
    y0: int
    rgb: Pixels
    item: Mask
    dx: Mask
    dy: Mask
    radius: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.item.shape[0], self.item.shape[1]

    @property
    def centre(self) -> Path:
        """The spot's (x, y) in the patch."""
        return np.array([-float(self.dx[0, 0]), -float(self.dy[0, 0])])

    def tone(self, share: float = 0.6) -> Pixels:
        """The median colour (3,) of the cloth about the spot."""
        near = (np.abs(self.dx) < self.radius * share + 2) & (np.abs(self.dy) < self.radius * share + 2)
        on = near & (self.item > 0.5)
        chosen = self.rgb[on] if on.any() else self.rgb.reshape(-1, 3)
        return np.median(chosen, axis=0).astype(np.float32)


def patch(scene: PhotoScene, at: tuple[float, float], radius: float, reach: float = 1.8) -> ClothPatch:
    """The window of half side `reach` · `radius` around `at`, cut at the photo's borders."""
    height, width = scene.size
    half = radius * reach + 3
    x0, x1 = max(0, int(at[0] - half)), min(width, int(at[0] + half) + 1)
    y0, y1 = max(0, int(at[1] - half)), min(height, int(at[1] + half) + 1)
    rows, columns = np.indices((y1 - y0, x1 - x0), dtype=np.float32)
    return ClothPatch(
        x0,
        y0,
        scene.rgb[y0:y1, x0:x1].astype(np.float32),
        as_mask(scene.item[y0:y1, x0:x1]),
        columns + np.float32(x0 - at[0]),
        rows + np.float32(y0 - at[1]),
        radius,
    )


def finish(
    scene: PhotoScene,
    window: ClothPatch,
    drawn: NDArray[np.floating],
    mask: Mask,
    spread: float = 0.0,
    least: float = 5.0,
) -> Painted | None:
    """Put a drawn patch back, on the item alone; None where next to nothing of it can be seen.

    Beyond `mask` the drawing may touch `spread` pixels more (shading about a hole), and nothing further.
    """
    mask = as_mask(np.clip(mask, 0, 1) * window.item)
    if int((mask > 0.3).sum()) < 6:
        return None
    reach = max(1, round(min(spread, 0.04 * max(scene.size))))
    touch = cv2.dilate((mask > 0.02).astype(np.float32), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    touch = cv2.blur(touch, (reach | 1, reach | 1)) * window.item
    new = window.rgb + (np.clip(drawn, 0, 255).astype(np.float32) - window.rgb) * touch[..., None]
    change = np.abs(new - window.rgb).max(axis=2)
    if float((change * mask).sum() / mask.sum()) < least:
        return None
    out: Rgb = scene.rgb.copy()
    height, width = window.shape
    part = np.s_[window.y0 : window.y0 + height, window.x0 : window.x0 + width]
    out[part] = np.where(touch[..., None] > 0.004, new + 0.5, scene.rgb[part]).astype(np.uint8)
    whole = np.zeros(scene.size, np.float32)
    whole[part] = mask
    return Painted(out, whole)


def noise(shape: tuple[int, int], grain: float, rng: np.random.Generator) -> Mask:
    """Smooth noise in about [−1, 1] with features of `grain` pixels."""
    step = max(1.0, grain)
    small = rng.uniform(-1, 1, (int(shape[0] / step) + 3, int(shape[1] / step) + 3)).astype(np.float32)
    return as_mask(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def octaves(shape: tuple[int, int], grain: float, rng: np.random.Generator, count: int = 4, fall: float = 0.6) -> Mask:
    """Noise at `count` scales, each half as wide and `fall` times as strong as the last, in about [−1, 1]."""
    total = np.zeros(shape, np.float32)
    weight = 0.0
    for octave in range(count):
        if octave and grain / 2**octave < 1:
            break
        total += fall**octave * noise(shape, grain / 2**octave, rng)
        weight += fall**octave
    return as_mask(total / weight)


def turned(window: ClothPatch, angle: float) -> tuple[Mask, Mask]:
    """Coordinates (along, across) of each pixel, in pixels, in a frame turned by `angle` about the spot."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return as_mask(window.dx * c + window.dy * s), as_mask(window.dy * c - window.dx * s)


def irregular(window: ClothPatch, rng: np.random.Generator, stretch: float = 1.0, ragged: float = 0.6) -> Mask:
    """A field (h, w) that is 1 at the spot, 0 on an irregular outline at about `radius`, and negative beyond it."""
    along, across = turned(window, float(rng.uniform(0, np.pi)))
    far = np.sqrt((along / stretch**0.5) ** 2 + (across * stretch**0.5) ** 2) / window.radius
    return as_mask(1 - far + ragged * octaves(window.shape, window.radius * 0.9, rng) * np.minimum(1, 0.3 + far))


def ramp(field: NDArray[np.floating], width: float) -> Mask:
    """0 where `field` is negative, 1 above `width`, and smooth between."""
    t = np.clip(field / max(width, 1e-6), 0, 1)
    return as_mask(t * t * (3 - 2 * t))


def soft(mask: Mask, sigma: float) -> Mask:
    return as_mask(cv2.GaussianBlur(mask, (0, 0), max(0.3, sigma)))


def lines(shape: tuple[int, int], paths: Sequence[Path], width: int = 1, strength: float = 1.0) -> Mask:
    """Smooth-edged lines through each path's points, in [0, 1]."""
    layer = np.zeros(shape, np.uint8)
    for path in paths:
        points = np.round(path * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(layer, [points], False, round(255 * strength), max(1, width), cv2.LINE_AA, 4)
    return as_mask(layer.astype(np.float32) / 255)


def filled(shape: tuple[int, int], outline: Path) -> Mask:
    layer = np.zeros(shape, np.uint8)
    cv2.fillPoly(layer, [np.round(outline * 16).astype(np.int32).reshape(-1, 1, 2)], 255, cv2.LINE_AA, 4)
    return as_mask(layer.astype(np.float32) / 255)


def wander(
    start: Path, angle: float, length: float, rng: np.random.Generator, bend: float = 0.3, steps: int = 10
) -> Path:
    """A path (steps + 1, 2) that leaves `start` at `angle` and turns by about `bend` radians a step."""
    turns = angle + np.cumsum(rng.normal(0, bend, steps))
    strides = np.column_stack([np.cos(turns), np.sin(turns)]) * (length / steps)
    path: Path = np.vstack([start, start + np.cumsum(strides, axis=0)])
    return path


def blend(rgb: NDArray[np.floating], colour: NDArray[np.floating], alpha: NDArray[np.floating]) -> Pixels:
    a = as_mask(np.clip(alpha, 0, 1))[..., None]
    return np.asarray(rgb + (np.asarray(colour, np.float32) - rgb) * a, dtype=np.float32)


def shade(rgb: NDArray[np.floating], factor: NDArray[np.floating]) -> Pixels:
    return np.asarray(rgb * as_mask(factor)[..., None], dtype=np.float32)


def grain(window: ClothPatch, rng: np.random.Generator, sigma: float = 2.5) -> Pixels:
    """Noise as the camera's: a drawn area without it would be told by its smoothness."""
    return rng.normal(0, sigma, (*window.shape, 1)).astype(np.float32)
