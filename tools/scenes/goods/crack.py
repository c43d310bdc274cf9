"""A crack web in cover glass: rays from one impact, rings that break them into shards."""

from dataclasses import dataclass

import numpy as np

from tools.scenes import textures
from tools.scenes.textures import Field


@dataclass(frozen=True)
class Crack:
    """Fields over the display, (h, w). `lines` and `crushed` are coverages in [0, 1].

    `height` is the relief of the glass in cm: a plane of its own slope for each shard. `impact` is (x, y) in
    cm from the display's centre, y up.
    """

    lines: Field
    crushed: Field
    height: Field
    impact: tuple[float, float]


def crack(rng: np.random.Generator, shape: tuple[int, int], px_per_cm: float) -> Crack:
    """A crack web on a display of `shape` pixels. The impact lies near a corner or an edge, as it mostly does."""
    h, w = shape
    side = float(rng.choice([-1, 1]))
    impact = (
        side * w / px_per_cm * float(rng.uniform(0.18, 0.34)),
        h / px_per_cm * float(rng.uniform(0.12, 0.34)) * float(rng.choice([-1, 1])),
    )
    y, x = np.mgrid[0:h, 0:w] / px_per_cm
    dx, dy = x - w / px_per_cm / 2 - impact[0], y - h / px_per_cm / 2 - impact[1]
    warp = textures.noise(rng, shape, 1.9, lo=1, hi=60), textures.noise(rng, shape, 1.9, lo=1, hi=60)
    dx, dy = dx + 0.10 * warp[0], dy + 0.10 * warp[1]
    r, angle = np.hypot(dx, dy) + 1e-6, np.arctan2(dy, dx)

    rays = int(rng.integers(17, 25))
    starts = np.sort((np.arange(rays) + rng.uniform(-0.42, 0.42, rays)) / rays * 2 * np.pi - np.pi)
    ends = rng.exponential(4.5, rays) + 1.2
    ends[rng.choice(rays, 6, replace=False)] = 40.0
    lines = np.zeros(shape)
    sector = np.searchsorted(starts, angle.ravel()).reshape(shape) % rays
    shard = sector.astype(np.int64)
    for k in range(rays):
        bow = rng.normal(0, 0.05) * r + 0.035 * np.sin(r * rng.uniform(0.8, 2.0) + rng.uniform(0, 6))
        off = np.abs((angle - starts[k] - bow / np.maximum(r, 0.6) + np.pi) % (2 * np.pi) - np.pi) * r
        width = (0.020 + 0.030 * np.exp(-r / 1.6)) * rng.uniform(0.6, 1.15)
        lines = np.maximum(lines, _stroke(off, width, 0.75 / px_per_cm) * (r < ends[k]) * rng.uniform(0.45, 1.0))
    edges = np.concatenate([[0.0], np.cumsum(rng.uniform(0.28, 0.55, 4)), [2.3, 3.3, 4.7, 6.6]])
    for j, radius in enumerate(edges[1:], 1):
        own = radius * (1 + rng.normal(0, 0.16, rays))
        present = rng.random(rays) < (0.92 if j < 4 else 0.42)
        tilt = rng.normal(0, 0.4, rays)
        middle = starts[sector] - np.pi / rays
        local = own[sector] * (1 + tilt[sector] * ((angle - middle + np.pi) % (2 * np.pi) - np.pi))
        off = np.abs(r - local)
        lines = np.maximum(lines, _stroke(off, 0.022, 0.75 / px_per_cm) * present[sector] * rng.uniform(0.5, 0.9))
        shard = shard + rays * ((r > local) & present[sector])
    # Each shard leans its own way, more so near the blow; the edge between two catches the light.
    count = int(shard.max()) + 1
    slope = rng.normal(0, 0.016, (2, count))
    lean = np.exp(-r / 3.2) + 0.22
    height = (slope[0][shard] * dx + slope[1][shard] * dy) * lean
    glint = np.clip(0.55 + 0.55 * textures.noise(rng, shape, 0.7, lo=10), 0, 1.2)
    crumbs = textures.noise(rng, shape, 0.5, lo=50)
    core = textures.smoothstep(0.62, 0.15, (r + 0.13 * textures.noise(rng, shape, 0.9, lo=8)).astype(np.float32))
    crushed = core * np.clip(0.45 + 0.4 * crumbs, 0, 1)
    height = height + 0.010 * core * crumbs - 0.03 * core
    return Crack((lines * glint).astype(np.float32), crushed.astype(np.float32), height.astype(np.float32), impact)


def _stroke(distance: Field, width: Field | float, soft: float) -> Field:
    return np.asarray(np.clip((width / 2 - distance) / soft + 0.5, 0, 1), dtype=np.float32)
