"""Displays that fail: lines of dead pixels, dead halves, liquid crystal that has run out."""

import numpy as np

from regrade.datasets.synth.drawing import Points, blend, cloud, noise, outline, polygon, soft
from regrade.datasets.synth.scene import Painted, PhotoScene
from regrade.datasets.synth.surfaces import panel


def _colour(rng: np.random.Generator) -> Points:
    """What a dead line glows in: a primary, a mixture of two, white, or nothing."""
    kind = rng.random()
    if kind < 0.2:
        return np.full(3, float(rng.uniform(215, 255)))
    if kind < 0.35:
        return np.full(3, float(rng.uniform(0, 15)))
    glow = rng.permutation([rng.uniform(190, 255), rng.choice([20.0, 220.0]), rng.uniform(0, 90)])
    return np.asarray(glow, np.float64)


def dead_lines(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Straight lines from edge to edge of the panel, single or in bands, each of one colour."""
    on = panel(scene)
    if on is None:
        return None
    face, upright = on.face, rng.random() < 0.7
    out, mask = on.rgb.astype(np.float32), np.zeros(on.shape, np.float32)
    inset = float(rng.uniform(0.01, 0.07))
    centre, band = float(rng.uniform(0.05, 0.95)), float(rng.choice([0.01, 0.05, 0.3]))
    for _ in range(int(rng.integers(1, 12))):
        at = float(np.clip(centre + rng.normal(0, band), inset, 1 - inset))
        half = max(0.35 / face.unit, float(rng.choice([0.0008, 0.0015, 0.003, 0.012], p=[0.4, 0.35, 0.2, 0.05])))
        far = 1 - inset if rng.random() < 0.85 else float(rng.uniform(0.3, 0.9))
        ends = [(at - half, inset), (at + half, inset), (at + half, far), (at - half, far)]
        shares = np.array(ends if upright else [(y, x) for x, y in ends]) * (face.width, face.height)
        line = polygon(on.shape, face.project(shares)) * on.glass * float(rng.uniform(0.45, 1))
        out += (_colour(rng).astype(np.float32) * min(1.0, on.light / 190) - out) * line[..., None]
        mask = np.maximum(mask, line)
    return on.finish(np.clip(out + 0.5, 0, 255).astype(np.uint8), mask)


def ink_blot(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Liquid crystal that has run out: black or violet blots with a coloured fringe, often at an edge."""
    on = panel(scene)
    if on is None:
        return None
    face, mask = on.face, np.zeros(on.shape, np.float32)
    where = (float(rng.uniform(0, 1)), float(rng.choice([0.03, 0.97])))
    centre = (
        face.at(*(where if rng.random() < 0.5 else where[::-1]))
        if rng.random() < 0.7
        else face.at(*rng.uniform(0.1, 0.9, 2))
    )
    for number in range(int(rng.integers(1, 5))):
        radius = float(rng.uniform(0.04, 0.22)) / (1 + 0.7 * number)
        shape = outline(centre, radius, rng, stretch=float(rng.uniform(1, 2.2)), ragged=float(rng.uniform(0.15, 0.5)))
        mask = np.maximum(mask, polygon(on.shape, face.project(shape)))
        centre = centre + rng.normal(0, radius, 2)
    inside = face.at(0.5, 0.5) + (np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * face.at(0.5, 0.5)) * 0.95
    glass = polygon(on.shape, face.project(inside)) * on.glass
    blot = soft(mask, 0.004 * face.unit) * glass
    fringe = np.clip(soft(mask, float(rng.uniform(0.008, 0.03)) * face.unit) * 1.5 - blot, 0, 1) * glass
    hue = np.array([(110, 60, 190), (70, 60, 150), (150, 40, 110), (40, 90, 170)][int(rng.integers(4))], np.float64)
    lit = on.brightness > 90
    out = blend(on.rgb, hue * (on.light / 230), fringe * float(rng.uniform(0.35, 0.8)))
    deep = rng.uniform(0, 14, 3) if lit or rng.random() < 0.5 else hue * rng.uniform(0.2, 0.5)
    texture = 0.85 + 0.15 * cloud(on.shape, 0.1 * face.unit, rng)
    out = blend(out, deep, blot * texture)
    return on.finish(out, np.maximum(blot, fringe * 0.8))


def dead_area(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A strip or half of the panel that stays white, tinted, striped or dark."""
    on = panel(scene)
    if on is None:
        return None
    face, start, inset = on.face, float(rng.uniform(0.1, 0.8)), float(rng.uniform(0.02, 0.07))
    stop = 1 - inset if rng.random() < 0.5 else min(1 - inset, start + float(rng.uniform(0.06, 0.3)))
    ends = [(start, inset), (stop, inset), (stop, 1 - inset), (start, 1 - inset)]
    shares = np.array(ends if rng.random() < 0.6 else [(y, x) for x, y in ends]) * (face.width, face.height)
    mask = polygon(on.shape, face.project(shares)) * on.glass
    stripes = noise((1, on.shape[1]), max(1.5, face.unit / float(rng.uniform(60, 250))), rng)
    tone = _colour(rng)[None, None, :] * (0.75 + 0.25 * stripes[..., None]) * min(1.0, on.light / 200)
    flicker = np.float32(0.8) + np.float32(0.2) * noise(on.shape, 0.2 * face.unit, rng)
    out = blend(on.rgb, np.broadcast_to(tone, on.rgb.shape), mask * flicker * np.float32(rng.uniform(0.3, 0.85)))
    return on.finish(out, mask)
