"""Damage to shoes: abrasion, soles that come off, leather that cracks, holes, splits and mud."""

import cv2
import numpy as np

from regrade.datasets.synth.cloth import holes, stains
from regrade.datasets.synth.cloth.drawing import (
    LUMA,
    Path,
    as_mask,
    blend,
    filled,
    finish,
    grain,
    irregular,
    lines,
    log_uniform,
    noise,
    octaves,
    patch,
    ramp,
    shade,
    shorter,
    soft,
    spot,
    wander,
)
from regrade.datasets.synth.scene import Painted, PhotoScene, Recipe


def scuff(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Abrasion: short strokes along one direction, paler than dark leather and greyer than pale leather."""
    at = spot(scene, rng, 0.02)
    if at is None:
        return None
    window = patch(scene, at, max(4.0, shorter(scene) * log_uniform(rng, 0.03, 0.16)), 1.5)
    r, angle = window.radius, float(rng.uniform(0, np.pi))
    way = np.array([np.cos(angle), np.sin(angle)])
    paths: list[Path] = []
    for _ in range(int(rng.integers(12, 60))):
        start = window.centre + rng.normal(0, r * 0.35, 2) * (1, 0.8)
        length = r * log_uniform(rng, 0.15, 1.0)
        paths.append(wander(start - way * length / 2, angle + float(rng.normal(0, 0.12)), length, rng, 0.05, 5))
    half = len(paths) // 2
    strokes = np.maximum(
        lines(window.shape, paths[:half], max(1, round(r * 0.05)), 0.6), lines(window.shape, paths[half:], 1)
    )
    rubbed = ramp(irregular(window, rng, 1.6, 0.6), 0.5) * np.clip(octaves(window.shape, r * 0.2, rng) + 0.3, 0, 1)
    body = as_mask(np.clip(soft(strokes, 0.5) * rng.uniform(0.7, 1) + rubbed * rng.uniform(0.2, 0.7), 0, 1))
    tone = window.tone()
    luma = float(tone @ LUMA)
    bare = np.array([205, 190, 172], np.float32) if luma < 165 else np.array([95, 88, 80], np.float32)
    drawn = blend(window.rgb, tone * 0.35 + bare * 0.65, body * rng.uniform(0.5, 0.95)) + grain(window, rng, 1.5)
    return finish(scene, window, drawn, body)


def sole_gap(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """The sole coming off: a dark slit along the item's lower edge, widest in its middle, over the sole's pale edge."""
    x1, y1, x2, y2 = scene.box
    width, height = x2 - x1, y2 - y1
    inside = scene.item > 0.5
    columns = np.nonzero(inside.any(axis=0))[0]
    if len(columns) < 12:
        return None
    bottom = inside.shape[0] - 1 - np.argmax(inside[::-1][:, columns], axis=0)
    length = max(8, round(len(columns) * float(rng.uniform(0.12, 0.4))))
    # The slit lies where the edge is low: that is where a shoe stands.
    starts = rng.integers(0, max(1, len(columns) - length), 6)
    start = int(max(starts, key=lambda s: float(np.median(bottom[s : s + length]))))
    edge = bottom[start : start + length].astype(np.float32)
    kernel = max(3, length // 6) | 1
    edge = cv2.blur(edge[None], (kernel, 1), borderType=cv2.BORDER_REPLICATE)[0]
    xs = columns[start : start + length].astype(np.float64)
    thick = max(2.0, min(width, height) * log_uniform(rng, 0.012, 0.06))
    ys = edge - max(thick * 1.3, height * float(rng.uniform(0.04, 0.13)))
    at = (float(xs.mean()), float(ys.mean()))
    window = patch(scene, at, max(float(xs[-1] - xs[0]) / 2, float(np.ptp(ys))) + thick * 2, 1.15)
    shape = window.shape
    t = np.linspace(0, 1, len(xs))
    opening = np.sin(np.pi * t ** float(rng.uniform(0.5, 1.6))) ** 0.8 * thick
    wobble = np.interp(t, np.linspace(0, 1, 12), rng.normal(0, 0.12, 12)) * thick
    offset = np.array([window.x0, window.y0])
    upper = np.column_stack([xs, ys - opening / 2 + wobble]) - offset
    lower = np.column_stack([xs, ys + opening / 2]) - offset
    gap = soft(filled(shape, np.vstack([upper, lower[::-1]])), 0.6)
    under = soft(as_mask(np.roll(gap, max(1, round(thick * 0.5)), axis=0)), max(0.8, thick * 0.25)) * (1 - gap)
    drawn = shade(window.rgb, 1 - soft(gap, thick * 0.6) * 0.35)
    drawn = blend(drawn, np.clip(window.tone(1.0) * 1.1 + 40, 0, 240), under * rng.uniform(0.2, 0.6))
    inner = np.full(3, rng.uniform(6, 38)) * (1 + 0.4 * noise(shape, thick, rng))[..., None]
    drawn = blend(drawn, inner + grain(window, rng), gap * rng.uniform(0.85, 1))
    # Strings of old glue and thread.
    strings = [
        np.array([upper[i], (upper[i] + lower[i]) / 2 + rng.normal(0, thick * 0.15, 2), lower[i]])
        for i in rng.integers(0, len(xs), int(rng.integers(0, 9)))
    ]
    drawn = blend(drawn, np.full(3, rng.uniform(120, 220)), lines(shape, strings) * 0.6)
    return finish(scene, window, drawn, gap, thick)


def cracked_leather(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Leather cracked where it bends: fine dark lines side by side that fork, each with a raised pale lip."""
    at = spot(scene, rng, 0.03)
    if at is None:
        return None
    window = patch(scene, at, max(5.0, shorter(scene) * log_uniform(rng, 0.05, 0.2)), 1.4)
    r, angle = window.radius, float(rng.uniform(0, np.pi))
    way = np.array([np.cos(angle), np.sin(angle)])
    side = np.array([-way[1], way[0]])
    paths: list[Path] = []
    for _ in range(int(rng.integers(4, 14))):
        middle = window.centre + side * rng.normal(0, r * 0.4) + way * rng.normal(0, r * 0.2)
        length = r * float(rng.uniform(0.5, 1.6))
        path = wander(middle - way * length / 2, angle + float(rng.normal(0, 0.15)), length, rng, 0.28, 14)
        paths.append(path)
        for fork in rng.integers(2, 13, int(rng.integers(0, 4))):
            turn = angle + float(rng.choice([-1, 1])) * float(rng.uniform(0.4, 1.3))
            paths.append(wander(path[fork], turn, length * float(rng.uniform(0.08, 0.3)), rng, 0.3, 6))
    thin = max(1, round(shorter(scene) * float(rng.uniform(0.001, 0.004))))
    core = np.maximum(lines(window.shape, paths, thin), lines(window.shape, paths[::3], thin + 1) * 0.7)
    core = soft(core, 0.45)
    lip = np.clip(as_mask(np.roll(core, (thin, thin), (0, 1))) - core, 0, 1)
    drawn = blend(window.rgb, np.clip(window.tone() * 1.2 + 30, 0, 245), lip * rng.uniform(0.2, 0.6))
    drawn = shade(drawn, 1 - soft(core, r * 0.06) * 0.3)
    drawn = blend(drawn, window.tone() * rng.uniform(0.1, 0.35), core * rng.uniform(0.75, 1))
    return finish(scene, window, drawn, as_mask(np.clip(soft(core, 1.0) * 2, 0, 1)))


def mud(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Dried mud or dirt: opaque and crumbly in the middle, thin at its edges, specks about it."""
    at = spot(scene, rng, 0.02)
    if at is None:
        return None
    window = patch(scene, at, max(4.0, shorter(scene) * log_uniform(rng, 0.03, 0.2)))
    shape, r = window.shape, window.radius
    field = irregular(window, rng, float(rng.uniform(1, 2.5)), float(rng.uniform(0.8, 1.4)))
    specks = octaves(shape, max(2.0, r * 0.07), rng, 2)
    cover = ramp(field, 0.35) * np.clip(0.75 + 0.6 * octaves(shape, r * 0.3, rng), 0, 1)
    cover = np.maximum(cover, ramp(specks - 0.55, 0.2) * ramp(field + 0.5, 0.5))
    earths = np.array([(120, 96, 70), (88, 70, 54), (150, 128, 98), (70, 66, 62)], np.float32)
    earth = earths[int(rng.integers(len(earths)))]
    if abs(float((earth - window.tone()) @ LUMA)) < 30:
        earth = earth + (60 if float(window.tone() @ LUMA) < 120 else -45)
    light = np.clip((window.rgb @ LUMA) / max(12.0, float(window.tone() @ LUMA)), 0.5, 1.4)
    relief = 1 + 0.22 * octaves(shape, max(2.0, r * 0.12), rng)
    drawn = blend(window.rgb, earth * (light * relief)[..., None] + grain(window, rng), cover * rng.uniform(0.6, 0.95))
    return finish(scene, window, drawn, as_mask(cover))


RECIPES: tuple[Recipe, ...] = (
    Recipe("scuff", "scuff", "minor", scuff),
    Recipe("sole_gap", "broken", "major", sole_gap),
    Recipe("cracked_leather", "tear", "major", cracked_leather),
    Recipe("upper_hole", "hole", "major", holes.hole),
    Recipe("upper_split", "tear", "major", holes.rip),
    Recipe("shoe_stain", "stain", "minor", stains.spill),
    Recipe("shoe_rub", "stain", "minor", stains.rub),
    Recipe("shoe_mud", "dirt", "minor", mud),
)
