"""Wear that leaves cloth whole: pulled threads and pilling."""

import numpy as np

from regrade.datasets.synth.cloth.fabric import (
    blend,
    blur,
    noise,
    patch_on,
    seen,
    shape_field,
    shift,
    smooth,
    strokes,
    thread,
)
from regrade.datasets.synth.cloth.holes import yarn
from regrade.datasets.synth.scene import Painted, PhotoScene


def snag(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A pulled thread: a drawn line in the knit, cloth gathered along it, and a loop standing out."""
    spot = patch_on(scene, rng, 0.06, 0.3, reach=1.5, inset=0.5)
    if spot is None:
        return None
    angle = float(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.12))
    along, across = spot.turned(angle)
    width = max(1.0 / spot.radius, 0.025)
    reach = np.exp(-np.abs(along) * 1.8) * (np.abs(along) < 1.2)
    gather = np.sin(along * float(rng.uniform(18, 40)) + noise(spot.shape, spot.radius * 0.2, rng))
    ridge = np.exp(-((across / (width * 3)) ** 2)) * reach
    shade = 1 + ridge * gather * 0.22 - 0.3 * np.exp(-((across / width) ** 2)) * reach
    pull = np.exp(-np.abs(across) / 0.15) * reach * np.sin(along * 14) * spot.radius * 0.03
    out = shift(spot.rgb, np.asarray(pull, np.float32), np.zeros(spot.shape, np.float32)) * shade[..., None]
    start = np.array(spot.centre) + rng.normal(0, 0.05, 2) * spot.radius
    loop = thread(start, angle + rng.uniform(0.6, 2.2), spot.radius * rng.uniform(0.2, 0.7), 3.0, rng)
    thick = max(0.6, spot.scene.size[0] / 640 * float(rng.uniform(0.6, 1.2)))
    line = strokes(spot.shape, [loop], [thick])
    out = blend(np.asarray(out, np.float32), np.zeros(3, np.float32), np.roll(line, (1, 1), (0, 1)) * 0.35)
    out = blend(out, np.asarray(yarn(spot, rng), np.float32), line)
    mask = np.maximum(blur(line, 1.0), np.asarray(ridge > 0.25, np.float32))
    return seen(spot, out, np.clip(mask, 0, 1), least=5)


def pilling(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Bobbles of fluff on a worn spot: tiny lit bumps, each with its shadow."""
    spot = patch_on(scene, rng, 0.12, 0.4, reach=1.6, inset=0.6)
    if spot is None:
        return None
    grain = max(1.6, spot.radius * float(rng.uniform(0.02, 0.045)))
    bumps = np.clip(noise(spot.shape, grain, rng) - 0.9, 0, 1)
    area = smooth(shape_field(spot, rng, 1.5, 0.8), 0.8)
    bumps = blur(np.asarray(bumps, np.float32), grain * 0.25) * area
    below = np.roll(bumps, max(1, round(grain * 0.5)), axis=0)
    out = spot.rgb * (1 + 0.35 * bumps - 0.4 * below)[..., None] + 22 * bumps[..., None]
    return seen(spot, np.asarray(out, np.float32), area, core=np.asarray(bumps > 0.15, np.float32))
