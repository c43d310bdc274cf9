"""The bench: surface, lights, camera, and what a phone camera does to the light that it gets."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFilter

from tools.scenes import engine, textures
from tools.scenes.engine import Image

Shapes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class View:
    """Where the camera stands (cm), what it looks at, its vertical field of view (degrees) and aperture (cm)."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    fov: float = 40.0
    aperture: float = 0.12
    upright: bool = False
    up: tuple[float, float, float] = (0, 0, 1)
    integrator: str = "path"
    """`volpath` where light must shine through a film."""


def texture(colour: Image | NDArray[np.float32], smooth: bool = True) -> dict[str, Any]:
    """A bitmap texture of linear values; row 0 of the array is v = 0."""
    mi = engine.load()
    data = np.ascontiguousarray(colour, dtype=np.float32)
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(data),
        "raw": True,
        "wrap_mode": "clamp",
        "filter_type": "bilinear" if smooth else "nearest",
    }


def matt(colour: dict[str, Any], bump: NDArray[np.float32] | None = None, scale: float = 1.0) -> dict[str, Any]:
    """A two-sided rough diffuse surface, with an optional bump."""
    return bumped({"type": "diffuse", "reflectance": colour}, bump, scale)


def glossy(
    colour: dict[str, Any], alpha: float, bump: NDArray[np.float32] | None = None, scale: float = 1.0, ior: float = 1.5
) -> dict[str, Any]:
    """A two-sided coated surface (tape, paper label, plastic); `alpha` is the coat's roughness."""
    coat = {"type": "roughplastic", "diffuse_reflectance": colour, "alpha": alpha, "int_ior": ior}
    return bumped(coat, bump, scale)


def bumped(bsdf: dict[str, Any], bump: NDArray[np.float32] | None, scale: float) -> dict[str, Any]:
    if bump is not None:
        bsdf = {"type": "bumpmap", "height": texture(bump[..., None]), "scale": scale, "bsdf": bsdf}
    return {"type": "twosided", "bsdf": bsdf}


def cutout(bsdf: dict[str, Any], opacity: NDArray[np.float32]) -> dict[str, Any]:
    """`bsdf` where `opacity` (h, w) is 1, nothing where it is 0."""
    return {"type": "mask", "opacity": texture(np.clip(opacity, 0, 1)[..., None]), "bsdf": bsdf}


def rgb(*srgb: float) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(c) for c in textures.linear(*srgb)]}


def bench(rng: np.random.Generator, style: str | None = None) -> Shapes:
    """A bench top of 200 x 140 cm (`grey`, `wood` or `white`), the floor and the walls round it."""
    mi = engine.load()
    t = mi.ScalarTransform4f
    style = style or str(rng.choice(["grey", "wood"]))
    if style == "wood":
        colour = textures.wood(rng, (1400, 2000))
    else:
        colour = textures.laminate(rng, (1400, 2000))
        if style == "white":
            colour = np.clip(colour * (0.72 / colour.mean()), 0, 0.85).astype(np.float32)
    top = glossy(texture(colour), 0.28 if style != "wood" else 0.22)
    wall = {
        "type": "twosided",
        "bsdf": {"type": "diffuse", "reflectance": rgb(*(rng.integers(150, 190) + np.array([0, 0, -4])))},
    }
    dark = {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": rgb(104, 104, 108)}}
    return {
        "bench": {"type": "rectangle", "to_world": t().scale([100, 70, 1]), "bsdf": top},
        "edge": {"type": "cube", "to_world": t().translate([0, 0, -2.02]).scale([100, 70, 2]), "bsdf": dark},
        "floor": {"type": "rectangle", "to_world": t().translate([0, 0, -88]).scale([600, 600, 1]), "bsdf": dark},
        "wall": {
            "type": "rectangle",
            "bsdf": wall,
            "to_world": t().translate([0, 210, 60]).rotate([1, 0, 0], 90).scale([600, 200, 1]),
        },
        "shelf": {
            "type": "cube",
            "bsdf": dark,
            "to_world": t().translate([float(rng.uniform(-80, 80)), 200, 25]).scale([55, 8, 1.5]),
        },
        "ceiling": {
            "type": "rectangle",
            "bsdf": wall,
            "to_world": t().translate([0, 0, 215]).rotate([1, 0, 0], 180).scale([600, 600, 1]),
        },
    }


def lights(rng: np.random.Generator) -> Shapes:
    """Two light boxes above the bench, a window to one side and a little ambient light."""
    mi = engine.load()
    t = mi.ScalarTransform4f
    warm = rng.uniform(-0.05, 0.07)
    key = float(rng.uniform(5.0, 7.0))
    side = 1 if rng.random() < 0.5 else -1
    shapes: Shapes = {"ambient": {"type": "constant", "radiance": {"type": "rgb", "value": [0.13, 0.135, 0.145]}}}
    for name, x in (("box_left", -62.0), ("box_right", 58.0)):
        level = key * float(rng.uniform(0.8, 1.15))
        shapes[name] = {
            "type": "rectangle",
            "to_world": t()
            .translate([x + float(rng.uniform(-8, 8)), float(rng.uniform(-15, 25)), 150])
            .rotate([1, 0, 0], 180)
            .rotate([0, 1, 0], float(rng.uniform(-6, 6)))
            .scale([20, 62, 1]),
            "light": {
                "type": "area",
                "radiance": {"type": "rgb", "value": [level * (1 + warm), level, level * (1 - warm)]},
            },
        }
    window = float(rng.uniform(2.8, 4.6))
    shapes["window"] = {
        "type": "rectangle",
        "to_world": t()
        .translate([side * 240, float(rng.uniform(-40, 60)), 95])
        .rotate([0, 1, 0], -90 * side)
        .scale([65, 60, 1]),
        "light": {"type": "area", "radiance": {"type": "rgb", "value": [window * 0.86, window * 0.96, window * 1.12]}},
    }
    return shapes


def shoot(shapes: Shapes, view: View, rng: np.random.Generator, *, width: int, spp: int, seed: int) -> Pil.Image:
    """Render one photo, `width` pixels on its long side in 4:3 (3:4 where the view is upright)."""
    mi = engine.load()
    w, h = (width * 3 // 4, width) if view.upright else (width, width * 3 // 4)
    distance = float(np.linalg.norm(np.subtract(view.eye, view.target)))
    scene: dict[str, Any] = {
        "type": "scene",
        "integrator": {
            "type": "aov",
            "aovs": "al:albedo,nn:sh_normal",
            "img": {"type": view.integrator, "max_depth": 6, "rr_depth": 3},
        },
        "sensor": {
            "type": "thinlens",
            "fov": view.fov,
            "fov_axis": "larger",
            "aperture_radius": view.aperture,
            "focus_distance": distance,
            "to_world": mi.ScalarTransform4f().look_at(
                origin=list(view.eye), target=list(view.target), up=list(view.up)
            ),
            "film": {"type": "hdrfilm", "width": w, "height": h, "pixel_format": "rgb", "rfilter": {"type": "box"}},
            "sampler": {"type": "independent"},
        },
        **shapes,
    }
    return develop(engine.trace(scene, spp, seed), rng)


def develop(radiance: Image, rng: np.random.Generator) -> Pil.Image:
    """Exposure, white balance, vignetting, tone curve, sensor noise and the camera's own sharpening."""
    h, w = radiance.shape[:2]
    light = np.maximum(radiance, 0) @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    exposure = (
        0.47 * float(rng.uniform(0.92, 1.1)) / (0.5 * float(np.mean(light)) + 0.5 * float(np.percentile(light, 75)))
    )
    gain = np.array([1 + rng.uniform(-0.025, 0.04), 1.0, 1 + rng.uniform(-0.05, 0.02)])
    y, x = np.mgrid[0:h, 0:w]
    radius = np.hypot((x - w / 2) / (w / 2), (y - h / 2) / (w / 2))
    vignette = 1 - float(rng.uniform(0.08, 0.15)) * radius[..., None] ** 2
    v = np.maximum(radiance, 0) * exposure * gain * vignette
    # A sensor's noise: shot noise grows with the root of the light, read noise does not; the camera's own
    # noise reduction leaves it blotchy rather than white.
    grain = np.stack([textures.noise(rng, (h, w), 0.35, lo=h / 40) for _ in range(3)], -1)
    luma = textures.noise(rng, (h, w), 0.15)[..., None]
    v = v + (0.6 * luma + 0.4 * grain) * np.sqrt(0.000016 * v + 0.0000008)
    v = np.maximum(v, 0)
    v = np.where(v < 0.6, v, 0.6 + 0.4 * np.tanh((v - 0.6) / 0.4 * 0.8) / 0.9)
    srgb = np.where(v <= 0.0031308, v * 12.92, 1.055 * np.maximum(v, 1e-9) ** (1 / 2.4) - 0.055)
    srgb = srgb + 0.02 * np.sin((srgb - 0.5) * 2 * np.pi)
    photo = Pil.fromarray((np.clip(srgb, 0, 1) * 255 + rng.uniform(0, 1, (h, w, 1))).clip(0, 255).astype(np.uint8))
    return photo.filter(ImageFilter.UnsharpMask(radius=1.4, percent=30, threshold=2))


def save(photo: Pil.Image, path: Path, *, quality: int = 88, limit: int = 150_000) -> int:
    """Write a JPEG of at most `limit` bytes, lowering the quality only where it must; returns the size."""
    for q in range(quality, 60, -3):
        out = io.BytesIO()
        photo.save(out, "JPEG", quality=q, optimize=True, progressive=True)
        if out.tell() <= limit:
            break
    path.write_bytes(out.getvalue())
    return out.tell()
