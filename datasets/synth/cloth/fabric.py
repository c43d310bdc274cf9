"""What recipes of garments and shoes share: a place on the item, a window around it, noise, and thin strokes.

Recipes work in a `FabricWindow` around the spot in question: all sizes are shares of the item's shorter side, so that a
stain looks alike on a thumbnail and on a full photo, and the work does not grow with the photo.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.scene import Mask, Painted, PhotoScene

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
"""(n, 2), x and y in pixels of a patch."""

_SEARCH = 160
"""Longest side, in pixels, of the copy of the mask that a place is looked for on."""
_LEAST_PIXELS = 5
"""Less than this is nothing that anybody could see."""
_FADE = 4
"""Pixels over which a patch's edit dies down towards the window's edge."""


@dataclass(frozen=True)
class FabricWindow:
    """A window of a scene around a spot. `x`, `y` are its corner in the photo; `radius` is the spot's, in pixels."""

    scene: PhotoScene
    x: int
    y: int
    centre: tuple[float, float]
    """In pixels of the window."""
    radius: float
    rgb: Floats
    """(h, w, 3) in [0, 255], the window's own copy."""
    item: Mask

    @property
    def shape(self) -> tuple[int, int]:
        return self.rgb.shape[0], self.rgb.shape[1]

    @cached_property
    def grid(self) -> tuple[Floats, Floats]:
        """Each pixel's distance right of and below the spot, in radii."""
        rows, columns = np.indices(self.shape, dtype=np.float32)
        return (columns - self.centre[0]) / self.radius, (rows - self.centre[1]) / self.radius

    def turned(self, angle: float) -> tuple[Floats, Floats]:
        """`grid` along and across the direction `angle` (radians)."""
        u, v = self.grid
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return u * c + v * s, v * c - u * s

    @cached_property
    def light(self) -> Floats:
        """(h, w) brightness in [0, 255]."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.float32)

    @cached_property
    def cloth(self) -> Floats:
        """(3,) the median colour of the item around the spot."""
        on = self.item > 0.5
        near = on & (np.hypot(*self.grid) < 1.5)
        chosen = near if near.sum() >= 9 else on
        colours = self.rgb[chosen] if chosen.any() else self.rgb.reshape(-1, 3)
        return np.asarray(np.median(colours[:: max(1, len(colours) // 2000)], axis=0), np.float32)

    @cached_property
    def brightness(self) -> float:
        """That of `cloth`, in [0, 255]."""
        return float(self.cloth @ np.array([0.299, 0.587, 0.114]))

    @cached_property
    def shade(self) -> Floats:
        """(h, w) how folds and the fall of the light brighten (> 1) or darken (< 1) each pixel."""
        smooth = cv2.GaussianBlur(self.light, (0, 0), max(0.8, self.radius * 0.04))
        return np.asarray(np.clip((smooth + 12) / (self.brightness + 12), 0.35, 1.6), np.float32)

    @cached_property
    def weave(self) -> Floats:
        """(h, w) the cloth's fine relief in [−2, 2]: dirt clings to its high threads first."""
        fine = self.light - cv2.GaussianBlur(self.light, (0, 0), 1.6)
        return np.asarray(np.clip(fine / (float(fine.std()) + 0.6), -2, 2), np.float32)

    def paste(self, out: Floats, mask: Mask, beyond: bool = False) -> Painted:
        """The whole photo with `out` in the window; only on the item, unless the edit reaches `beyond` it."""
        height, width = self.shape
        keep = np.ones((height, width), np.float32) if beyond else self.item
        full_height, full_width = self.scene.size
        far = np.full((height, width), _FADE, np.float32)
        rows, columns = np.indices((height, width), dtype=np.float32)
        for inner, distance in (
            (self.x > 0, columns),
            (self.y > 0, rows),
            (self.x + width < full_width, width - 1 - columns),
            (self.y + height < full_height, height - 1 - rows),
        ):
            far = np.minimum(far, distance) if inner else far
        keep = np.asarray(keep * (far / _FADE), np.float32)
        mixed = self.rgb + (out - self.rgb) * keep[..., None]
        rgb = self.scene.rgb.copy()
        window = slice(self.y, self.y + height), slice(self.x, self.x + width)
        rgb[window] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        whole = np.zeros(self.scene.size, np.float32)
        whole[window] = np.clip(mask, 0, 1) * keep * (self.item if beyond else 1)
        return Painted(rgb, whole)


def unit(scene: PhotoScene) -> float:
    """The shorter side of the item's box, in pixels: what sizes are shares of."""
    x1, y1, x2, y2 = scene.box
    return min(x2 - x1, y2 - y1)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def spot(
    scene: PhotoScene, rng: np.random.Generator, low: float, high: float, inset: float = 0.7, floor: float = 1.6
) -> tuple[float, float, float] | None:
    """A random (x, y, radius) on the item, `inset` radii from its edge where it is wide enough for that.

    The diameter is `low`–`high` of the item's shorter side, small ones more often; the radius at least `floor`
    pixels. None where the scene has no item to speak of.
    """
    radius = max(floor, unit(scene) * log_uniform(rng, low, high) / 2)
    height, width = scene.size
    scale = min(1.0, _SEARCH / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = (cv2.resize(scene.item, size, interpolation=cv2.INTER_AREA) > 0.6).astype(np.uint8)
    if int(small.sum()) < 12:
        return None
    depth = cv2.distanceTransform(cv2.copyMakeBorder(small, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)[
        1:-1, 1:-1
    ]
    need = min(inset * radius * scale, float(depth.max()) * 0.85)
    rows, columns = np.nonzero(depth >= max(need, 1.0))
    pick = int(rng.integers(len(rows)))
    at_x = (float(columns[pick]) + float(rng.random())) / scale
    at_y = (float(rows[pick]) + float(rng.random())) / scale
    return min(at_x, width - 1.0), min(at_y, height - 1.0), radius


def patch(scene: PhotoScene, x: float, y: float, radius: float, reach: float = 2.0) -> FabricWindow:
    """The window of `reach` radii around a spot, and a little more."""
    height, width = scene.size
    half = radius * reach + _FADE + 2
    x1, y1 = max(0, int(x - half)), max(0, int(y - half))
    x2, y2 = min(width, int(x + half) + 2), min(height, int(y + half) + 2)
    window = slice(y1, y2), slice(x1, x2)
    rgb = scene.rgb[window].astype(np.float32)
    return FabricWindow(scene, x1, y1, (x - x1, y - y1), radius, rgb, scene.item[window])


def patch_on(
    scene: PhotoScene, rng: np.random.Generator, low: float, high: float, reach: float = 2.0, inset: float = 0.7
) -> FabricWindow | None:
    """A `patch` around a random `spot`."""
    found = spot(scene, rng, low, high, inset)
    return None if found is None else patch(scene, *found, reach)


def noise(
    shape: tuple[int, int], grain: float, rng: np.random.Generator, octaves: int = 1, fall: float = 0.6
) -> Floats:
    """Smooth noise of about unit spread, clipped to [−2, 2]; its largest features are `grain` pixels wide."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    weight, power = 1.0, 0.0
    for _ in range(octaves):
        cell = max(1.0, grain)
        # Each octave is turned by an angle of its own, or the grid of the table would show in every outline.
        turn = float(rng.uniform(0, np.pi / 2))
        c, s = np.cos(turn) / cell, np.sin(turn) / cell
        far = height * s + 2
        cells = int(width * s + height * c) + 5, int(width * c + height * s) + 5
        table = rng.standard_normal(cells, dtype=np.float32)
        turned = np.array([[c, -s, far], [s, c, 2.0]], np.float64)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        total += weight * cv2.warpAffine(table, turned, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        power += weight**2
        weight, grain = weight * fall, grain / 2
        if cell <= 1:
            break
    return np.asarray(np.clip(total / (0.75 * np.sqrt(power)), -2, 2), np.float32)


def streaks(spot: FabricWindow, angle: float, length: float, width: float, rng: np.random.Generator) -> Floats:
    """Noise drawn out along `angle`: its features are `length` × `width` pixels; about unit spread."""
    along, across = spot.turned(angle)
    x = along * spot.radius / length
    y = across * spot.radius / max(width, 0.8)
    x, y = x - x.min() + 1, y - y.min() + 1
    table = rng.standard_normal((int(y.max()) + 4, int(x.max()) + 4), dtype=np.float32)
    big = cv2.remap(table, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(big / 0.75, -2, 2), np.float32)


def shape_field(spot: FabricWindow, rng: np.random.Generator, stretch: float = 1.0, ragged: float = 0.3) -> Floats:
    """An irregular closed shape: > 0 inside, 0 on its outline, < 0 outside, in radii (about)."""
    along, across = spot.turned(float(rng.uniform(0, np.pi)))
    distance = np.hypot(along / stretch**0.5, across * stretch**0.5)
    wobble = noise(spot.shape, spot.radius * 0.9, rng, octaves=5, fall=float(rng.uniform(0.35, 0.55)))
    return np.asarray(1 - distance + ragged * 0.5 * wobble, np.float32)


def smooth(field: Floats, edge: float) -> Floats:
    """0 below −edge/2, 1 above edge/2, and an S-curve between."""
    t = np.clip(field / max(edge, 1e-3) + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def blur(mask: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma), np.float32) if sigma > 0.1 else mask


def strokes(shape: tuple[int, int], lines: list[Points], widths: list[float]) -> Mask:
    """Lines with soft edges; `widths` in pixels may be far below one, which draws fainter."""
    fine = 4 if max(shape) <= 500 else 2
    layer = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
    for line, width in zip(lines, widths, strict=True):
        thick = max(1, round(width * fine))
        tone = round(255 * min(1.0, max(0.35, width * fine)))
        points = np.round(line * fine * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(layer, [points], False, tone, thick, cv2.LINE_AA, shift=4)
    small = cv2.resize(layer, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small / np.float32(255), np.float32)


def thread(start: Points, angle: float, length: float, bend: float, rng: np.random.Generator) -> Points:
    """The path of a loose thread, (12, 2): it sets off along `angle` and curls by about `bend` radians."""
    steps = 11
    turns = angle + np.linspace(0, 1, steps) * rng.normal(0, bend) + np.cumsum(rng.normal(0, bend * 0.12, steps))
    strides = np.column_stack([np.cos(turns), np.sin(turns)]) * (length / steps)
    path: Points = np.vstack([start, start + np.cumsum(strides, axis=0)])
    return path


def blend(rgb: Floats, colour: Floats, alpha: Mask) -> Floats:
    """`colour` (3,) or (h, w, 3) over `rgb` by `alpha`."""
    a = np.clip(alpha, 0, 1)[..., None]
    return np.asarray(rgb * (1 - a) + colour * a, np.float32)


def shift(rgb: Floats, dx: Floats, dy: Floats) -> Floats:
    """Take each pixel from (dx, dy) pixels away."""
    rows, columns = np.indices(rgb.shape[:2], dtype=np.float32)
    moved = cv2.remap(rgb, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)


def seen(spot: FabricWindow, out: Floats, mask: Mask, least: float = 7.0, core: Mask | None = None) -> Painted | None:
    """`paste`, or None where it would change what is drawn by less than `least` grey levels, or next to nothing.

    On a busy print more is asked for, since what the eye cannot tell from the pattern is no defect to learn from.
    `core`, where given, is what was drawn; `mask` may lie more loosely about it.
    """
    where = ((mask if core is None else core) * spot.item) > 0.3
    if int(where.sum()) < _LEAST_PIXELS:
        return None
    change = np.abs(out - spot.rgb).max(axis=2)[where]
    busy = float(blur(spot.light, 1.0).std())
    if float(np.percentile(change, 70)) < least + 0.5 * max(0.0, busy - 6):
        return None
    made = spot.paste(out, mask)
    return made if int((made.mask > 0.3).sum()) >= _LEAST_PIXELS else None
