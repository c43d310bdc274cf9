"""Cloth on a bench: the cut of a T-shirt, its folds as a height field, its knit, seams and stains."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.scenes import textures
from tools.scenes.engine import Image
from tools.scenes.textures import Field


def outline(rng: np.random.Generator) -> NDArray[np.float64]:
    """The cut of a T-shirt, (n, 2) in cm, x to the right, y to the collar; about 70 cm from cuff to cuff."""
    j = rng.normal(0, 0.5, 16)
    right = [
        (8.6, 31.0),
        (9.3, 33.0 + j[0] * 0.3),
        (16.0, 31.2),
        (23.0 + j[1], 28.0),
        (36.5 + j[2], 15.6 + j[3]),
        (30.0 + j[4], 8.0 + j[5]),
        (24.0, 13.0 + j[6]),
        (23.2, 0.0),
        (23.6 + j[7], -20.0),
        (24.2 + j[8], -35.0 + j[9]),
        (12.0, -35.8),
    ]
    left = [(-x + rng.normal(0, 0.35), y + rng.normal(0, 0.35)) for x, y in reversed(right)]
    neck = [(9.2 * np.cos(a), 31.0 - 8.2 * np.sin(a)) for a in np.linspace(np.pi - 0.15, 0.15, 17)]
    corners = np.array([*right, (0.0, -36.0), *left, *neck])
    dense = np.concatenate(
        [np.linspace(a, b, 24, endpoint=False) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
    )
    for _ in range(60):
        dense = 0.5 * dense + 0.25 * (np.roll(dense, 1, 0) + np.roll(dense, -1, 0))
    return dense


def inside_distance(line: NDArray[np.float64], x: Field, y: Field) -> Field:
    """Distance in cm to the closed polygon `line`, positive inside, (h, w)."""
    p = np.stack([x.ravel(), y.ravel()], -1)
    a, b = line, np.roll(line, -1, 0)
    best = np.full(len(p), 1e9)
    odd = np.zeros(len(p), dtype=bool)
    for (ax, ay), (bx, by) in zip(a, b, strict=True):
        ex, ey = bx - ax, by - ay
        qx, qy = p[:, 0] - ax, p[:, 1] - ay
        t = np.clip((qx * ex + qy * ey) / (ex * ex + ey * ey + 1e-12), 0, 1)
        np.minimum(best, (qx - t * ex) ** 2 + (qy - t * ey) ** 2, out=best)
        cross = (ay > p[:, 1]) != (by > p[:, 1])
        odd ^= cross & (qx < ex * qy / (ey if ey else 1e-12))
    return np.asarray(np.where(odd, np.sqrt(best), -np.sqrt(best)).reshape(x.shape), dtype=np.float32)


def wrinkles(rng: np.random.Generator, x: Field, y: Field, count: int, height: float) -> Field:
    """Folds as ridges along bent lines, each fading at its ends, over soft rolling; cm, about 0..height."""
    out = 0.22 * height * textures.noise(rng, x.shape, 2.2, lo=1, hi=14)
    span = float(x.max() - x.min())
    for _ in range(count):
        cx, cy = rng.uniform(float(x.min()), float(x.max())), rng.uniform(float(y.min()), float(y.max()))
        angle, length = rng.uniform(0, np.pi), rng.uniform(0.10, 0.30) * span
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = -(x - cx) * np.sin(angle) + (y - cy) * np.cos(angle)
        across = (
            across
            + rng.normal(0, 0.02) * along**2 / 4
            + 0.5 * np.sin(along * rng.uniform(0.1, 0.35) + rng.uniform(0, 6))
        )
        width = rng.uniform(0.5, 1.5)
        crest = np.exp(-(np.abs(across / width) ** 1.4)) - 0.35 * np.exp(
            -(((across - 1.6 * width) / (1.3 * width)) ** 2)
        )
        out = out + height * rng.uniform(0.3, 1.0) * crest * np.exp(-((along / (length * 0.5)) ** 4))
    return np.asarray(out, dtype=np.float32)


@dataclass(frozen=True)
class Dye:
    """What a garment looks like: its colour and the size of its print."""

    colour: Field
    name: str


def dye(rng: np.random.Generator, light: bool) -> Dye:
    """A colour of T-shirt; light ones show stains."""
    dark = {"navy": (40, 52, 84), "green": (62, 92, 74), "burgundy": (112, 38, 48), "blue": (74, 112, 158)}
    pale = {
        "white": (226, 226, 222),
        "light grey": (196, 198, 200),
        "light blue": (176, 198, 218),
        "cream": (228, 218, 196),
    }
    choice = pale if light else dark
    name = str(rng.choice(list(choice)))
    return Dye(textures.linear(*(np.array(choice[name]) + rng.integers(-5, 6))), name)


def knit(rng: np.random.Generator, shape: tuple[int, int], base: Field) -> tuple[Image, Field]:
    """Single jersey: colour and bump; the single stitch is below what the camera resolves, its grain is not."""
    grain = textures.noise(rng, shape, 0.3, lo=shape[0] / 6, stretch=0.5)
    cloud = textures.noise(rng, shape, 1.5, hi=12)
    colour = textures.paint(base, 0.035 * grain, 0.018 * cloud)
    return colour, (0.004 * grain).astype(np.float32)


def seam(
    colour: Image, bump: Field, distance: Field, at: float, px_per_cm: float, rng: np.random.Generator
) -> tuple[Image, Field]:
    """A line of stitching where `distance` (cm) is `at`: a shallow groove with dots of thread."""
    line = np.exp(-(((distance - at) / 0.07) ** 2))
    puckers = 1 + 0.4 * textures.noise(rng, bump.shape, 0.6, lo=30)
    return (colour * (1 - 0.20 * line[..., None] * np.clip(puckers, 0, 2)[..., None])).astype(np.float32), (
        bump - 0.03 * line * puckers
    ).astype(np.float32)


def stain(rng: np.random.Generator, x: Field, y: Field, at: tuple[float, float], size: float) -> tuple[Field, Field]:
    """Coverage (h, w) in [0, 1] of a dried spill about `size` cm across, and of the dark ring at its edge.

    Liquid wicks outwards as it dries and leaves most of its colour at the rim (the coffee ring effect).
    """
    dx, dy = x - at[0], y - at[1]
    angle = np.arctan2(dy, dx)
    lobes = sum(rng.normal(0, 0.16) * np.cos(k * angle + rng.uniform(0, 6)) / k**0.6 for k in range(2, 8))
    ragged = 0.07 * textures.noise(rng, x.shape, 1.7, lo=4)
    depth = size / 2 * (1 + lobes + ragged) - np.hypot(dx, dy * rng.uniform(0.7, 0.95))
    for _ in range(int(rng.integers(5, 10))):
        a, far, r = rng.uniform(0, 6.3), size * rng.uniform(0.6, 1.15), min(size * rng.exponential(0.035), 0.8) + 0.1
        ex, ey = dx - far * np.cos(a), dy - far * np.sin(a)
        run, side = ex * np.cos(a) + ey * np.sin(a), -ex * np.sin(a) + ey * np.cos(a)
        drop = r * (1 + 2.2 * ragged) - np.hypot(run / rng.uniform(1.0, 1.7), side)
        depth = np.maximum(depth, drop)
    body = textures.smoothstep(-0.05, 0.22, depth.astype(np.float32))
    ring = np.exp(-(((depth - 0.16) / 0.16) ** 2))
    blotch = np.clip(0.74 + 0.16 * textures.noise(rng, x.shape, 1.4, lo=4), 0.2, 1)
    return (body * blotch).astype(np.float32), ring.astype(np.float32)
