"""Corrugated board: its thickness, its cut edges, its skin, and what else the parts of a carton share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.scenes import meshes, stage, textures
from tools.scenes.meshes import Points
from tools.scenes.stage import Shapes

BOARD = 0.38
"""Thickness of single-wall C-flute board, cm."""
LID = 0.20
"""How far the closed flaps stand above the score line that they turn on, cm."""
PX = 24.0
"""Texture resolution, pixels per cm."""

Warp = Callable[[Points], Points]
"""Moves the points (..., 3) of a perfect carton, in cm, to where they are on this one."""


@dataclass(frozen=True)
class Size:
    """A carton's outside, in cm, and its paper."""

    length: float
    width: float
    height: float
    tone: textures.Field
    """Linear colour of its paper, shape (3,)."""


def slab(
    name: str,
    outer: Points,
    thickness: float,
    skin: tuple[dict[str, Any], dict[str, Any]],
    edge: dict[str, Any],
    sides: str = "tblr",
) -> Shapes:
    """A board with an outer face `outer`, an inner face below it and cut edges along `sides`."""
    inner = outer - meshes.normals(outer) * thickness
    shapes: Shapes = {f"{name}_out": meshes.sheet(outer, skin[0]), f"{name}_in": meshes.sheet(inner, skin[1])}
    rims = {
        "b": (outer[0], inner[0]),
        "t": (outer[-1], inner[-1]),
        "l": (outer[:, 0], inner[:, 0]),
        "r": (outer[:, -1], inner[:, -1]),
    }
    for side in sides:
        a, b = rims[side]
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(a, axis=0), axis=1))])
        uu = np.stack([length / 10.0, np.zeros_like(length)], -1)
        uv = np.stack([uu, uu + np.array([0.0, 1.0])])
        shapes[f"{name}_{side}"] = meshes.sheet(np.stack([a, b]), edge, uv=uv, smooth=False)
    return shapes


def cut_edge(rng: np.random.Generator) -> dict[str, Any]:
    """Cut board seen edge on: two liners with the fluting between them; 10 cm of it, repeating."""
    h, w = 24, 720
    x, y = np.arange(w)[None, :] / 72.0, np.linspace(-1, 1, h)[:, None]
    wave = np.sin(2 * np.pi * x / (10 / 14)) * 0.7
    paper = np.maximum(np.exp(-(((y - wave) / 0.22) ** 2)), (np.abs(y) > 0.72).astype(float))
    shade = (0.25 + 0.75 * paper).astype(np.float32)
    colour = textures.paint(textures.linear(180, 143, 101), shade - 1, 0.08 * textures.noise(rng, (h, w), 0.3))
    bitmap = stage.texture(colour)
    bitmap["wrap_mode"] = "repeat"
    return stage.matt(bitmap)


def skin(
    rng: np.random.Generator, tone: textures.Field, width: float, height: float, flutes: str = "x", shade: float = 1.0
) -> dict[str, Any]:
    """Plain kraft board of `width` x `height` cm."""
    colour, bump = textures.kraft(rng, (int(height * PX), int(width * PX)), PX, flutes, tone)
    return stage.matt(stage.texture(colour * shade), bump)
