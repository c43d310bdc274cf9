"""A wall with a hole torn through it: liners and fluting end each on a line of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tools.scenes import meshes, stage, textures
from tools.scenes.board import BOARD, PX, Size
from tools.scenes.engine import Image
from tools.scenes.goods.damage import hole_field
from tools.scenes.meshes import Points
from tools.scenes.stage import Shapes

TORN_FIBRE = (228, 203, 168)
"""sRGB of kraft fibres laid bare: paler than the calendered surface."""


def torn_walls(
    rng: np.random.Generator, size: Size, wall: Callable[[float], Points], colour: Image, bump: textures.Field
) -> Shapes:
    """Outer liner, fluting and inner liner, each torn along a line of its own, so that fibres show."""
    h, w = bump.shape
    field = hole_field(
        rng, (h, w), PX, at=(size.length * float(rng.uniform(0.42, 0.62)), size.height * float(rng.uniform(0.45, 0.6)))
    )
    fray = (
        textures.noise(rng, (h, w), 0.7, lo=h / PX * 0.8) * 0.13 + textures.noise(rng, (h, w), 1.0, lo=4, hi=40) * 0.16
    )
    gone = field + fray
    pale = textures.linear(*TORN_FIBRE)
    fringe = textures.smoothstep(0.75, 0.15, gone) * np.clip(0.8 + 0.3 * textures.noise(rng, (h, w), 0.4, lo=60), 0, 1)
    strain = textures.smoothstep(2.6, 0.4, field) * (textures.noise(rng, (h, w), 0.8, lo=8) > 1.0) * 0.35
    colour = textures.blend(colour, pale, np.clip(fringe + strain, 0, 1).astype(np.float32))
    bump = (bump + 0.03 * fringe * textures.noise(rng, (h, w), 0.3)).astype(np.float32)

    shapes: Shapes = {"wall_out": meshes.sheet(wall(0), _cut(stage.matt(stage.texture(colour), bump), gone))}
    for k, (inset, reach, shade) in enumerate(((0.16, 0.8, 0.62), (BOARD, 1.35, 0.8))):
        fray = (
            textures.noise(rng, (h, w), 0.6, lo=h / PX * 0.6) * 0.16
            + textures.noise(rng, (h, w), 1.2, lo=4, hi=60) * 0.3
        )
        layer, relief = textures.kraft(rng, (h, w), PX, tone=size.tone)
        if k == 0:
            flute = np.sin(2 * np.pi * np.arange(w)[None, :] / (0.72 * PX)) + np.zeros((h, 1))
            layer, relief = layer * (1 + 0.35 * flute[..., None]), relief + 0.09 * flute
        edge = textures.smoothstep(0.35, 0.0, field + reach + fray)
        layer = textures.blend((layer * shade).astype(np.float32), pale * 0.9, edge * 0.8)
        shapes[f"wall_{k}"] = meshes.sheet(
            wall(inset), _cut(stage.matt(stage.texture(layer), relief.astype(np.float32)), field + reach + fray)
        )
    return shapes | {"tongue": _tongue(rng, size, field)}


def _tongue(rng: np.random.Generator, size: Size, field: textures.Field) -> dict[str, Any]:
    """A strip of liner still hanging on by one side of the hole, curled away from the wall."""
    rows, cols = np.nonzero(np.abs(field) < 0.3)
    low = rows < np.percentile(rows, 30)
    at = (float(np.median(cols[low])) / PX, float(np.median(rows[low])) / PX + 0.3)
    wide, long = float(rng.uniform(2.2, 3.2)), float(rng.uniform(3.0, 4.4))
    u, d = meshes.plane(np.linspace(-1, 1, 60), np.linspace(0, long, 60))
    bend = float(rng.uniform(0.35, 0.6))
    out = (1 - np.cos(bend * d)) / bend + 0.05 + 0.12 * u**2 * d / long
    drop = np.sin(bend * d) / bend
    half = wide / 2 * (1 - 0.55 * (d / long) ** 1.6)
    x = -size.length / 2 + at[0] + u * half + 0.25 * d
    points = np.stack([x, -size.width / 2 - out, at[1] - drop + 0.0 * u], -1)
    colour, relief = textures.kraft(rng, (300, 300), PX * 3, tone=size.tone)
    reach = np.linspace(0, 1, 300)
    ragged = 1 - np.abs(np.linspace(-1, 1, 300))[None, :] + 0.16 * textures.noise(rng, (300, 300), 0.9, lo=3) - 0.08
    tip = 1 - reach[:, None] + 0.14 * textures.noise(rng, (300, 300), 0.8, lo=3) - 0.06
    keep = np.minimum(ragged, tip)
    colour = textures.blend(colour, textures.linear(*TORN_FIBRE), textures.smoothstep(0.25, 0.0, keep))
    skin = stage.matt(stage.texture(colour), relief)
    return meshes.sheet(points, _cut(skin, keep))


def _cut(bsdf: dict[str, Any], keep: textures.Field) -> dict[str, Any]:
    """`bsdf` where `keep` is above 0 (cm), nothing elsewhere."""
    return stage.cutout(bsdf, textures.smoothstep(-0.02, 0.02, keep))
