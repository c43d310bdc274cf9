"""A T-shirt: folded in a polybag with its hang tag, or laid flat, with a stain or worn."""

from typing import Any

import numpy as np
from PIL import Image as Pil

from tools.scenes import engine, meshes, stage, textures
from tools.scenes.engine import Image
from tools.scenes.goods import cloth, worn_cloth
from tools.scenes.stage import Shapes, View


def build(state: str, rng: np.random.Generator) -> Shapes:
    """`state` is `bagged` (folded, with a tag, in a clear bag), `stained`, `worn` or `clean` (laid flat)."""
    shapes = _bagged(rng) if state == "bagged" else _flat(rng, state)
    spin = engine.load().ScalarTransform4f().rotate([0, 0, 1], float(rng.uniform(-10, 10)))
    return {name: {**shape, "to_world": spin} for name, shape in shapes.items()}


def views(state: str, rng: np.random.Generator) -> list[View]:
    def about(x: float, y: float, z: float, by: float = 1.5) -> tuple[float, float, float]:
        j = rng.uniform(-by, by, 3)
        return (x + float(j[0]), y + float(j[1]), z + float(j[2]))

    if state == "bagged":
        film = "volpath"
        return [
            View(about(1, -30, 52), about(0, 0, 1, 0.5), fov=46, upright=True, integrator=film),
            View(about(-20, -34, 36), about(0, -1, 1, 0.5), fov=44, integrator=film),
        ]
    if state == "worn":
        return [
            View(about(1, -30, 96), about(0, -3, 0, 1), fov=50, upright=True),
            View(about(-6, -24, 42), about(-5, 4, 0, 0.5), fov=56),
        ]
    return [
        View(about(1, -30, 98), about(0, -3, 0, 1), fov=52, upright=True),
        View(about(3, -24, 34), about(0, -5, 0, 0.5), fov=44),
    ]


def _flat(rng: np.random.Generator, state: str) -> Shapes:
    """The shirt on the bench: front, with the back of the neck showing in the collar."""
    stained, worn = state == "stained", state == "worn"
    px = 20.0
    wide, tall = 82.0, 78.0
    shape = (int(tall * px), int(wide * px))
    line = cloth.outline(rng)
    gx, gy = _grid(wide, tall, 620, 590)
    depth = cloth.inside_distance(line, gx, gy)
    ruck = cloth.wrinkles(rng, gx, gy, 64, 1.0)
    body = textures.smoothstep(-0.1, 1.3, depth)
    z = 0.12 + 0.42 * body + ruck * textures.smoothstep(0, 4, depth) * 0.9
    z = np.maximum(z, 0.05)
    tint = cloth.dye(rng, light=not worn and (stained or rng.random() < 0.4))
    tx, ty = _grid(wide, tall, shape[1], shape[0])
    fine = _resize(depth, shape)
    colour, bump = cloth.knit(rng, shape, tint.colour)
    plain = colour
    slack = worn_cloth.Slack.of(rng) if worn else None
    colour, bump = _sewing(rng, colour, bump, tx, ty, px, slack)
    shapes: Shapes = {}
    if slack is not None:
        seams = textures.smoothstep(0.0, 0.16, 1 - colour.mean(axis=-1) / plain.mean(axis=-1))
        colour = worn_cloth.faded(rng, colour, fine, _resize(ruck, shape), seams)
        colour, bump = worn_cloth.cracked_print(rng, colour, bump, tx, ty, px)
        colour, bump = worn_cloth.pilled(rng, colour, bump, tx, ty, px)
        collar = textures.smoothstep(0.36, 0.12, _neck(gx, gy, None)) * (gy < 33.0)
        z = z + collar * 12 * (0.04 + slack(np.arctan2(gx, 31.0 - gy)))
        shapes = worn_cloth.threads(rng, [(-9.0, -35.4), (13.5, -35.0)], tint.colour * 1.6 + 0.08)
    if stained:
        at = (float(rng.uniform(-5, 5)), float(rng.uniform(-9, -1)))
        body_, ring = cloth.stain(rng, tx, ty, at, float(rng.uniform(8.5, 12)))
        tone = np.array(
            [(0.42, 0.23, 0.10), (0.52, 0.30, 0.08), (0.36, 0.22, 0.13)][int(rng.integers(3))], dtype=np.float32
        )
        colour = colour * (1 - body_[..., None] * (1 - tone)) * (1 - 0.35 * ring[..., None] * (1 - tone))
    points = np.stack([gx, gy, z], -1)
    skin = stage.matt(stage.texture(colour.astype(np.float32)), bump)
    keep = textures.smoothstep(-0.12, -0.04, fine)
    shapes["shirt"] = meshes.sheet(points, stage.cutout(skin, keep), keep=depth > -0.5)
    return shapes | _nape(rng, cloth.Dye(0.8 * tint.colour + 0.03, tint.name) if worn else tint)


def _nape(rng: np.random.Generator, tint: cloth.Dye) -> Shapes:
    """The inside of the back seen through the collar, with a neck label."""
    x, y = _grid(22.0, 12.0, 80, 50)
    points = np.stack([x, y + 26.5, 0.10 + 0.02 * textures.noise(rng, x.shape, 2.0, hi=6)], -1)
    colour, bump = cloth.knit(rng, (300, 550), tint.colour * 0.72)
    tx, ty = _grid(22.0, 12.0, 550, 300)
    collar = np.abs(np.hypot(tx / 1.0, (ty + 1.0 - 5.6) * 1.9) - 8.4)
    outer = textures.smoothstep(6.1, 5.9, ty - 0.014 * tx**2 * -1.0)
    band = textures.smoothstep(1.0, 0.9, collar) * (ty > 1.5)
    colour = colour * (1 - 0.12 * band[..., None])
    label = ((np.abs(tx) < 1.9) & (np.abs(ty - 2.1) < 1.1)).astype(np.float32)
    colour = textures.blend(colour.astype(np.float32), textures.linear(232, 232, 228), label)
    words = textures.ink((300, 550), [("M", 262, 110, 34)], rng)[::-1]
    colour = textures.blend(colour, textures.linear(30, 30, 34), words)
    return {"nape": meshes.sheet(points, stage.cutout(stage.matt(stage.texture(colour), bump), outer), keep=y < 6.2)}


def _sewing(
    rng: np.random.Generator,
    colour: Image,
    bump: textures.Field,
    x: textures.Field,
    y: textures.Field,
    px: float,
    slack: worn_cloth.Slack | None,
) -> tuple[Image, textures.Field]:
    """Ribbed collar, hems and shoulder seams."""
    neck = _neck(x, y, slack)
    rib = textures.smoothstep(0.30, 0.27, neck) * (y < 33.5)
    teeth = np.sin(np.arctan2(x, 31.0 - y) * 150).astype(np.float32)
    colour = colour * (1 - (0.07 + 0.05 * teeth[..., None]) * rib[..., None])
    bump = bump + 0.05 * rib + 0.006 * teeth * rib
    colour, bump = cloth.seam(colour.astype(np.float32), bump.astype(np.float32), (neck - 0.285) * 8.5, 0.0, px, rng)
    low = np.where(y < -20, y + 35.6, 9.0).astype(np.float32)
    for at in (2.2, 2.5):
        colour, bump = cloth.seam(colour, bump, low, at, px, rng)
    for side in (-1, 1):
        cuff = np.where(side * x > 24, ((36.5 - side * x) * 0.76 - (15.6 - y) * -0.65) * 0.0 + _cuff(side * x, y), 9.0)
        for at in (2.0, 2.3):
            colour, bump = cloth.seam(colour, bump, cuff.astype(np.float32), at, px, rng)
        arm = np.where((y > 10) & (y < 30), side * x - (22.6 + 0.035 * (y - 20) + 0.9 * np.sin((y - 12) / 7)), 9.0)
        colour, bump = cloth.seam(colour, bump, arm.astype(np.float32), 0.0, px, rng)
    return colour, bump


def _neck(x: textures.Field, y: textures.Field, slack: worn_cloth.Slack | None) -> textures.Field:
    """0 at the neckline and 0.29 at the collar's seam, whose line waves where it is slack."""
    neck = np.hypot(x / 9.2, (y - 31.0) / 8.2) - 1
    return neck if slack is None else np.asarray(neck + slack(np.arctan2(x, 31.0 - y)), dtype=np.float32)


def _cuff(x: textures.Field, y: textures.Field) -> textures.Field:
    """Distance in cm from the sleeve's hem, inwards; the hem runs from (36.5, 15.6) to (30, 8)."""
    ex, ey = -6.5, -7.6
    length = float(np.hypot(ex, ey))
    return np.asarray(-((x - 36.5) * -ey + (y - 15.6) * ex) / length * -1.0 * -1.0, dtype=np.float32)


def _bagged(rng: np.random.Generator) -> Shapes:
    """Folded to about 25 x 33 cm, collar up, a printed hang tag on it, all in a clear bag with a flap."""
    tint = cloth.dye(rng, light=False)
    wide, tall = float(rng.uniform(24, 26)), float(rng.uniform(31, 34))
    shapes: Shapes = {}
    for k, (shrink, level) in enumerate(((0.0, 0.9), (0.35, 1.7), (0.75, 2.5))):
        shapes[f"fold_{k}"] = _folded(rng, tint, wide - shrink, tall - shrink * 1.2, level, top=k == 2)
    shapes["tag"] = _tag(rng, wide, tall, 2.72)
    shapes["bag"] = _bag(rng, wide, tall)
    return shapes


def _folded(
    rng: np.random.Generator, tint: cloth.Dye, wide: float, tall: float, level: float, top: bool
) -> dict[str, Any]:
    """One layer: a pillow with rounded sides; the top one has the collar, the placket and side folds."""
    margin = 2.0
    x, y = _grid(wide + margin, tall + margin, 330, 400)
    depth = _box_depth(x, y, wide, tall, 1.6)
    round_ = np.sqrt(np.clip(1 - (1 - np.clip(depth / 0.75, 0, 1)) ** 2, 0, 1))
    z = level - 0.8 + 0.8 * round_ + cloth.wrinkles(rng, x, y, 12, 0.10) * textures.smoothstep(0, 2, depth)
    z = np.where(depth > 0, z, level - 0.8 + depth * 0.2)
    shape = (1000, 800)
    tx, ty = _grid(wide + margin, tall + margin, shape[1], shape[0])
    fine = _box_depth(tx, ty, wide, tall, 1.6)
    colour, bump = cloth.knit(rng, shape, tint.colour)
    if top:
        neck = np.hypot(tx / 7.6, (ty - tall / 2 + 0.2) / 6.2) - 1
        inner = textures.smoothstep(0.02, -0.02, neck)
        rib = textures.smoothstep(0.36, 0.33, neck) * (1 - inner)
        teeth = np.sin(np.arctan2(tx, tall / 2 - ty) * 130)
        colour = colour * (1 - (0.10 + 0.08 * teeth[..., None]) * rib[..., None]) * (1 - 0.35 * inner[..., None])
        bump = bump + 0.10 * rib + 0.01 * teeth * rib
        edge = np.exp(-((neck / 0.02) ** 2)) + np.exp(-(((neck - 0.35) / 0.012) ** 2))
        colour = colour * (1 - 0.35 * np.clip(edge, 0, 1)[..., None])
        label = ((np.abs(tx) < 1.7) & (np.abs(ty - tall / 2 + 2.0) < 1.0)).astype(np.float32)
        colour = textures.blend(colour.astype(np.float32), textures.linear(236, 236, 232), label)
        gx = np.hypot(x / 7.6, (y - tall / 2 + 0.2) / 6.2) - 1
        z = z - 0.35 * textures.smoothstep(0.03, -0.08, gx) + 0.16 * textures.smoothstep(0.36, 0.32, gx) * (gx > 0)
    skin = stage.matt(stage.texture(colour.astype(np.float32)), bump.astype(np.float32))
    return meshes.sheet(
        np.stack([x, y, np.maximum(z, 0.03)], -1), stage.cutout(skin, textures.smoothstep(-0.05, 0.05, fine))
    )


def _tag(rng: np.random.Generator, wide: float, tall: float, z: float) -> dict[str, Any]:
    """A printed hang tag: brand words that are nobody's, size, price and a barcode."""
    px, w, h = 90, 4.6, 8.2
    shape = (int(h * px), int(w * px))
    size = str(rng.choice(["S", "M", "L", "XL"]))
    band = textures.linear(*rng.integers(30, 150, 3))
    art = np.broadcast_to(textures.linear(240, 238, 232), (*shape, 3)).astype(np.float32)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / px
    art = textures.blend(art, band, ((y > 0.0) & (y < 2.2)).astype(np.float32))
    cover = textures.ink(
        shape,
        [("PLAIN TEE", 40, 250, 62), (f"SIZE  {size}", 40, 340, 54), (f"$ {rng.integers(14, 39)}.00", 40, 640, 56)],
        rng,
    )
    art = textures.blend(art, textures.linear(24, 24, 28), cover)
    bars = np.repeat(rng.random(60) < 0.5, 5)
    strip = np.zeros(shape, dtype=np.float32)
    strip[470:600, 50 : 50 + len(bars)] = bars
    art = textures.blend(art, textures.linear(20, 20, 22), strip)
    art = textures.blend(
        art,
        textures.linear(30, 30, 30),
        textures.smoothstep(0.22, 0.18, np.hypot(x - w / 2, y - 0.6).astype(np.float32)),
    )
    u, v = _grid(w, h, 20, 30)
    points = np.stack([u, v, z + 0.35 + 0.012 * (v + 4) ** 2 * 0.4], -1)
    at = (float(rng.uniform(2.0, 5.0)), float(rng.uniform(-4.0, -1.0)), 0.0)
    return meshes.sheet(
        meshes.place(points, turn=float(rng.uniform(-16, 16)), at=at),
        stage.glossy(stage.texture(art[::-1].copy()), 0.15),
    )


def _bag(rng: np.random.Generator, wide: float, tall: float) -> dict[str, Any]:
    """Film lying over the fold: it sags between creases. A tenth of the light is mirrored, the rest goes through."""
    w, h = wide + 7.0, tall + 8.0
    x, y = _grid(w, h, 420, 480)
    depth = _box_depth(x, y, wide, tall, 2.4)
    drape = textures.smoothstep(-3.0, 0.9, depth)
    crease = cloth.wrinkles(rng, x, y, 70, 0.26) + 0.03 * textures.noise(rng, x.shape, 1.6, lo=4, hi=50)
    fan = (
        0.10
        * np.abs(np.sin(np.arctan2(y, x) * 23 + 2.5 * textures.noise(rng, x.shape, 2.0, hi=6)))
        * (1 - drape)
        * drape
        * 4
    )
    z = 0.10 + 3.3 * drape + np.maximum(crease, -0.12) * (0.25 + 0.75 * drape) + fan
    tx, ty = _grid(w, h, 900, 1000)
    edge = np.minimum(w / 2 - np.abs(tx), h / 2 - np.abs(ty))
    opacity = 0.085 + 0.10 * np.exp(-(((edge - 0.5) / 0.10) ** 2)) + 0.05 * np.exp(-(((edge - 0.1) / 0.10) ** 2))
    opacity = opacity + 0.05 * np.exp(-(((ty - h * 0.38) / 0.12) ** 2))
    film = {"type": "roughconductor", "material": "none", "alpha": 0.035, "distribution": "ggx"}
    mask = {
        "type": "mask",
        "opacity": stage.texture(opacity[..., None].astype(np.float32)),
        "bsdf": {"type": "twosided", "bsdf": film},
    }
    return meshes.sheet(np.stack([x, y, np.maximum(z, 0.04)], -1), mask)


def _grid(wide: float, tall: float, columns: int, rows: int) -> tuple[textures.Field, textures.Field]:
    x, y = meshes.plane(np.linspace(-wide / 2, wide / 2, columns), np.linspace(-tall / 2, tall / 2, rows))
    return x.astype(np.float32), y.astype(np.float32)


def _box_depth(x: textures.Field, y: textures.Field, wide: float, tall: float, radius: float) -> textures.Field:
    """Distance in cm to a rounded rectangle, positive inside."""
    qx, qy = np.abs(x) - wide / 2 + radius, np.abs(y) - tall / 2 + radius
    outside = np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - radius
    return np.asarray(-outside, dtype=np.float32)


def _resize(field: textures.Field, shape: tuple[int, int]) -> textures.Field:
    return np.asarray(Pil.fromarray(field).resize((shape[1], shape[0]), Pil.Resampling.BICUBIC), dtype=np.float32)
