"""Recipes: each draws one kind of damage, or of harmless change, at a random place, size and strength.

They take their light from the photo: they multiply or blend, and never paste a colour flat.
"""

import numpy as np
from PIL import Image, ImageDraw

from regrade.datasets.drawing import (
    Mask,
    Rgb,
    blend,
    blob,
    jagged,
    noise,
    place,
    polygon,
    soft,
    strokes,
    turned,
    warp,
)
from regrade.models.types import Box


def crack_web(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """Jagged rays from a point of impact, joined by broken rings; bright cores, dark edges, chips in the middle."""
    x1, y1, x2, y2 = box
    size = float(np.hypot(x2 - x1, y2 - y1))
    centre = np.array([rng.uniform(x1, x2), rng.uniform(y1, y2)])
    rays = int(rng.integers(6, 15))
    angles = np.sort(rng.uniform(0, 2 * np.pi, rays))
    reach = size * rng.uniform(0.15, 0.75, rays) * rng.uniform(0.5, 1.2)
    paths = [jagged(centre, a, r, rng) for a, r in zip(angles, reach, strict=True)]
    lines = list(paths)
    for path in paths:
        if rng.random() < 0.6:  # a branch
            start = path[len(path) // 2]
            lines.append(jagged(start, float(rng.uniform(0, 2 * np.pi)), size * float(rng.uniform(0.05, 0.2)), rng))
    for share in rng.uniform(0.1, 0.6, int(rng.integers(1, 4))):
        ring = [p[min(len(p) - 1, int(share * len(p)))] for p in paths]
        lines += [np.array([a, b]) for a, b in zip(ring, ring[1:] + ring[:1], strict=True) if rng.random() < 0.7]
    thin = max(1, round(size / 350 * float(rng.uniform(0.7, 1.6))))
    inside = polygon(rgb, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    core = strokes(rgb, lines, thin) * inside
    edge = strokes(rgb, [line + thin for line in lines], thin) * inside
    chip = blob(rgb, centre, size * float(rng.uniform(0.01, 0.04)), rng) * inside
    strength = float(rng.uniform(0.45, 0.95))
    out = blend(rgb, np.zeros(3), edge * strength * 0.6)
    tone = np.array([235, 240, 245]) if rng.random() < 0.8 else np.array([20, 20, 22])
    out = blend(out, tone, np.maximum(core, chip * 0.6) * strength)
    return out, np.maximum(core, chip)


def scratch(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """One to four long, deep scratches, nearly parallel."""
    x1, y1, x2, y2 = box
    size = float(np.hypot(x2 - x1, y2 - y1))
    angle = float(rng.uniform(0, np.pi))
    starts = np.column_stack([rng.uniform(x1, x2, 4), rng.uniform(y1, y2, 4)])[: int(rng.integers(1, 5))]
    lines = [
        jagged(s, angle + float(rng.normal(0, 0.1)), size * float(rng.uniform(0.2, 0.5)), rng, 0.02) for s in starts
    ]
    inside = polygon(rgb, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    mask = strokes(rgb, lines, max(1, round(size / 250))) * inside
    return blend(rgb, np.full(3, 215.0), mask * float(rng.uniform(0.5, 0.9))), mask


def dead_lines(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """Bright or dark lines through the whole display, where its panel has died."""
    x1, y1, x2, y2 = box
    upright = rng.random() < 0.5
    lines = []
    for _ in range(int(rng.integers(1, 6))):
        at = float(rng.uniform(x1, x2) if upright else rng.uniform(y1, y2))
        lines.append(np.array([(at, y1), (at, y2)] if upright else [(x1, at), (x2, at)]))
    mask = strokes(rgb, lines, int(rng.integers(1, 4)))
    tones = np.array([[60, 255, 90], [255, 70, 220], [250, 250, 250], [0, 0, 0], [70, 120, 255]])
    return blend(rgb, tones[int(rng.integers(len(tones)))], mask * float(rng.uniform(0.6, 1))), mask


def tear(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """A hole or rip: dark inside, a ragged rim of lighter fibre, a shadow below it."""
    x1, y1, x2, y2 = box
    size = min(x2 - x1, y2 - y1)
    centre = np.array([rng.uniform(x1, x2), rng.uniform(y1, y2)])
    radius = size * float(rng.uniform(0.05, 0.22))
    hole = blob(rgb, centre, radius, rng, stretch=float(rng.uniform(1, 4)), ragged=0.5)
    rim = np.clip(soft(hole, radius * 0.25) * 2.2, 0, 1) * (1 - hole)
    fibre = noise(rgb, 2, rng) * 0.5 + 0.5
    local = rgb[max(0, int(centre[1]) - 8) : int(centre[1]) + 8, max(0, int(centre[0]) - 8) : int(centre[0]) + 8]
    pale = np.clip(local.reshape(-1, 3).mean(axis=0) * 1.25 + 25, 0, 245)
    out = blend(rgb, pale, rim * fibre * float(rng.uniform(0.5, 1)))
    out = blend(out, np.full(3, float(rng.uniform(8, 45))), soft(hole, 0.7) * float(rng.uniform(0.8, 1)))
    return out, np.maximum(hole, rim * 0.6)


def crush(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """A crushed spot: the board is pushed in, which bends what is on it and folds light and shadow across."""
    x1, y1, x2, y2 = box
    size = min(x2 - x1, y2 - y1)
    centre = np.array([rng.choice([x1, x2]) if rng.random() < 0.7 else rng.uniform(x1, x2), rng.uniform(y1, y2)])
    radius = size * float(rng.uniform(0.15, 0.35))
    spot = soft(blob(rgb, centre, radius, rng), radius * 0.2)
    folds = [
        jagged(centre, float(a), radius * 1.3, rng, 0.25) for a in rng.uniform(0, 2 * np.pi, int(rng.integers(4, 9)))
    ]
    crease = soft(strokes(rgb, folds, max(2, round(radius / 18))), 1.2)
    relief = noise(rgb, max(3, int(radius / 3)), rng)
    shade = 1 + spot * relief * float(rng.uniform(0.35, 0.6))
    out = np.clip(warp(rgb, relief * spot * radius * 0.25) * shade[..., None], 0, 255).astype(np.uint8)
    out = blend(out, np.full(3, 35.0), crease * spot * 0.6)
    return blend(out, np.full(3, 235.0), np.roll(crease, 2, axis=0) * spot * 0.35), spot


def stain(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """A stain that the cloth or board has soaked up: it multiplies, so folds show through; its rim is darker."""
    x1, y1, x2, y2 = box
    size = min(x2 - x1, y2 - y1)
    centre = np.array([rng.uniform(x1, x2), rng.uniform(y1, y2)])
    radius = size * float(rng.uniform(0.04, 0.2))
    spot = blob(rgb, centre, radius, rng, stretch=float(rng.uniform(1, 2)), ragged=0.4)
    for _ in range(int(rng.integers(0, 4))):  # splashes
        spot = np.maximum(
            spot, blob(rgb, centre + rng.normal(0, radius * 1.3, 2), radius * float(rng.uniform(0.08, 0.3)), rng)
        )
    spot = soft(spot, float(rng.uniform(0.5, 2.0)))
    rim = np.clip(spot - soft(spot, radius * 0.25), 0, 1)
    dyes = np.array([[0.45, 0.3, 0.16], [0.25, 0.2, 0.18], [0.6, 0.2, 0.18], [0.7, 0.58, 0.25], [0.2, 0.22, 0.3]])
    dye = dyes[int(rng.integers(len(dyes)))]
    depth = np.clip(spot * (0.7 + 0.3 * noise(rgb, 6, rng)) * float(rng.uniform(0.45, 0.95)) + rim * 0.4, 0, 1)[
        ..., None
    ]
    soaked = rgb * (1 - depth * (1 - dye)) + depth * dye * 25
    return np.clip(soaked, 0, 255).astype(np.uint8), spot


def label(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """A pale sticker with lines of print."""
    corner, sides = place(box, rng)
    mask = polygon(rgb, turned(corner, sides, rng))
    out = blend(rgb, rng.uniform(190, 250, 3), mask * 0.92)
    lines = [
        np.array([corner + sides * (0.1, s), corner + sides * (rng.uniform(0.4, 0.9), s)])
        for s in (0.25, 0.45, 0.65, 0.85)
    ]
    return blend(out, np.full(3, 40.0), strokes(rgb, lines, max(1, int(sides[1] / 18))) * mask), mask


def tape(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """A straight strip of glossy tape."""
    x1, y1, x2, y2 = box
    at, half = float(rng.uniform(y1, y2)), (y2 - y1) * float(rng.uniform(0.03, 0.07))
    lean = float(rng.normal(0, (y2 - y1) * 0.1))
    mask = polygon(rgb, [(x1, at - half), (x2, at - half + lean), (x2, at + half + lean), (x1, at + half)])
    return blend(rgb, rng.uniform(150, 235, 3) * (1, 0.9, 0.75), mask * float(rng.uniform(0.25, 0.6))), mask


def printed(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """A clean print: a disc, a bar or a frame in one ink."""
    corner, sides = place(box, rng)
    layer = Image.new("L", (rgb.shape[1], rgb.shape[0]), 0)
    pen = ImageDraw.Draw(layer)
    area = [tuple(corner), tuple(corner + sides)]
    if rng.random() < 0.5:
        pen.ellipse(area, fill=255)
    else:
        pen.rectangle(area, outline=255, width=max(2, int(sides.min() / 8)))
    mask = np.asarray(layer, dtype=np.float32) / 255
    return blend(rgb, rng.uniform(0, 255, 3), mask * float(rng.uniform(0.6, 0.95))), mask


def glare(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """The reflection of a lamp or window: a soft, straight-edged patch of light."""
    corner, sides = place(box, rng)
    mask = soft(polygon(rgb, turned(corner, sides, rng)), float(rng.uniform(1, 12)))
    return blend(rgb, np.full(3, 250.0), mask * float(rng.uniform(0.15, 0.75))), mask


def shadow(rgb: Rgb, box: Box, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """The shadow of somebody or something beside the bench."""
    corner, sides = place(box, rng)
    mask = soft(polygon(rgb, turned(corner, sides * 1.8, rng)), float(rng.uniform(6, 20)))
    return blend(rgb, np.zeros(3), mask * float(rng.uniform(0.15, 0.45))), mask
