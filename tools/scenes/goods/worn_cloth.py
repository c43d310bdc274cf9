"""What wear and washing do to a T-shirt: faded dye, a cracked print, pills, a slack collar, loose threads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.scenes import meshes, stage, textures
from tools.scenes.engine import Image
from tools.scenes.stage import Shapes
from tools.scenes.textures import Field

WORDS = (("HARBOUR", 0.0, 3.3), ("ROWING CLUB", 3.9, 2.1), ("EST. 1968", 6.7, 1.7))
"""Of a print that is nobody's: text, distance from its top and height of the type, cm."""


def faded(rng: np.random.Generator, colour: Image, depth: Field, folds: Field, seams: Field) -> Image:
    """Dyed cloth (h, w, 3) after many washes: paler all over and in clouds, palest where it rubs.

    `depth` is the distance in cm to the rim of the cloth, `folds` its height in cm: hems and crests of folds rub most;
    `seams` (h, w) in [0, 1] is where seams are, beside which dye stays.
    """
    shape = colour.shape[:2]
    clouds = 0.045 * textures.noise(rng, shape, 1.3, lo=1, hi=40)
    crests = textures.smoothstep(0.25, 1.0, folds / max(float(folds.max()), 1e-6))
    grain = np.clip(0.75 + 0.45 * textures.noise(rng, shape, 0.5, lo=shape[0] / 30), 0, 1.6)
    rubbed = 0.30 * textures.smoothstep(0.9, 0.05, depth) + 0.16 * crests
    rubbed = rubbed * grain + 0.26 * _beside(seams) * grain
    pale = np.clip(0.24 + clouds + rubbed, 0, 0.8)
    grey = colour.mean(axis=-1, keepdims=True)
    washed = 0.5 * colour + 0.5 * grey + 0.16
    return textures.blend(colour, washed.astype(np.float32), pale.astype(np.float32))


def _beside(seams: Field) -> Field:
    """The ridges to both sides of seams, which rub, less the groove, which does not."""
    wide = seams
    for axis in (0, 1):
        wide = np.maximum.reduce([np.roll(wide, k, axis) for k in (-5, -3, 0, 3, 5)])
    return np.asarray(np.clip(wide - 0.7 * seams, 0, 1), dtype=np.float32)


def cracked_print(
    rng: np.random.Generator, colour: Image, bump: Field, x: Field, y: Field, px: float
) -> tuple[Image, Field]:
    """Words printed on the chest, of which washing has left islands between cracks."""
    shape = bump.shape
    items = []
    for text, down, tall in WORDS:
        size = tall * px
        # The default font is about 0.56 as wide as it is high.
        items.append((text, shape[1] / 2 - 0.285 * size * len(text), shape[0] / 2 - (13.0 - down) * px, size))
    ink = textures.ink(shape, items, rng)[::-1]
    bars = (np.abs(x) < 11.5) & ((np.abs(y - 14.2) < 0.22) | (np.abs(y - 3.4) < 0.22))
    ink = np.maximum(ink, bars.astype(np.float32) * 0.9)
    # Cracks run where smooth noise crosses zero, finer ones across the stretch of the cloth.
    cracks = np.zeros(shape, dtype=np.float32)
    for lo, stretch, width in ((26, 0.6, 0.10), (60, 2.2, 0.13), (90, 1.0, 0.12)):
        field = textures.noise(rng, shape, 1.0, lo=lo, stretch=stretch)
        cracks = np.maximum(cracks, textures.smoothstep(width, 0.4 * width, np.abs(field)))
    lost = textures.smoothstep(0.5, 1.3, textures.noise(rng, shape, 1.1, lo=6, hi=260))
    thin = np.clip(0.78 + 0.10 * textures.noise(rng, shape, 0.8, lo=8), 0, 1)
    cover = ink * thin * (1 - cracks) * (1 - 0.9 * lost)
    film = textures.linear(214, 204, 176)
    return textures.blend(colour, film, cover.astype(np.float32)), (bump + 0.012 * cover).astype(np.float32)


def pilled(
    rng: np.random.Generator, colour: Image, bump: Field, x: Field, y: Field, px: float, count: int = 3600
) -> tuple[Image, Field]:
    """Balls of fibre, 1–3 mm across: dense on the flanks, where the arms rub, and on the belly, loose elsewhere."""
    h, w = bump.shape
    side = textures.smoothstep(11.0, 21.0, np.abs(x)) * textures.smoothstep(17.0, 8.0, y)
    belly = np.exp(-((y + 9) ** 2) / 60 - x**2 / 90)
    density = (0.06 + 0.9 * side + 0.55 * belly) * np.clip(0.5 + 0.7 * textures.noise(rng, (h, w), 1.2, lo=3), 0, 3)
    # Sampled on a coarse grid: the sum over every pixel would only cost memory.
    step = max(1, int(px / 4))
    coarse = density[::step, ::step].astype(np.float64)
    picked = rng.choice(coarse.size, count, p=coarse.ravel() / coarse.sum())
    lint, height = np.zeros((h, w), dtype=np.float32), np.zeros((h, w), dtype=np.float32)
    for row, column in zip(*np.unravel_index(picked, coarse.shape), strict=True):
        cy, cx = (row + rng.random()) * step, (column + rng.random()) * step
        radius = float(np.clip(rng.lognormal(-2.55, 0.38), 0.04, 0.17)) * px
        reach = int(radius * 2.2) + 2
        y0, x0 = max(0, int(cy) - reach), max(0, int(cx) - reach)
        rows, columns = np.mgrid[y0 : min(h, int(cy) + reach), x0 : min(w, int(cx) + reach)]
        away = np.hypot((rows - cy) * rng.uniform(0.8, 1.25), columns - cx) / radius
        away = away * (1 + 0.18 * np.sin(np.arctan2(rows - cy, columns - cx) * 3 + rng.uniform(0, 6)))
        ball = np.sqrt(np.clip(1 - (away / 1.1) ** 2, 0, 1)).astype(np.float32)
        window = (slice(y0, y0 + rows.shape[0]), slice(x0, x0 + rows.shape[1]))
        lint[window] = np.maximum(lint[window], ball * rng.uniform(0.5, 1.0))
        height[window] = np.maximum(height[window], ball * radius / px)
    fluff = 0.5 * colour + 0.5 * colour.mean(axis=-1, keepdims=True) + 0.11
    colour = textures.blend(colour, fluff.astype(np.float32), (0.9 * lint).astype(np.float32))
    return colour, (bump + 0.35 * height).astype(np.float32)


@dataclass(frozen=True)
class Slack:
    """A stretched collar. `waves` is (n, 3): height, waves in a full turn, phase."""

    waves: NDArray[np.float64]

    @classmethod
    def of(cls, rng: np.random.Generator) -> "Slack":
        count = 4
        heights = 0.028 * rng.uniform(0.5, 1.0, count) / np.sqrt(count) * 1.6
        return cls(np.stack([heights, rng.integers(7, 19, count), rng.uniform(0, 6.3, count)], -1))

    def __call__(self, angle: Field) -> Field:
        """How far the collar waves out of line at `angle` round the neck (radians), as a share of its radius."""
        total = sum(height * np.sin(turns * angle + phase) for height, turns, phase in self.waves)
        return np.asarray(total, dtype=np.float32)


def threads(rng: np.random.Generator, starts: list[tuple[float, float]], tone: Field) -> Shapes:
    """Loose threads that hang from the hem at `starts` (x, y) cm and curl on the bench."""
    shapes: Shapes = {}
    for k, (x, y) in enumerate(starts):
        steps = 90
        length = float(rng.uniform(4.0, 7.5))
        heading = -np.pi / 2 + float(rng.uniform(-0.5, 0.5))
        curl = np.cumsum(rng.normal(0, 0.06, steps)) + np.linspace(0, float(rng.uniform(-2.6, 2.6)), steps)
        ways = heading + curl
        path = np.stack([x + np.cumsum(np.cos(ways)), y + np.cumsum(np.sin(ways))], -1)
        path = np.array([x, y]) + (path - np.array([x, y])) * length / steps
        shapes[f"thread_{k}"] = _strand(path, ways, tone)
    return shapes


def _strand(path: meshes.Points, ways: meshes.Points, tone: Field, radius: float = 0.035) -> dict[str, Any]:
    """A tube along `path` (n, 2), which runs in the directions `ways` (n,), lying on the bench."""
    turns = np.linspace(0, 2 * np.pi, 9)
    across = np.stack([-np.sin(ways), np.cos(ways)], -1)
    ring = path[:, None, :] + radius * np.cos(turns)[None, :, None] * across[:, None, :]
    lift = np.interp(np.linspace(0, 1, len(path)), [0, 0.12, 1], [0.45, 0.08, 0.05])
    height = lift[:, None] + radius * np.sin(turns)[None, :]
    colour = np.broadcast_to(tone, (2, 2, 3)).astype(np.float32)
    return meshes.sheet(np.concatenate([ring, height[..., None]], -1), stage.matt(stage.texture(colour)))
