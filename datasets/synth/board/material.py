"""Board as a surface to damage: the patch of photo that is drawn on, how its face lies, its paper and its flutes.

Lengths follow the trade: the flutes of corrugated board repeat every 6–9 mm and board is 3–7 mm thick, which on a
carton of 30–60 cm is about 1.5 % and 1 % of its size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.scene import Mask, Painted, PhotoScene

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
"""(n, 2), x and y in pixels."""
_SHIFT = 4


@dataclass(slots=True)
class BoardPatch:
    """A part of a scene that is drawn on, in floats and in its own pixels; `put_back` makes the edited photo."""

    scene: PhotoScene
    left: int
    top: int
    rgb: Floats
    """(h, w, 3) in [0, 255]: a copy."""
    item: Mask
    mask: Mask
    """What was drawn so far."""
    x: Floats
    y: Floats

    @property
    def size(self) -> tuple[int, int]:
        return self.rgb.shape[0], self.rgb.shape[1]

    def offsets(self, point: Points) -> tuple[Floats, Floats]:
        """How far each pixel lies from `point`, along x and along y."""
        return self.x - float(point[0]), self.y - float(point[1])

    def put_back(self, least: float = 20.0) -> Painted | None:
        """The edited photo; None where less than `least` pixels were drawn on.

        Its mask is above 0 wherever a pixel changed visibly, and above 0.3 on what was drawn.
        """
        if float((self.mask > 0.3).sum()) < least:
            return None
        rgb, mask = self.scene.rgb.copy(), np.zeros(self.scene.size, np.float32)
        rows = slice(self.top, self.top + self.size[0])
        columns = slice(self.left, self.left + self.size[1])
        before = rgb[rows, columns].astype(np.float32)
        rgb[rows, columns] = np.clip(self.rgb + 0.5, 0, 255).astype(np.uint8)
        moved = np.abs(self.rgb - before).max(axis=2) > 3
        mask[rows, columns] = np.clip(np.maximum(self.mask, 0.1 * moved), 0, 1)
        return Painted(rgb, mask)


def patch(scene: PhotoScene, centre: Points, reach: float) -> BoardPatch:
    """The square of `reach` pixels to each side of `centre`, as far as the photo goes."""
    h, w = scene.size
    left, top = max(0, min(w - 4, int(centre[0] - reach))), max(0, min(h - 4, int(centre[1] - reach)))
    right, bottom = min(w, max(left + 4, int(centre[0] + reach) + 1)), min(h, max(top + 4, int(centre[1] + reach) + 1))
    part = slice(top, bottom), slice(left, right)
    x, y = np.meshgrid(np.arange(right - left, dtype=np.float32), np.arange(bottom - top, dtype=np.float32))
    return BoardPatch(
        scene, left, top, scene.rgb[part].astype(np.float32), scene.item[part], np.zeros(x.shape, np.float32), x, y
    )


def extent(scene: PhotoScene) -> float:
    """The item's size in pixels: the square root of its box's area."""
    x1, y1, x2, y2 = scene.box
    return max(12.0, float(np.sqrt((x2 - x1) * (y2 - y1))))


def directions(scene: PhotoScene, centre: Points, rng: np.random.Generator) -> tuple[float, float]:
    """The two directions, in radians, in which the straight edges around `centre` run; upright where there are none."""
    reach = int(0.45 * extent(scene))
    x, y = int(centre[0]), int(centre[1])
    part = scene.rgb[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
    if min(part.shape[:2]) < 16:
        return 0.0, np.pi / 2
    scale = min(1.0, 192 / max(part.shape[:2]))
    grey = cv2.cvtColor(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    gx, gy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    strength = np.hypot(gx, gy)
    strong = strength > max(40.0, float(np.percentile(strength, 92)))
    along = (np.arctan2(gy[strong], gx[strong]) + np.pi / 2) % np.pi
    votes, _ = np.histogram(along, bins=36, range=(0, np.pi), weights=np.minimum(strength[strong], 300))
    votes = votes + 0.5 * (np.roll(votes, 1) + np.roll(votes, -1))
    if votes.sum() < 1:
        turn = float(rng.normal(0, 0.08))
        return turn, turn + np.pi / 2
    first = int(votes.argmax())
    apart = np.abs((np.arange(36) - first + 18) % 36 - 18)
    others = np.where(apart >= 7, votes, 0)
    one = (first + 0.5) / 36 * np.pi
    two = (int(others.argmax()) + 0.5) / 36 * np.pi if others.max() > 0.15 * votes.max() else one + np.pi / 2
    return one, two


def light_from(rng: np.random.Generator) -> tuple[float, float]:
    """A unit vector towards the light in the picture's plane; mostly from above."""
    angle = -np.pi / 2 + float(rng.normal(0, 0.8))
    return float(np.cos(angle)), float(np.sin(angle))


def noise(size: tuple[int, int], grain: float, rng: np.random.Generator, octaves: int = 1) -> Floats:
    """Smooth noise in about [−1, 1], its coarsest features of `grain` pixels."""
    h, w = size
    total = np.zeros(size, np.float32)
    for octave in range(octaves):
        step = max(1.0, grain / 2**octave)
        small = rng.random((int(h / step) + 3, int(w / step) + 3), np.float32) * 2 - 1
        big = cv2.resize(small, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        y, x = int(rng.integers(0, max(1, big.shape[0] - h))), int(rng.integers(0, max(1, big.shape[1] - w)))
        total += big[y : y + h, x : x + w] * 0.55**octave
    return total


def filled(size: tuple[int, int], outline: Points) -> Mask:
    """A filled outline with soft edges, in [0, 1]."""
    layer = np.zeros(size, np.uint8)
    cv2.fillPoly(
        layer, [np.round(outline * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)], 255, cv2.LINE_AA, _SHIFT
    )
    return layer.astype(np.float32) / np.float32(255)


def stroked(size: tuple[int, int], paths: Sequence[Points], width: float) -> Mask:
    """Lines of one width in pixels; below a pixel they grow fainter."""
    layer = np.zeros(size, np.uint8)
    for path in paths:
        at = np.round(path * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(layer, [at], False, int(255 * min(1.0, width)), max(1, round(width)), cv2.LINE_AA, _SHIFT)
    return layer.astype(np.float32) / np.float32(255)


def blur(field: Floats, sigma: float) -> Floats:
    """`field` blurred by a Gaussian; a wide one on a smaller copy, where it costs less."""
    if sigma < 0.2:
        return field
    step = int(sigma / 3)
    if step < 2 or min(field.shape[:2]) < 8 * step:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)
    small = cv2.resize(field, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small, (0, 0), sigma / step)
    return np.asarray(cv2.resize(wide, field.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def shaded(rgb: Floats, factor: Floats) -> Floats:
    """`rgb` in other light: shade on board is warmer than the board, since board lights itself."""
    f = np.clip(factor, 0.05, 1.8)
    # About f**0.92, f and f**1.1, without the powers.
    return np.asarray(rgb * np.stack([f * (1.1 - 0.1 * f), f, f * (0.88 + 0.12 * f)], axis=-1), np.float32)


def shifted(field: Floats, dx: float, dy: float) -> Floats:
    """`field` moved by (dx, dy) pixels."""
    move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    at = (field.shape[1], field.shape[0])
    return np.asarray(cv2.warpAffine(field, move, at, borderMode=cv2.BORDER_REPLICATE), np.float32)


def lay(rgb: Floats, colour: Floats | Sequence[float], alpha: Mask) -> Floats:
    """`colour` (3,) or (h, w, 3) over `rgb` with opacity `alpha`."""
    a = alpha[..., None]
    return np.asarray(rgb * (1 - a) + np.asarray(colour, np.float32) * a, np.float32)


def sampled(rgb: Floats, dx: Floats, dy: Floats) -> Floats:
    """Each pixel taken from (dx, dy) pixels further."""
    h, w = rgb.shape[:2]
    xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    at = cv2.remap(rgb, xs + dx, ys + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(at, np.float32)


def ragged(corners: Points, rough: float, rng: np.random.Generator, finest: float = 2.0) -> Points:
    """A path through `corners` torn by midpoint displacement: each piece is bent by up to `rough` of its length."""
    path = np.asarray(corners, np.float64)
    while True:
        steps = np.diff(path, axis=0)
        lengths = np.hypot(steps[:, 0], steps[:, 1])
        if len(path) > 400 or lengths.max() < finest:
            return path
        sides = np.column_stack([-steps[:, 1], steps[:, 0]])
        bends = rng.normal(0, rough * 0.5, len(steps)) * (lengths > finest * 0.7)
        middles = path[:-1] + steps * rng.uniform(0.38, 0.62, (len(steps), 1)) + sides * bends[:, None]
        merged = np.empty((2 * len(path) - 1, 2))
        merged[::2], merged[1::2] = path, middles
        path = merged


def tone(spot: BoardPatch, where: Mask) -> Floats:
    """The median colour under `where` on the item, (3,)."""
    chosen = spot.rgb[(where > 0.5) & (spot.item > 0.5)]
    if len(chosen) < 8:
        chosen = spot.rgb[spot.item > 0.5]
    if len(chosen) < 8:
        chosen = spot.rgb.reshape(-1, 3)
    return np.asarray(np.median(chosen[:: max(1, len(chosen) // 4000)], axis=0), np.float32)


def core_colour(spot: BoardPatch, surface: Floats, rng: np.random.Generator) -> Floats:
    """The colour of torn board under the light of the spot: brown board is paler inside, printed board is kraft."""
    bright = float(np.percentile(spot.scene.rgb[::7, ::7].max(axis=2), 97))
    warm = float(surface[0] - surface[2]) / max(30.0, float(surface.max()))
    kraft = np.array([0.80, 0.64, 0.46], np.float32) * rng.normal(1, 0.04, 3).astype(np.float32)
    lit = np.clip(0.45 * bright + 0.45 * float(surface.max()), 40, 235)
    if warm > 0.2:  # kraft already
        paler = surface * float(rng.uniform(1.05, 1.2)) + float(rng.uniform(2, 16))
        return np.asarray(np.clip(paler, 0, 245), np.float32)
    return np.asarray(np.clip(kraft * lit, 0, 245), np.float32)


def flutes(spot: BoardPatch, period: float, angle: float, rng: np.random.Generator) -> Floats:
    """The waves of corrugated board in [−1, 1], their crests running along `angle`."""
    across = math.cos(angle) * spot.y - math.sin(angle) * spot.x
    drift = noise(spot.size, period * 8, rng) * period * 0.25
    wave = np.sin((across + drift) * (2 * np.pi / max(2.2, period)) + float(rng.uniform(0, 6)))
    return np.asarray(wave, np.float32)


def fibre(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """The grain of torn paper, in about [−1, 1]."""
    fine = rng.standard_normal(size, np.float32) * np.float32(0.5)
    return np.asarray(np.clip(blur(fine, 0.6) * 1.2 + 0.6 * noise(size, 4, rng), -1, 1), np.float32)


def photo_grain(spot: BoardPatch, rng: np.random.Generator) -> Floats:
    """Noise as strong as the photo's own here, (h, w, 1): what is drawn must not be cleaner than the rest."""
    grey = spot.rgb.mean(axis=2)
    rest = grey - cv2.blur(grey, (3, 3))
    sigma = float(np.clip(1.2 * np.median(np.abs(rest)), 0.4, 6))
    tile = rng.standard_normal((160, 160), np.float32) * np.float32(sigma)
    h, w = spot.size
    return np.tile(tile, (h // 160 + 1, w // 160 + 1))[:h, :w, None]


def behind(spot: BoardPatch, gone: Mask, outward: Points, depth: float, rng: np.random.Generator) -> Floats | None:
    """What lies behind the item where `gone` uncovers it, (h, w, 3): the background from further out along `outward`
    (a unit vector), or inpainted (Telea, 2004); None where no background is to be seen.
    """
    bare = spot.item < 0.1
    need = gone > 0.02
    if bare.sum() < 40 or not need.any():
        return None
    h, w = spot.size
    for far in (1.2, 1.7, 2.4):
        dx, dy = (float(v) * depth * far for v in outward)
        known = shifted(bare.astype(np.float32), -dx, -dy)
        within = (spot.x + dx >= 0) & (spot.x + dx < w) & (spot.y + dy >= 0) & (spot.y + dy < h)
        if ((known > 0.9) & within)[need].mean() > 0.97:
            return sampled(spot.rgb, np.full(spot.size, dx, np.float32), np.full(spot.size, dy, np.float32))
    scale = min(1.0, 120 / max(spot.size))
    small = cv2.resize(spot.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    hidden = cv2.resize((spot.item > 0.05).astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    plate = cv2.inpaint(small, cv2.dilate(hidden, np.ones((3, 3), np.uint8)), 3, cv2.INPAINT_TELEA)
    big = cv2.resize(plate, (w, h), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.asarray(big + photo_grain(spot, rng) * 1.4, np.float32)


def changed(spot: BoardPatch, least: float = 5.0, sigma: float = 3.0) -> Mask:
    """How visibly each pixel of the patch differs from the photo, in [0, 1]: 0.5 at a change by twice `least` levels
    over a neighbourhood of `sigma` pixels.
    """
    h, w = spot.size
    before = spot.scene.rgb[spot.top : spot.top + h, spot.left : spot.left + w]
    delta = np.abs(spot.rgb - before).max(axis=2)
    around = blur(np.minimum(delta, 60.0).astype(np.float32), sigma)
    return np.asarray(np.clip((around - least) / (2 * least), 0, 1), np.float32)
