"""A carton that was sent more than once: a second tape over the first, an old label and what is left of another."""

import numpy as np
from numpy.typing import NDArray

from tools.scenes import meshes, stage, textures
from tools.scenes.board import LID, PX, Size, Warp
from tools.scenes.engine import Image
from tools.scenes.goods import wear
from tools.scenes.stage import Shapes

PAPER = (228, 226, 220)
"""sRGB of a label's backing where its print came off."""


def second_tape(rng: np.random.Generator, size: Size, warp: Warp) -> Shapes:
    """Another tape, put on in a hurry: askew over the first, in folds, with milky air under it, one end lifting."""
    half, wide = size.length / 2, 2.5
    top, down = size.height + LID + 0.06, float(rng.uniform(4.0, 6.5))
    path = np.array(
        [
            (-half - 0.07, top - 0.5 - down),
            (-half - 0.07, top - 0.55),
            (-half + 0.2, top - 0.1),
            (-half + 0.7, top),
            (half - 0.7, top),
            (half - 0.2, top - 0.1),
            (half + 0.07, top - 0.55),
            (half + 0.07, top - 0.5 - down),
        ]
    )
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    s, v = meshes.plane(np.linspace(0, at[-1], 420), np.linspace(-wide, wide, 40))
    skew, drift = float(rng.choice([-1, 1]) * rng.uniform(1.6, 2.4)), float(rng.uniform(-0.6, 0.6))
    y = v + drift + skew * (s / at[-1] * 2 - 1)
    shape = (int(2 * wide * PX), int(at[-1] * PX))
    folds = _folds(rng, shape)
    lift = np.array(folds)[
        np.ix_(np.linspace(0, shape[0] - 1, 40, dtype=int), np.linspace(0, shape[1] - 1, 420, dtype=int))
    ]
    points = np.stack([np.interp(s, at, path[:, 0]), y, np.interp(s, at, path[:, 1]) + 0.05 + 0.10 * lift], -1)
    bare, _ = textures.kraft(rng, shape, PX, tone=size.tone)
    air = textures.smoothstep(0.35, 1.2, textures.noise(rng, shape, 1.3, lo=1, hi=24, stretch=0.5))
    colour = bare * np.array([0.90, 0.85, 0.74], dtype=np.float32)
    colour = textures.blend(
        colour, textures.linear(206, 196, 178), (0.45 * air + 0.30 * folds).clip(0, 0.7).astype(np.float32)
    )
    ripple = 0.03 * textures.noise(rng, shape, 1.2, lo=1, hi=40, stretch=0.4) + 0.16 * folds
    bsdf = stage.glossy(stage.texture(np.clip(colour, 0.01, 0.9).astype(np.float32)), 0.06, ripple.astype(np.float32))
    return {"tape_2": meshes.sheet(warp(points), bsdf)}


def _folds(rng: np.random.Generator, shape: tuple[int, int]) -> textures.Field:
    """Slanted creases across a tape, (h, w) in [0, 1]."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / PX
    out = np.zeros(shape)
    for _ in range(int(rng.integers(7, 11))):
        slope, place = rng.uniform(-1.4, 1.4), rng.uniform(0.06, 0.94) * shape[1] / PX
        across = x - place - slope * (y - 2.5) - 0.2 * np.sin(2.2 * y + rng.uniform(0, 6))
        fade = textures.smoothstep(0.0, 1.6, (y if rng.random() < 0.5 else shape[0] / PX - y).astype(np.float32))
        out = np.maximum(out, np.exp(-np.abs(across / rng.uniform(0.05, 0.14))) * fade * rng.uniform(0.5, 1.0))
    return np.asarray(out, dtype=np.float32)


def old_labels(rng: np.random.Generator, size: Size, warp: Warp) -> Shapes:
    """An earlier shipping label, grubby and crossed out, and the torn paper that a third one left behind."""
    art = textures.shipping_label(rng)
    h, w = art.shape[:2]
    art = textures.blend(art, textures.linear(*wear.GRIME), (0.30 * _blotches(rng, (h, w))).astype(np.float32))
    art = textures.blend(art, textures.linear(34, 32, 40), 0.92 * _crossed_out(rng, (h, w)))
    torn = _ragged(rng, (h, w), corner=True)
    place = (-0.27 * size.length, size.width * 0.26, 0.0)
    shapes = {"old_label": _on_top(rng, size, warp, art, torn, place, (6.4, 4.4), 0.07)}
    rest = (
        np.broadcast_to(textures.linear(*PAPER), (h, w, 3))
        * (1 + 0.05 * textures.noise(rng, (h, w), 0.6, lo=20))[..., None]
    )
    rest = textures.blend(rest.astype(np.float32), size.tone, (0.5 * _blotches(rng, (h, w))).astype(np.float32))
    place = (0.27 * size.length, size.width * float(rng.uniform(0.22, 0.27)), 0.0)
    shapes["residue"] = _on_top(rng, size, warp, rest, _ragged(rng, (h, w)), place, (5.4, 3.6), 0.05, alpha=0.6)
    return shapes


def _on_top(
    rng: np.random.Generator,
    size: Size,
    warp: Warp,
    art: Image,
    keep: textures.Field,
    at: tuple[float, float, float],
    half: tuple[float, float],
    lift: float,
    alpha: float = 0.25,
) -> dict[str, object]:
    x, y = meshes.plane(np.linspace(-half[0], half[0], 40), np.linspace(-half[1], half[1], 30))
    local = np.stack([x, y, np.full_like(x, size.height + LID + lift)], -1)
    points = warp(meshes.place(local, turn=float(rng.normal(0, 6)), at=at))
    skin = stage.glossy(stage.texture(art[::-1].copy()), alpha)
    return meshes.sheet(points, stage.cutout(skin, keep[::-1].copy()))


def _blotches(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    return textures.smoothstep(0.0, 1.6, textures.noise(rng, shape, 1.2, lo=2, hi=60))


def _crossed_out(rng: np.random.Generator, shape: tuple[int, int]) -> textures.Field:
    """Two strokes of a felt pen across the whole label."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    out = np.zeros(shape, dtype=np.float32)
    for slope in (0.55, -0.6):
        off = y - shape[0] / 2 - slope * (x - shape[1] / 2) + 12 * np.sin(x / 130 + rng.uniform(0, 6))
        inside = textures.smoothstep(0.46, 0.43, np.abs(x / shape[1] - 0.5 + rng.uniform(-0.03, 0.03)))
        out = np.maximum(out, textures.smoothstep(11, 7, np.abs(off)) * inside)
    return out


def _ragged(rng: np.random.Generator, shape: tuple[int, int], corner: bool = False) -> textures.Field:
    """What is left of a label, (h, w) of 0 and 1: all but a `corner`, or islands torn off layer by layer."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) / shape[1]
    fray = 0.02 * textures.noise(rng, shape, 1.1, lo=6)
    if corner:
        return textures.smoothstep(-0.002, 0.002, x + 0.8 * y + fray - float(rng.uniform(0.26, 0.34)))
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, y.max() - y))
    field = textures.noise(rng, shape, 1.7, lo=1, hi=40) * 0.12 + 6 * fray * 0.5 - 0.02 + 0.06 * (x < 0.45)
    return textures.smoothstep(-0.004, 0.004, np.minimum(field, edge * 3 - 0.02 + fray))
