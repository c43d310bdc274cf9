"""A corrugated carton: sealed with tape and a label, open, torn and crushed, or worn and taped anew."""

import numpy as np
from numpy.typing import NDArray

from tools.scenes import board, engine, meshes, stage, textures
from tools.scenes.board import BOARD, PX, Size, Warp
from tools.scenes.engine import Image
from tools.scenes.goods import closure, retaped, wear
from tools.scenes.goods.damage import Crush
from tools.scenes.goods.torn import torn_walls
from tools.scenes.meshes import Points
from tools.scenes.stage import Shapes, View


def build(state: str, rng: np.random.Generator) -> Shapes:
    """All shapes of a carton standing on the bench. `state` is `sealed`, `open`, `torn` or `used`."""
    size = Size(
        float(rng.uniform(36, 42)), float(rng.uniform(27, 31)), float(rng.uniform(19, 23)), textures.kraft_tone(rng)
    )
    crush = Crush.at_corner(rng, size.length / 2, -size.width / 2, size.height) if state == "torn" else None
    warp = _settle(rng, size, crush)
    shapes = _walls(rng, size, warp, state)
    shapes |= _floor(rng, size)
    angles = {
        "sealed": (89.9, 89.9),
        "torn": (89.8, 89.8),
        "used": (89.7, 89.7),
        "open": (-float(rng.uniform(25, 75)), -float(rng.uniform(10, 80))),
    }
    shapes |= _flaps(rng, size, warp, state, *angles[state])
    if state != "open":
        shapes |= closure.tape(rng, size, warp)
        shapes |= closure.label(rng, size, warp)
    if state == "used":
        shapes |= retaped.second_tape(rng, size, warp)
        shapes |= retaped.old_labels(rng, size, warp)
    turn = float(rng.uniform(-32, -18)) if state != "open" else float(rng.uniform(-30, 30))
    return _turned(shapes, turn)


def views(state: str, rng: np.random.Generator) -> list[View]:
    """From a corner, from above, and (torn) close to the damage."""

    def about(x: float, y: float, z: float, by: float = 2.5) -> tuple[float, float, float]:
        j = rng.uniform(-by, by, 3)
        return (x + float(j[0]), y + float(j[1]), z + float(j[2]))

    wide = View(about(6, -72, 62), about(0, -1, 9, 1.0), fov=46)
    if state == "sealed":
        return [
            wide,
            View(about(-34, -52, 70), about(1, 0, 12, 1.0), fov=42),
        ]
    if state == "used":
        return [
            View(about(-4, -58, 74), about(0, -2, 9, 1.0), fov=44),
            View(about(-24, -64, 54), about(0, -2, 9, 1.0), fov=42),
        ]
    if state == "open":
        return [
            View(about(4, -66, 74), about(0, 1, 12, 1), fov=54),
            View(about(-16, -38, 84), about(0, 1, 12, 1), fov=50),
        ]
    film = "volpath"  # light falls in through the hole
    return [
        View(about(16, -70, 52), about(2, -3, 10, 1), fov=43, integrator=film),
        View(about(-14, -56, 36), about(-1, -8, 11, 1), fov=42, integrator=film),
    ]


def _turned(shapes: Shapes, degrees: float) -> Shapes:
    spin = engine.load().ScalarTransform4f().rotate([0, 0, 1], degrees)
    return {name: {**shape, "to_world": spin} for name, shape in shapes.items()}


def _settle(rng: np.random.Generator, size: Size, crush: Crush | None) -> Warp:
    """No real carton is flat: walls bulge by millimetres; then the corner is crushed."""
    bulge = rng.uniform(0.15, 0.5, 3)
    phase = rng.uniform(-0.5, 0.5, 3)

    def warp(p: Points) -> Points:
        x, y, z = p[..., 0], p[..., 1], p[..., 2]
        cx, cy = np.cos(np.pi * x / size.length), np.cos(np.pi * y / size.width)
        cz = np.sin(np.pi * np.clip(z / size.height, 0, 1))
        out = p.copy()
        out[..., 1] += np.sign(y) * np.abs(2 * y / size.width) ** 4 * bulge[0] * cx * cz
        out[..., 0] += np.sign(x) * np.abs(2 * x / size.length) ** 4 * bulge[1] * cy * cz
        lid = np.clip(z / size.height, 0, 1.2) ** 8
        out[..., 2] += lid * bulge[2] * 0.4 * cx * cy * np.cos(3 * phase[0] + 0.12 * x)
        out[..., 0] += 0.012 * z * phase[1]
        out[..., 1] += 0.012 * z * phase[2]
        return crush.apply(out) if crush else out

    return warp


def perimeter(size: Size, s: NDArray[np.float64], inset: float = 0.0) -> NDArray[np.float64]:
    """Points (n, 2) on the rounded outline at fractions `s` of it, from the front left corner, anticlockwise."""
    r = 0.45
    x, y = size.length / 2 - inset, size.width / 2 - inset
    corners = [(x - r, -y + r, -90), (x - r, y - r, 0), (-x + r, y - r, 90), (-x + r, -y + r, 180)]
    line = [(-x + r, -y)]
    for cx, cy, start in corners:
        arc = np.radians(np.linspace(start, start + 90, 7))
        line += [(cx + r * np.cos(a), cy + r * np.sin(a)) for a in arc]
    path = np.array(line)
    at = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return np.stack([np.interp(s, at / at[-1], path[:, k]) for k in (0, 1)], -1)


def _walls(rng: np.random.Generator, size: Size, warp: Warp, state: str) -> Shapes:
    around = 2 * (size.length + size.width)
    shape = (int(size.height * PX), int(around * PX))
    colour, bump = textures.kraft(rng, shape, PX, tone=size.tone)
    colour = _print(rng, colour, size)
    if state == "used":
        colour = wear.handled_board(rng, colour, PX, "bt")
    s, t = meshes.plane(np.linspace(0, 1, 900), np.linspace(0, 1, 90))

    def wall(inset: float) -> Points:
        xy = perimeter(size, s.ravel(), inset).reshape(*s.shape, 2)
        return warp(np.concatenate([xy, (t * size.height)[..., None]], -1))

    inner = board.skin(rng, size.tone, around, size.height, shade=0.82)
    rim = board.cut_edge(rng)
    if state != "torn":
        skin = stage.matt(stage.texture(colour), bump)
        return {
            "wall_out": meshes.sheet(wall(0), skin),
            "wall_in": meshes.sheet(wall(BOARD), inner),
            "wall_rim": meshes.sheet(np.stack([wall(0)[-1], wall(BOARD)[-1]]), rim, smooth=False),
        }
    return torn_walls(rng, size, wall, colour, bump)


def _print(rng: np.random.Generator, colour: Image, size: Size) -> Image:
    """Flexo printing on the front and right walls: carton code, handling words, box maker's mark."""
    h, w = colour.shape[:2]
    code = f"{'ABCDEHKMPRT'[rng.integers(11)]}{rng.integers(100, 999)}-{rng.integers(10, 99)}"
    x0 = PX * float(rng.uniform(2.5, 5))
    words = [
        (code, x0, h * 0.12, 2.6 * PX),
        (f"QTY {rng.integers(1, 24)}   N.W. {rng.uniform(1, 9):.1f} KG", x0, h * 0.30, 1.1 * PX),
        ("CARTON NO.", x0, h * 0.82, 0.9 * PX),
        ("THIS WAY UP", PX * (size.length + 5), h * 0.2, 1.9 * PX),
        ("HANDLE WITH CARE", PX * (size.length + 5), h * 0.34, 1.3 * PX),
        (code, PX * (1.5 * size.length + size.width), h * 0.3, 2.4 * PX),
    ]
    # Row 0 of a texture is the foot of the wall: print upside down in the array.
    cover = textures.ink((h, w), words, rng)[::-1]
    return textures.blend(colour, colour * 0.16, cover * 0.93)


def _floor(rng: np.random.Generator, size: Size) -> Shapes:
    x, y = meshes.plane(np.linspace(-0.5, 0.5, 40), np.linspace(-0.5, 0.5, 40))
    points = np.stack([x * size.length, y * size.width, np.full_like(x, BOARD)], -1)
    colour, bump = textures.kraft(rng, (int(size.width * PX), int(size.length * PX)), PX, "y", size.tone)
    h = colour.shape[0]
    seam = np.abs(np.arange(h) - h // 2)[:, None] < 0.10 * PX
    colour = np.where(seam[..., None], colour * 0.3, colour * 0.85).astype(np.float32)
    return {"floor_in": meshes.sheet(points, stage.matt(stage.texture(colour), bump))}


def _flaps(rng: np.random.Generator, size: Size, warp: Warp, state: str, major: float, minor: float) -> Shapes:
    """Four flaps: `major` and `minor` are angles from upright, in degrees, positive inwards."""
    shapes: Shapes = {}
    reach = size.width / 2 - 0.15
    edge = board.cut_edge(rng)
    plans = (
        ("front", size.length, size.width / 2, 0.0, major),
        ("back", size.length, size.width / 2, 180.0, major),
        ("right", size.width, size.length / 2, 90.0, minor),
        ("left", size.width, size.length / 2, 270.0, minor),
    )
    for name, along, away, turn, angle in plans:
        is_minor = name in ("left", "right")
        angle += float(rng.normal(0, 14)) if state == "open" else float(rng.uniform(-0.03, 0.03))
        bend = float(rng.uniform(-8, 8)) if state == "open" else 0.0
        d = np.concatenate([np.linspace(0, 1.2, 14), np.linspace(1.4, reach, 36)])
        a = np.radians(angle * textures.smoothstep(0, 1.1, d.astype(np.float32)) + bend * (d / reach) ** 2)
        step = np.diff(d, prepend=0)
        inward, rise = np.cumsum(np.sin(a) * step), np.cumsum(np.cos(a) * step)
        slit = 0.25 + (BOARD if is_minor else 0)
        u, dd = meshes.plane(np.linspace(-along / 2 + slit, along / 2 - slit, 120), d)
        row = np.arange(len(d))[:, None] + np.zeros_like(u, dtype=int)
        base = size.height - (BOARD + 0.75 if is_minor and state != "open" else 0.45)
        twist = float(rng.normal(0, 0.9)) if state == "open" else 0.0
        lift = twist * (u / along) * (dd / reach) ** 1.5
        local = np.stack([u, -away + inward[row] + lift * 0.6, base + rise[row] + lift], -1)
        colour, bump = textures.kraft(rng, (int(reach * PX), int(along * PX)), PX, tone=size.tone)
        crease = np.exp(-(((np.arange(colour.shape[0]) / PX - 0.5) / 0.18) ** 2)).astype(np.float32)[:, None]
        colour = colour * (1 - 0.18 * crease[..., None])
        if state == "used":
            colour = wear.handled_board(rng, colour, PX, "blr")
        skin = stage.matt(stage.texture(colour), (bump - 0.03 * crease).astype(np.float32))
        shapes |= board.slab(
            f"flap_{name}",
            warp(meshes.place(local, turn=turn)),
            BOARD,
            (skin, board.skin(rng, size.tone, along, reach, shade=0.84)),
            edge,
            "tlr",
        )
    return shapes
