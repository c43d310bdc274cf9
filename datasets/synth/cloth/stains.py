"""Stains and dirt: liquids that soak into cloth and multiply with it, so that folds show through, and dry deposits.

Soaking follows Beer–Lambert: cloth × tint ** depth. On dark cloth, which swallows a dye, the residue stays pale.
"""

from typing import Final

import numpy as np

from regrade.datasets.synth.cloth.fabric import (
    FabricWindow,
    Floats,
    blend,
    blur,
    log_uniform,
    noise,
    patch_on,
    seen,
    shape_field,
    smooth,
    streaks,
    strokes,
    thread,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene

_LIQUIDS: Final = {
    "coffee": (0.60, 0.43, 0.27),
    "tea": (0.82, 0.66, 0.42),
    "wine": (0.62, 0.27, 0.34),
    "blood": (0.52, 0.17, 0.13),
    "sauce": (0.80, 0.38, 0.16),
    "juice": (0.93, 0.74, 0.34),
    "berry": (0.48, 0.30, 0.50),
    "grass": (0.58, 0.66, 0.34),
    "soot": (0.42, 0.41, 0.40),
}
_SOILS: Final = np.array(
    [(96, 74, 54), (126, 100, 74), (74, 62, 52), (150, 128, 100), (60, 56, 52), (112, 76, 52)], np.float32
)
_DARK: Final = 75.0
"""Brightness of cloth below which a dye hardly shows."""


def _tint(rng: np.random.Generator, *names: str) -> Floats:
    known = list(names or _LIQUIDS)
    base = np.array(_LIQUIDS[known[int(rng.integers(len(known)))]], np.float32)
    return np.asarray(np.clip(base + rng.normal(0, 0.05, 3), 0.05, 0.98), np.float32)


def _soak(spot: FabricWindow, depth: Mask, tint: Floats, rng: np.random.Generator) -> Floats:
    if spot.brightness < _DARK:
        # The dye is lost in dark cloth: what dries on it is a dull, milky film of the dye's hue.
        residue = 90 + 110 * tint * float(rng.uniform(0.6, 1)) + spot.cloth * 0.4
        return blend(spot.rgb, residue * spot.shade[..., None], np.clip(depth, 0, 1) * float(rng.uniform(0.25, 0.5)))
    return np.asarray(spot.rgb * tint ** depth[..., None], np.float32)


def _deposit(spot: FabricWindow, cover: Mask, pigment: Floats, body: float = 0.6) -> Floats:
    """Pigment on top of the cloth, lit as the cloth is; `body` in [0, 1] hides the cloth's own relief."""
    relief = spot.shade[..., None] * (1 + 0.06 * (1 - body) * spot.weave[..., None])
    return blend(spot.rgb, pigment * np.clip(relief, 0.3, 1.5), cover)


def _grain(spot: FabricWindow, cover: Mask, rng: np.random.Generator, strength: float = 0.6) -> Mask:
    """`cover` broken up where it is thin: dirt sits on raised threads and leaves the hollows clean."""
    rough = 0.6 * spot.weave + 0.7 * noise(spot.shape, 1.6, rng) + 0.5 * noise(spot.shape, 4.0, rng)
    return np.asarray(np.clip(cover * (1 + strength * rough * (1.3 - cover)), 0, 1), np.float32)


def _drops(
    spot: FabricWindow, rng: np.random.Generator, count: int, spread: float, size: float, largest: float = 0.35
) -> Mask:
    """Droplets thrown about the spot; the further away the smaller. `spread`, `size`, `largest` in radii."""
    cover = np.zeros(spot.shape, np.float32)
    wobble = noise(spot.shape, max(3.0, spot.radius * 0.15), rng, octaves=2)
    lean, pull = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.7)
    for _ in range(count):
        far = abs(rng.normal(0, spread)) + 0.2
        angle = lean + rng.normal(0, 1.0) if rng.random() < pull else rng.uniform(0, 2 * np.pi)
        radius = float(np.clip(size * (rng.pareto(2.2) + 0.35) * 0.5, 0.7 / spot.radius, largest)) * spot.radius
        longer = float(rng.uniform(1, 1.8))
        c, s = float(np.cos(angle)), float(np.sin(angle))
        x, y = spot.centre[0] + far * c * spot.radius, spot.centre[1] + far * s * spot.radius
        half = int(radius * longer) + 2
        top, left = max(0, int(y) - half), max(0, int(x) - half)
        window = cover[top : int(y) + half + 1, left : int(x) + half + 1] if min(x, y) > -half else cover[:0]
        if window.size:
            rows, columns = np.ogrid[: window.shape[0], : window.shape[1]]
            dx, dy = columns + (left - x), rows + (top - y)
            drop = radius - np.hypot((dx * c + dy * s) / longer, dy * c - dx * s)
            if radius > 3:  # none but the smallest is round
                drop = drop + 0.3 * radius * wobble[top : top + window.shape[0], left : left + window.shape[1]]
            np.maximum(window, np.clip(drop * 0.9, 0, 1), out=window)
    return cover


def spill(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Coffee, tea, wine, sauce, blood: an uneven soaked patch, often with a darker rim and drops beside it."""
    spot = patch_on(scene, rng, 0.03, 0.35, reach=2.4)
    if spot is None:
        return None
    field = shape_field(spot, rng, float(rng.uniform(1, 2.2)), float(rng.uniform(0.25, 0.7)))
    edge = log_uniform(rng, 0.05, 0.5)
    cover = smooth(field, edge)
    rim = np.exp(-(((field - edge * 0.3) / (0.05 + edge * 0.25)) ** 2)) * float(rng.choice([0, 0.25, 0.5, 0.8]))
    cloud = 1 + float(rng.uniform(0.15, 0.45)) * noise(spot.shape, spot.radius * 0.6, rng, octaves=4)
    drops = _drops(spot, rng, int(rng.integers(0, 14)), 1.0, float(rng.uniform(0.05, 0.16)))
    cover = np.maximum(cover, drops)
    depth = np.clip(cover * cloud + rim * cover, 0, 2) * log_uniform(rng, 0.4, 1.3)
    depth = depth * (1 + 0.12 * spot.weave)
    return seen(spot, _soak(spot, depth, _tint(rng), rng), cover)


def grease(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Oil or grease: cloth turns darker, deeper and a little see-through, with a soft creeping edge."""
    spot = patch_on(scene, rng, 0.03, 0.25, reach=2.2)
    if spot is None:
        return None
    field = shape_field(spot, rng, float(rng.uniform(1, 1.8)), float(rng.uniform(0.2, 0.5)))
    cover = smooth(field, float(rng.uniform(0.3, 0.9)))
    cover = np.maximum(cover, blur(_drops(spot, rng, int(rng.integers(0, 8)), 1.0, 0.12), 0.8))
    hue = (spot.cloth + 20) / float((spot.cloth + 20).max())
    tint = np.asarray(hue**0.35 * float(rng.uniform(0.6, 0.84)) * np.array([1, 0.98, 0.92]), np.float32)
    if spot.brightness < _DARK:  # it shines instead
        tint = np.asarray(np.full(3, rng.uniform(1.1, 1.5)), np.float32)
        depth = cover[..., None] * (1 + 0.3 * noise(spot.shape, spot.radius * 0.5, rng, octaves=3))[..., None]
        return seen(spot, np.asarray((spot.rgb + 9 * depth) * tint**depth, np.float32), cover)
    depth = cover * (1 + 0.15 * noise(spot.shape, spot.radius * 0.5, rng, octaves=3))
    return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), cover)


def ink(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Pen or marker: short accidental lines, or a blot that bleeds into the cloth."""
    spot = patch_on(scene, rng, 0.025, 0.22, reach=1.8)
    if spot is None or spot.brightness < _DARK:
        return None
    tints = np.array([(0.12, 0.16, 0.42), (0.12, 0.12, 0.14), (0.62, 0.1, 0.14), (0.1, 0.3, 0.4)], np.float32)
    tint = np.clip(tints[int(rng.integers(len(tints)))] + rng.normal(0, 0.04, 3), 0.03, 0.9).astype(np.float32)
    pen = max(0.7, spot.scene.size[0] / 640 * float(rng.uniform(0.6, 1.6)), spot.radius * 0.03)
    if rng.random() < 0.35:
        cover = smooth(shape_field(spot, rng, 1.3, 0.5), float(rng.uniform(0.1, 0.4)))
        halo = smooth(shape_field(spot, rng, 1.3, 0.4) + 0.25, 0.7) * 0.3
        cover = np.maximum(cover, halo)
    else:
        middle, lines, angle = np.array(spot.centre), [], float(rng.uniform(0, np.pi))
        for _ in range(int(rng.integers(1, 5))):
            start = middle + rng.normal(0, 0.4, 2) * spot.radius
            lines.append(
                thread(start, angle + float(rng.normal(0, 0.5)), spot.radius * rng.uniform(0.5, 1.7), 1.2, rng)
            )
        cover = blur(strokes(spot.shape, lines, [pen] * len(lines)), float(rng.uniform(0.3, 0.9)))
        cover = np.clip(cover * 1.5, 0, 1) * np.clip(0.85 + 0.4 * noise(spot.shape, spot.radius * 0.3, rng), 0.2, 1)
    depth = _grain(spot, cover, rng, 0.5) * float(rng.uniform(0.6, 1))
    return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), np.clip(cover * 1.4, 0, 1))


def mud(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Dried mud: a crusty patch on top of the cloth, splashes around it."""
    spot = patch_on(scene, rng, 0.05, 0.35, reach=2.6)
    if spot is None:
        return None
    pigment = _SOILS[int(rng.integers(len(_SOILS)))] * float(rng.uniform(0.8, 1.2))
    pigment = pigment * np.clip(spot.brightness / 150, 0.7, 1.15)
    if abs(float(pigment.mean()) - spot.brightness) < 30:
        pigment = pigment * (0.55 if spot.brightness > 70 else 1.8)
    field = shape_field(spot, rng, float(rng.uniform(1, 2.5)), float(rng.uniform(0.5, 1.0)))
    cover = smooth(field, float(rng.uniform(0.1, 0.6)))
    if rng.random() < 0.4:  # splashes alone
        cover = cover * 0
    cover = np.maximum(cover, _drops(spot, rng, int(rng.integers(15, 70)), 0.9, float(rng.uniform(0.05, 0.14))))
    thin = _grain(spot, cover, rng, 0.8) * float(rng.uniform(0.55, 0.95))
    crust = 1 + 0.12 * noise(spot.shape, max(2.0, spot.radius * 0.12), rng, octaves=3)
    return seen(spot, _deposit(spot, thin, np.asarray(pigment * crust[..., None], np.float32)), cover)


def yellowing(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Sweat and age: a wide yellow-brown patch with a soft, cloudy border, on pale or coloured cloth."""
    spot = patch_on(scene, rng, 0.12, 0.4, reach=2.0)
    if spot is None or spot.brightness < 110:
        return None
    field = shape_field(spot, rng, float(rng.uniform(1, 2.5)), float(rng.uniform(0.4, 0.8)))
    cover = smooth(field, float(rng.uniform(0.35, 0.9)))
    rim = np.exp(-(((field - 0.1) / 0.1) ** 2)) * float(rng.uniform(0, 0.6))
    cloud = 1 + 0.35 * noise(spot.shape, spot.radius * 0.5, rng, octaves=4)
    tint = np.asarray(np.array([0.93, 0.80, 0.48]) + rng.normal(0, 0.03, 3), np.float32)
    depth = np.clip(cover * cloud + rim, 0, 2) * float(rng.uniform(0.5, 1.3))
    return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), cover)


def bleach(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Bleach took the dye out of dark or coloured cloth: paler spots, reddish at their border on black."""
    spot = patch_on(scene, rng, 0.03, 0.3, reach=2.4)
    if spot is None or spot.brightness > 175:
        return None
    field = shape_field(spot, rng, float(rng.uniform(1, 1.8)), float(rng.uniform(0.3, 0.8)))
    cover = smooth(field, float(rng.uniform(0.08, 0.5)))
    cover = np.maximum(cover, _drops(spot, rng, int(rng.integers(0, 22)), 1.0, float(rng.uniform(0.06, 0.15))))
    warm = np.array([236, 190, 160]) if rng.random() < 0.6 else np.array([225, 222, 212])
    bare = warm * float(rng.uniform(0.7, 1)) * 0.75 + spot.cloth * 0.3
    # Half-bleached border: the dye's hue survives there, paler.
    part = cover**1.3 * float(rng.uniform(0.4, 0.95)) * np.clip(1 + 0.15 * noise(spot.shape, 3, rng, 2), 0, 1.3)
    lit = spot.shade * (1 + 0.05 * spot.weave)
    return seen(spot, blend(spot.rgb, np.asarray(bare * lit[..., None], np.float32), part), cover, least=14)


def tide_mark(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Water that dried: hardly darker inside, a thin wavering line of washed-out dirt around it."""
    spot = patch_on(scene, rng, 0.08, 0.4, reach=2.0)
    if spot is None:
        return None
    field = shape_field(spot, rng, float(rng.uniform(1, 2)), float(rng.uniform(0.3, 0.7)))
    width = max(float(rng.uniform(0.02, 0.06)), 0.8 / spot.radius)
    line = np.exp(-((field / width) ** 2)) * np.clip(0.8 + 0.4 * noise(spot.shape, spot.radius * 0.4, rng, 2), 0, 1.4)
    fresh = rng.random() < 0.35  # still wet: plainly darker
    inside = smooth(field, float(rng.uniform(0.1, 0.4)) if fresh else width * 2)
    tint = np.array([0.55, 0.53, 0.51] if fresh else [0.72, 0.64, 0.52], np.float32)
    depth = inside * (float(rng.uniform(0.7, 1)) if fresh else float(rng.uniform(0.12, 0.3))) + line * (
        0.15 if fresh else float(rng.uniform(0.5, 1.1))
    )
    mask = np.maximum(inside, np.clip(line, 0, 1))
    if fresh:
        return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), mask, least=5)
    return seen(spot, _soak(spot, depth, tint, rng), mask, least=5)


def rub(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A rubbed-on dirty mark: broken streaks in one direction that cling to the raised threads."""
    spot = patch_on(scene, rng, 0.025, 0.25, reach=1.9)
    if spot is None or spot.brightness < 60:
        return None
    angle = float(rng.uniform(0, np.pi))
    along, across = spot.turned(angle)
    slim = float(rng.uniform(0.12, 0.6))
    bent = across + float(rng.normal(0, 0.15)) * along**2
    field = 1 - np.hypot(along, bent / slim) + 0.25 * noise(spot.shape, spot.radius * 0.5, rng, 3)
    fine = max(1.1, spot.radius * slim * float(rng.uniform(0.12, 0.4)))
    lines = streaks(spot, angle, max(4.0, spot.radius * 0.8), fine, rng)
    cover = smooth(field + 0.35 * lines - 0.1, 0.9) * np.clip(0.75 + 0.5 * lines, 0, 1.2)
    cover = blur(np.clip(cover, 0, 1).astype(np.float32), float(rng.uniform(0.4, 1.3)))
    depth = _grain(spot, cover, rng, 1.0) * log_uniform(rng, 0.3, 1.1)
    tints = np.array([(0.40, 0.40, 0.40), (0.5, 0.44, 0.36), (0.34, 0.32, 0.32), (0.62, 0.5, 0.34)], np.float32)
    tint = tints[int(rng.integers(len(tints)))]
    return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), np.clip(cover * 1.3, 0, 1))


def smudge(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """One small grainy spot of dirt, dark in the middle, dissolving into the weave."""
    spot = patch_on(scene, rng, 0.015, 0.1, reach=2.4, inset=0.3)
    if spot is None or spot.brightness < 60:
        return None
    field = shape_field(spot, rng, float(rng.uniform(1, 2)), float(rng.uniform(0.3, 0.8)))
    core, halo = smooth(field, 0.9), smooth(field + 0.5, 1.6) * 0.4
    cover = np.maximum(core, halo * float(rng.random() < 0.6))
    depth = _grain(spot, cover, rng, 1.0) * log_uniform(rng, 0.5, 1.6)
    tint = _tint(rng, "soot", "soot", "coffee", "grass", "blood")
    return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), np.clip(cover * 1.2, 0, 1))


def specks(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Many small spots: splashed fat, mould, rust, paint."""
    spot = patch_on(scene, rng, 0.1, 0.4, reach=2.2)
    if spot is None:
        return None
    cover = _drops(
        spot, rng, int(rng.integers(12, 90)), float(rng.uniform(0.35, 0.8)), float(rng.uniform(0.02, 0.07)), 0.15
    )
    mask = np.clip(blur(cover, max(1.0, spot.radius * 0.12)) * 4, 0, 1)
    if spot.brightness < _DARK:
        pale = np.asarray(rng.uniform(130, 225, 3) * 0.3 + np.array([150, 145, 132]), np.float32) * 0.9
        return seen(spot, _deposit(spot, cover * float(rng.uniform(0.5, 0.95)), pale), mask, core=cover)
    tint = _tint(rng)
    depth = _grain(spot, cover, rng, 0.4) * log_uniform(rng, 0.6, 1.4)
    return seen(spot, np.asarray(spot.rgb * tint ** depth[..., None], np.float32), mask, core=cover)


def dust(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Pale dirt on dark cloth: flour, chalk, dried mud wiped across it."""
    spot = patch_on(scene, rng, 0.05, 0.35, reach=2.0)
    if spot is None or spot.brightness > 105:
        return None
    angle = float(rng.uniform(0, np.pi))
    field = shape_field(spot, rng, float(rng.uniform(1, 3)), float(rng.uniform(0.4, 0.9)))
    lines = streaks(spot, angle, spot.radius * 0.7, max(1.0, spot.radius * 0.06), rng)
    cover = smooth(field + 0.4 * lines * float(rng.random() < 0.6), float(rng.uniform(0.5, 1.1)))
    cover = np.maximum(cover, _drops(spot, rng, int(rng.integers(0, 20)), 0.9, 0.07))
    pale = np.array([(196, 186, 168), (170, 152, 128), (205, 205, 205), (150, 140, 126)], np.float32)
    thin = _grain(spot, cover, rng, 1.0) * float(rng.uniform(0.25, 0.7))
    return seen(spot, _deposit(spot, thin, pale[int(rng.integers(len(pale)))], 0.2), cover, least=12)
