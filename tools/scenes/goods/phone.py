"""A smartphone, switched off: intact, or with a display cracked from one blow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.scenes import engine, meshes, stage, textures
from tools.scenes.engine import Image
from tools.scenes.goods import wear
from tools.scenes.goods.crack import Crack, crack
from tools.scenes.stage import Shapes, View

WIDTH, LENGTH, THICK, RADIUS = 7.3, 15.4, 0.82, 1.05
"""Outer size and corner radius, cm."""
PX = 160.0
"""Pixels a centimetre of the display's textures."""


def build(state: str, rng: np.random.Generator) -> Shapes:
    """A phone on its back on the bench. `state` is `intact`, `used` or `cracked`."""
    body = {"type": "twosided", "bsdf": _frame(rng)}
    broken = crack(rng, (int(LENGTH * PX / 2), int(WIDTH * PX / 2)), PX / 2) if state == "cracked" else None
    shapes: Shapes = {
        "frame": meshes.sheet(_rim(), body),
        "glass": meshes.sheet(_face(THICK), _glass(rng, broken, used=state == "used"), uv=_uv()),
    }
    if broken is not None:
        shapes |= _splinters(rng, broken)
    shapes |= _buttons(body)
    turn = float(rng.uniform(-28, 28)) + (90 if rng.random() < 0.3 else 0)
    spin = engine.load().ScalarTransform4f().rotate([0, 0, 1], turn)
    return {
        name: {**shape, "to_world": spin @ shape.get("to_world", spin.__class__())} for name, shape in shapes.items()
    }


def views(state: str, rng: np.random.Generator) -> list[View]:
    """From above at a slant, so that the glass mirrors the ceiling and one light box's edge."""

    def about(x: float, y: float, z: float, by: float = 1.0) -> tuple[float, float, float]:
        j = rng.uniform(-by, by, 3)
        return (x + float(j[0]), y + float(j[1]), z + float(j[2]))

    first = View(about(2, -13, 25), about(0, -0.2, 0, 0.3), fov=44, aperture=0.06)
    second = View(about(-11, -15, 17), about(0, 0, 0, 0.4), fov=44, aperture=0.08)
    third = View(about(7, -12, 15), about(0.5, 0.5, 0.5, 0.3), fov=40, aperture=0.08)
    return [first, third] if state == "cracked" else [first, second]


def _outline(n: int, inset: float) -> NDArray[np.float64]:
    """(n, 2): a rounded rectangle, anticlockwise, closed."""
    x, y, r = WIDTH / 2 - inset, LENGTH / 2 - inset, max(RADIUS - inset, 0.05)
    path = []
    for cx, cy, start in ((x - r, y - r, 0), (-x + r, y - r, 90), (-x + r, -y + r, 180), (x - r, -y + r, 270)):
        a = np.radians(np.linspace(start, start + 90, 24))
        path += list(np.stack([cx + r * np.cos(a), cy + r * np.sin(a)], -1))
    line = np.array([*path, path[0]])
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    s = np.linspace(0, at[-1], n)
    return np.stack([np.interp(s, at, line[:, k]) for k in (0, 1)], -1)


def _rim() -> meshes.Points:
    """The metal band: the outline swept round a half-rounded profile, from the back plate up to the glass."""
    profile = [
        (0.30, 0.02),
        (0.12, 0.05),
        (0.04, 0.12),
        (0.0, 0.24),
        (0.0, 0.58),
        (0.03, 0.70),
        (0.09, 0.78),
        (0.15, 0.815),
        (0.21, 0.815),
    ]
    return np.stack([np.concatenate([_outline(600, i), np.full((600, 1), z)], 1) for i, z in profile])


def _face(z: float) -> meshes.Points:
    """The cover glass: rings of the outline shrinking to a line, 2.5D rounded at its edge."""
    rings = []
    for k in np.concatenate([np.linspace(0, 0.25, 16), np.linspace(0.3, 3.475, 24)]):
        drop = 0.045 * max(0.0, 1 - k / 0.25) ** 2
        rings.append(np.concatenate([_outline(600, 0.17 + k), np.full((600, 1), z - drop)], 1))
    return np.stack(rings)


def _uv() -> meshes.Points:
    face = _face(0)
    return np.stack([face[..., 0] / WIDTH + 0.5, face[..., 1] / LENGTH + 0.5], -1)


def _frame(rng: np.random.Generator) -> dict[str, Any]:
    kind = str(rng.choice(["graphite", "silver", "black"]))
    level = {"graphite": 0.18, "silver": 0.62, "black": 0.05}[kind]
    tint = [level * (1 + float(rng.uniform(-0.03, 0.05))), level, level * (1 + float(rng.uniform(-0.03, 0.06)))]
    return {"type": "principled", "base_color": {"type": "rgb", "value": tint}, "metallic": 0.85, "roughness": 0.28}


def _buttons(body: dict[str, Any]) -> Shapes:
    keys = {"power": (WIDTH / 2, 2.6, 0.9), "volume": (-WIDTH / 2, 2.9, 1.5)}
    out: Shapes = {}
    for name, (x, y, half) in keys.items():
        u, v = meshes.plane(np.linspace(0, 2 * np.pi, 24), np.linspace(-1, 1, 12))
        r = np.sqrt(np.clip(1 - np.abs(v) ** 8, 0, 1))
        points = np.stack([x + 0.05 * np.cos(u) * r, y + v * half, 0.42 + 0.13 * np.sin(u) * r], -1)
        out[name] = meshes.sheet(points, body)
    return out


def _panel(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """What lies under the glass: black border, dark panel, camera hole, ear piece."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w]
    cx, cy = (x / w - 0.5) * WIDTH, (y / h - 0.5) * LENGTH
    inset = np.maximum(np.abs(cx) - (WIDTH / 2 - 0.46), np.abs(cy) - (LENGTH / 2 - 0.52)).astype(np.float32)
    lit = textures.smoothstep(0.02, -0.02, inset)[..., None]
    panel = np.array([0.0075, 0.0078, 0.0092], dtype=np.float32) * float(rng.uniform(0.8, 1.7))
    colour = np.full((h, w, 3), 0.0035, dtype=np.float32) * (1 - lit) + panel * lit
    hole = np.hypot(cx, cy - (LENGTH / 2 - 0.95)).astype(np.float32)
    colour = textures.blend(colour, np.full(3, 0.001, np.float32), textures.smoothstep(0.23, 0.21, hole))
    ring = textures.smoothstep(0.05, 0.03, np.abs(hole - 0.13))
    colour = textures.blend(colour, np.array([0.010, 0.012, 0.03], np.float32), ring)
    ear = np.maximum(np.abs(cx) - 0.8, np.abs(cy - (LENGTH / 2 - 0.30)) - 0.035).astype(np.float32)
    return textures.blend(colour, np.full(3, 0.02, np.float32), textures.smoothstep(0.01, -0.01, ear))


def _glass(rng: np.random.Generator, broken: Crack | None, used: bool = False) -> dict[str, Any]:
    """Cover glass over the panel: a smooth dielectric coat. Shards are tilted, so each mirrors another spot."""
    shape = (int(LENGTH * PX / 2), int(WIDTH * PX / 2))
    colour = _panel(rng, shape)
    if broken is None:
        dust = (textures.noise(rng, shape, 0.3, lo=80) > 3.9).astype(np.float32) * 0.05
        if used:
            dust = (
                dust * 3 + 0.055 * wear.smudges(rng, shape, PX / 2) + 0.13 * wear.scratches(rng, shape, PX / 2, 24, 0.9)
            )
        colour = np.clip(colour + dust[..., None], 0, 0.9).astype(np.float32)
        coat = {"type": "plastic", "diffuse_reflectance": stage.texture(colour), "int_ior": 1.5}
        return {"type": "twosided", "bsdf": coat}
    white = np.array([0.72, 0.76, 0.78], dtype=np.float32)
    colour = textures.blend(colour, white * 0.8, np.clip(broken.lines, 0, 1))
    colour = textures.blend(colour, white * 0.42, np.clip(broken.crushed, 0, 1))
    coat = {"type": "plastic", "diffuse_reflectance": stage.texture(colour.astype(np.float32)), "int_ior": 1.5}
    return stage.bumped(coat, broken.height, 1.0)


def _splinters(rng: np.random.Generator, broken: Crack) -> Shapes:
    """A few grains of glass left lying near the impact."""
    t = engine.load().ScalarTransform4f
    glass = {"type": "twosided", "bsdf": {"type": "plastic", "diffuse_reflectance": stage.rgb(205, 212, 214)}}
    out: Shapes = {}
    for k in range(int(rng.integers(8, 16))):
        at = np.asarray(broken.impact) + rng.normal(0, 0.9, 2)
        x = float(np.clip(at[0], -WIDTH / 2 - 1, WIDTH / 2 + 1))
        y = float(np.clip(at[1], -LENGTH / 2 - 1, LENGTH / 2 + 1))
        inside = abs(x) < WIDTH / 2 and abs(y) < LENGTH / 2
        size = float(rng.uniform(0.015, 0.05))
        out[f"grain_{k}"] = {
            "type": "cube",
            "bsdf": glass,
            "to_world": t()
            .translate([x, y, (THICK if inside else 0) + size * 0.4])
            .rotate([0, 0, 1], float(rng.uniform(0, 180)))
            .rotate([1, 0, 0], float(rng.uniform(-20, 20)))
            .scale([size * 1.6, size, size * 0.5]),
        }
    return out
