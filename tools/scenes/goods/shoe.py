"""A pair of plain canvas trainers: clean, or worn with scuffed toes and dirty soles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.scenes import engine, meshes, stage, textures
from tools.scenes.meshes import Points
from tools.scenes.stage import Shapes, View

LENGTH = 28.0
"""Heel to toe, cm."""
SOLE = 2.6
"""Height of the rubber side wall, cm."""
_RING = 220

Curve = NDArray[np.float64]


def build(state: str, rng: np.random.Generator) -> Shapes:
    """Both shoes side by side. `state` is `clean` or `worn`."""
    worn = state == "worn"
    hue = [(46, 62, 96), (40, 42, 46), (128, 44, 50), (78, 104, 88), (196, 190, 176)][int(rng.integers(5))]
    canvas = textures.linear(*(np.array(hue) + rng.integers(-5, 6)))
    shapes: Shapes = {}
    turn = float(rng.uniform(-14, 14))
    spin = engine.load().ScalarTransform4f().rotate([0, 0, 1], turn)
    for name, side in (("left", -1.0), ("right", 1.0)):
        splay = float(rng.uniform(-5, 5))
        for part, shape in _shoe(rng, canvas, side, worn).items():
            move = engine.load().ScalarTransform4f().translate([side * 6.3, float(rng.uniform(-0.01, 0.01)), 0])
            tilt = engine.load().ScalarTransform4f().rotate([0, 0, 1], splay)
            shapes[f"{name}_{part}"] = {**shape, "to_world": spin @ move @ tilt}
    return shapes


def views(state: str, rng: np.random.Generator) -> list[View]:
    def about(x: float, y: float, z: float, by: float = 1.2) -> tuple[float, float, float]:
        j = rng.uniform(-by, by, 3)
        return (x + float(j[0]), y + float(j[1]), z + float(j[2]))

    return [
        View(about(1, -26, 44), about(0, 0, 2, 0.5), fov=47, upright=True),
        View(about(38, -18, 25), about(0, -0.5, 3, 0.5), fov=44),
    ]


def _plan(y: Curve, side: float) -> tuple[Curve, Curve]:
    """Left and right edge of the sole at `y` in -0.5 (heel)..0.5 (toe) of the length, in cm; `side` mirrors it."""
    at = np.array([-0.5, -0.485, -0.45, -0.36, -0.2, 0.0, 0.18, 0.32, 0.42, 0.475, 0.495, 0.5])
    outer = np.array([0.0, 1.6, 2.7, 3.6, 3.9, 4.3, 4.9, 4.7, 3.7, 2.2, 1.0, 0.25])
    inner = np.array([0.0, -1.6, -2.7, -3.4, -3.2, -3.3, -4.3, -4.5, -3.7, -2.4, -1.2, 0.15])
    a, b = np.interp(y, at, outer), np.interp(y, at, inner)
    return (b, a) if side > 0 else (-a, -b)


def _outline(side: float, inset: float) -> NDArray[np.float64]:
    """(_RING, 2): the sole's outline, closed, from the heel; smoothed, then drawn in by `inset` cm."""
    y = np.concatenate([np.linspace(-0.5, 0.5, 240), np.linspace(0.5, -0.5, 240)])
    left, right = _plan(y, side)
    x = np.where(np.arange(480) < 240, right, left)
    line = np.stack([x, y * LENGTH], -1)
    for _ in range(80):
        line = 0.5 * line + 0.25 * (np.roll(line, 1, 0) + np.roll(line, -1, 0))
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    s = np.linspace(0, at[-1], _RING)
    ring = np.stack([np.interp(s, at, line[:, k]) for k in (0, 1)], -1)
    ring[-1] = ring[0]
    tangent = np.gradient(ring, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], -1) / np.linalg.norm(tangent, axis=1, keepdims=True)
    return np.asarray(ring - normal * inset)


def _upper_height(y: Curve) -> Curve:
    """Height of the upper's ridge above the bench at `y` (cm along the shoe): toe box, instep, collar, heel."""
    at = np.array([-14, -13.2, -11, -7.5, -4.0, -1.0, 3.0, 6.5, 9.5, 11.8, 13.2, 14.0])
    z = np.array([8.6, 9.4, 9.2, 8.4, 8.7, 9.3, 7.9, 6.5, 5.7, 5.1, 4.0, 2.9])
    return np.asarray(np.interp(y, at, z))


def _shoe(rng: np.random.Generator, canvas: textures.Field, side: float, worn: bool) -> Shapes:
    shapes: Shapes = {"sole": _sole(rng, side, worn), "upper": _upper(rng, canvas, side, worn)}
    shapes |= _inside(side)
    return shapes | _laces(rng, side, worn) | _toe_cap(rng, side, worn)


def _sole(rng: np.random.Generator, side: float, worn: bool) -> dict[str, Any]:
    """The rubber side wall with a stripe; dirt gathers at its foot."""
    low = [(0.35, 0.0), (0.05, 0.12), (-0.12, 0.5), (-0.16, 1.2), (-0.10, 2.1)]
    rows = [*low, (0.0, SOLE - 0.1), (0.25, SOLE), (1.2, SOLE)]
    points = np.stack([np.concatenate([_outline(side, i), np.full((_RING, 1), z)], 1) for i, z in rows])
    points[..., 2] += 0.9 * textures.smoothstep(9.0, 14.5, points[..., 1].astype(np.float32)) * 0.8
    shape = (160, 1800)
    colour = textures.paint(textures.linear(226, 224, 216), 0.02 * textures.noise(rng, shape, 0.8))
    v = np.linspace(0, 1, shape[0])[:, None] + np.zeros(shape)
    colour = textures.blend(colour, textures.linear(70, 72, 80), ((v > 0.52) & (v < 0.58)).astype(np.float32))
    if worn:
        dirt = textures.smoothstep(0.9, 0.1, v + 0.25 * textures.noise(rng, shape, 1.2, lo=2)) * 0.75
        scuff = textures.smoothstep(1.4, 2.0, textures.noise(rng, shape, 0.9, lo=4, stretch=0.2)) * 0.6
        colour = textures.blend(colour, textures.linear(104, 90, 72), np.maximum(dirt, scuff).astype(np.float32))
    return meshes.sheet(points, stage.glossy(stage.texture(colour), 0.28))


def _upper(rng: np.random.Generator, canvas: textures.Field, side: float, worn: bool) -> dict[str, Any]:
    """The canvas: rings of the outline that close towards the instep and stay open at the ankle."""
    rings = 46
    base = _outline(side, 0.22)
    centre = np.stack([0.35 * side * np.cos(base[:, 1] / 9), np.clip(base[:, 1], -9.2, 11.2)], -1)
    top = _upper_height(base[:, 1])
    heel = textures.smoothstep(2.5, -1.5, base[:, 1].astype(np.float32))
    rows = []
    for t in np.linspace(0, 1, rings):
        bow = np.sin(t * np.pi / 2)
        shrink_toe = 1 - np.cos(t * np.pi / 2)
        shrink_heel = 0.30 * t**1.5 - 0.10 * np.sin(t * np.pi)
        shrink = shrink_toe * (1 - heel) + shrink_heel * heel
        xy = base + (centre - base) * shrink[:, None]
        rows.append(np.concatenate([xy, (SOLE - 0.3 + (top - SOLE + 0.3) * (bow * (1 - heel) + t * heel))[:, None]], 1))
    points = np.stack(rows)
    shape = (700, 1800)
    weave = textures.noise(rng, shape, 0.1, lo=150)
    colour = textures.paint(canvas, 0.08 * weave, 0.03 * textures.noise(rng, shape, 1.4, hi=16))
    v = np.linspace(0, 1, shape[0])[:, None] + np.zeros(shape)
    bump = 0.006 * weave
    for at in (0.93, 0.955):
        stitch = np.exp(-(((v - at) / 0.004) ** 2)) * (np.sin(np.arange(shape[1]) / 3.2) > -0.2)
        colour = textures.blend(colour, textures.linear(214, 210, 200), (0.7 * stitch).astype(np.float32))
    if worn:
        points = _creased(rng, points)
        fade = textures.smoothstep(-0.2, 1.6, textures.noise(rng, shape, 1.6, hi=20)) * 0.35
        colour = textures.blend(colour, np.minimum(canvas * 1.8 + 0.05, 0.8), fade)
        dust = textures.smoothstep(0.35, 0.0, v + 0.12 * textures.noise(rng, shape, 1.2, lo=3)) * 0.6
        colour = textures.blend(colour, textures.linear(120, 104, 84), dust.astype(np.float32))
    return meshes.sheet(points, stage.matt(stage.texture(colour), bump.astype(np.float32)))


def _creased(rng: np.random.Generator, points: Points) -> Points:
    """Folds across the toe, where a foot bends the shoe."""
    y, z = points[..., 1], points[..., 2]
    lift = np.clip((z - SOLE) / 3, 0, 1)
    out = points.copy()
    for at in rng.uniform(3.5, 8.0, 4):
        bent = y - at - 0.12 * points[..., 0] * rng.normal(0, 1)
        out[..., 2] -= 0.34 * lift * np.exp(-((bent / 0.35) ** 2))
    return out


def _inside(side: float) -> Shapes:
    """The insole and the dark of the shoe."""
    rows = [np.concatenate([_outline(side, i), np.full((_RING, 1), SOLE + 0.4)], 1) for i in np.linspace(0.9, 4.2, 12)]
    return {"insole": meshes.sheet(np.stack(rows), stage.matt(stage.rgb(92, 90, 86)))}


def _toe_cap(rng: np.random.Generator, side: float, worn: bool) -> Shapes:
    """A rubber cap over the toe."""
    base = _outline(side, 0.10)
    top = _upper_height(base[:, 1]) + 0.10
    centre = np.stack([0.35 * side * np.cos(base[:, 1] / 9), np.clip(base[:, 1], -9.2, 11.2)], -1)
    rows = []
    for t in np.linspace(0, 1, 40):
        xy = base + (centre - base) * (1 - np.cos(t * np.pi / 2))
        rows.append(np.concatenate([xy, (SOLE - 0.3 + (top - SOLE + 0.3) * np.sin(t * np.pi / 2))[:, None]], 1))
    points = np.stack(rows)
    keep = points[..., 1] > 9.0 + 0.05 * points[..., 0] ** 2
    tone = textures.paint(textures.linear(228, 226, 218), 0.015 * textures.noise(rng, (200, 900), 0.8))
    if worn:
        scuff = textures.smoothstep(0.6, 1.5, textures.noise(rng, (200, 900), 1.0, lo=3)) * 0.7
        tone = textures.blend(tone, textures.linear(118, 106, 90), scuff)
    return {"toe": meshes.sheet(points, stage.glossy(stage.texture(tone), 0.25), keep=keep)}


def _laces(rng: np.random.Generator, side: float, worn: bool) -> Shapes:
    """Flat laces in bars across the tongue, and the tongue's end standing up behind them."""
    tone = stage.rgb(176, 170, 156) if worn else stage.rgb(236, 234, 228)
    skin = stage.matt(tone)
    shapes: Shapes = {}
    for k, y in enumerate(np.linspace(0.2, 7.4, 6)):
        half = 1.75 + 0.08 * k
        u, v = meshes.plane(np.linspace(-1, 1, 40), np.linspace(-0.36, 0.36, 8))
        lean = 0.35 * (1 if k % 2 else -1)
        ridge = float(_upper_height(np.array([y]))[0])
        sag = ridge + 0.22 - 0.95 * np.abs(u) ** 2.2 - 0.02 * np.abs(v / 0.36) ** 4
        bars = np.stack([u * half + 0.35 * side, y + v + lean * u, sag - 0.10 * v], -1)
        shapes[f"lace_{k}"] = meshes.sheet(bars, skin)
    return shapes
