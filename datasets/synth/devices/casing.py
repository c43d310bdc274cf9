"""Damage to housings: dents, chips, broken corners, gaping seams, lost keys, deep scratches."""

import numpy as np

from regrade.datasets.synth.devices import fracture
from regrade.datasets.synth.drawing import (
    Points,
    Stroke,
    add,
    blend,
    cloud,
    noise,
    outline,
    polygon,
    shade,
    shifted,
    soft,
    strokes,
    warp,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene, Rgb
from regrade.datasets.synth.surfaces import Canvas, Face, box_face, canvas, display, within


def _body(scene: PhotoScene) -> Canvas:
    """The whole item rather than its display."""
    return canvas(scene, box_face(scene.box, 0.02))


def _spot(on: Canvas, rng: np.random.Generator) -> Points | None:
    """A random place on the item, in pixels."""
    rows, columns = np.nonzero(on.item[::2, ::2] > 0.6)
    if len(rows) < 20:
        return None
    at = int(rng.integers(len(rows)))
    return np.array([columns[at] * 2.0, rows[at] * 2.0])


def _edge_spot(on: Canvas, rng: np.random.Generator) -> tuple[Points, Points] | None:
    """A place on the item's outline, in pixels, and the unit vector from it inwards; corners come up more often."""
    rows, columns = np.nonzero(on.item > 0.5)
    if len(rows) < 80:
        return None
    middle = np.array([columns.mean(), rows.mean()])
    turn = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.6:
        turn = np.pi / 4 + int(rng.integers(4)) * np.pi / 2 + rng.normal(0, 0.15)
    towards = np.array([np.cos(turn), np.sin(turn)])
    scaled = (np.column_stack([columns, rows]) - middle) / (np.array([np.ptp(columns), np.ptp(rows)]) + 1.0)
    at = int(np.argmax(scaled @ towards))
    place = np.array([float(columns[at]), float(rows[at])])
    inwards = middle - place
    return place, inwards / max(1.0, float(np.hypot(*inwards)))


def dent(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A dent: a dished patch with light on one slope, shade on the other, and what it mirrors bent."""
    on = _body(scene)
    at = _spot(on, rng) if rng.random() < 0.5 else next(iter(_edge_spot(on, rng) or ()), None)
    if at is None:
        return None
    radius = on.face.unit * float(rng.uniform(0.035, 0.13))
    flat = polygon(on.shape, outline(at, radius, rng, stretch=float(rng.uniform(1, 2.8)), ragged=0.15))
    bowl = soft(flat, radius * float(rng.uniform(0.15, 0.35)))
    slope_y, slope_x = np.gradient(bowl * radius)
    turn = rng.uniform(0, 2 * np.pi)
    lit = (slope_x * np.cos(turn) + slope_y * np.sin(turn)).astype(np.float32)
    depth = float(rng.uniform(0.25, 0.75))
    bent = warp(on.rgb, slope_x * radius * 0.3, slope_y * radius * 0.3)
    out = shade(bent, 1 + (lit * 1.1 - bowl * 0.15) * depth)
    out = add(out, np.clip(lit - 0.15, 0, 1) * on.light * depth * 0.45 * on.item)
    return on.finish(np.where(on.item[..., None] > 0.5, out, on.rgb), np.clip(bowl * 2.2, 0, 1) * on.item)


def broken_corner(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A corner or piece of edge broken out of the housing: rough bare material, a bright rim, cracks around."""
    on = _body(scene)
    spot = _edge_spot(on, rng)
    if spot is None:
        return None
    at, inwards = spot
    size = on.face.unit
    radius = size * float(rng.uniform(0.03, 0.13))
    turns = np.linspace(0, 2 * np.pi, int(rng.integers(9, 22)), endpoint=False)
    rough = np.column_stack([np.cos(turns), np.sin(turns)]) * radius * rng.uniform(0.55, 1.25, (len(turns), 1))
    piece = polygon(on.shape, at + inwards * radius * 0.2 + rough) * np.clip(on.item * 1.4, 0, 1)
    around = on.rgb[(on.item > 0.5)].mean(axis=0)
    gone = rng.random() < 0.4
    if gone:  # the background shows where the piece was
        beyond = at - inwards * radius * 1.8
        x, y = int(np.clip(beyond[0], 0, on.shape[1] - 1)), int(np.clip(beyond[1], 0, on.shape[0] - 1))
        patch = on.rgb[max(0, y - 4) : y + 5, max(0, x - 4) : x + 5].reshape(-1, 3)
        fill = np.full((*on.shape, 3), np.median(patch, axis=0), np.float32)
        fill += noise(on.shape, max(2, size / 80), rng)[..., None] * 10
    else:
        bare = np.array([rng.choice([20.0, 60.0, 110.0, 170.0])] * 3) * 0.6 + around * 0.4
        fill = bare + cloud(on.shape, max(3.0, radius / 2), rng)[..., None] * np.full(3, 38.0)
    out = blend(on.rgb, np.clip(fill, 0, 255), piece)
    rim = np.clip(soft(piece, max(0.7, size / 350)) * (1 - piece) * 3.5, 0, 1) * np.clip(on.item * 1.4, 0, 1)
    turn = rng.uniform(0, 2 * np.pi)
    lit = np.clip(shifted(piece, float(np.cos(turn)) * 1.5, float(np.sin(turn)) * 1.5) - piece, 0, 1)
    out = shade(out, 1 - np.clip(soft(piece, radius * 0.15) - 0.3, 0, 1) * piece * (0 if gone else 0.5))
    out = add(out, np.clip(rim + lit, 0, 1) * on.light * float(rng.uniform(0.25, 0.65)))
    mask = np.maximum(piece, rim)
    if rng.random() < 0.6:
        out, mask = _cracks_from(on, out, mask, at, inwards, radius, rng)
    return on.finish(out, mask)


def _cracks_from(
    on: Canvas, out: Rgb, mask: Mask, at: Points, inwards: Points, radius: float, rng: np.random.Generator
) -> tuple[Rgb, Mask]:
    size = on.face.unit
    drawn = []
    for _ in range(int(rng.integers(1, 6))):
        turn = float(np.arctan2(inwards[1], inwards[0]) + rng.normal(0, 0.7))
        start = at + radius * 0.8 * np.array([np.cos(turn), np.sin(turn)])
        path = fracture.run(start, turn, radius * float(rng.uniform(0.6, 3)), rng, 0.004, 0.1)
        taper = np.linspace(1, 0.3, len(path))
        drawn.append(Stroke(path, taper * max(0.6, size / 380 * float(rng.uniform(0.7, 1.6))), taper))
    core = soft(strokes(on.shape, drawn), 0.35) * np.clip(on.item, 0, 1) * (1 - np.clip(mask, 0, 1))
    dark = blend(out, np.full(3, 18.0), shifted(core, 0.8, 0.8) * 0.7)
    return blend(dark, np.full(3, on.light * 0.9), core * float(rng.uniform(0.4, 0.9))), np.maximum(mask, core)


def open_seam(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A housing that gapes: a dark slit that widens along an edge, its lip catching the light."""
    on = _body(scene)
    seen = display(scene)
    face = Face(seen.corners - (on.x, on.y), seen.found) if seen.found else on.face
    side = int(rng.integers(4))
    a, b = face.corners[side], face.corners[(side + 1) % 4]
    low = float(rng.uniform(0, 0.5))
    high = min(1.0, low + float(rng.uniform(0.25, 0.7)))
    inward = face.corners.mean(axis=0) - (a + b) / 2
    inward /= max(1.0, float(np.hypot(*inward)))
    t = np.linspace(low, high, 24)[:, None]
    line = a + (b - a) * t - inward * face.unit * 0.004
    gap = face.unit * float(rng.uniform(0.008, 0.028))
    bulge = np.sin(np.pi * np.linspace(0, 1, 24) ** float(rng.uniform(0.5, 2)))[:, None] * gap
    slit = polygon(on.shape, np.vstack([line, (line + inward * bulge)[::-1]]))
    out = blend(on.rgb, rng.uniform(2, 22, 3), slit * float(rng.uniform(0.85, 1)))
    lip = np.clip(shifted(slit, float(inward[0]) * 1.4, float(inward[1]) * 1.4) - slit, 0, 1)
    out = add(out, soft(lip, 0.5) * on.light * float(rng.uniform(0.25, 0.6)))
    innards = np.clip(noise(on.shape, 3.0, rng) - 0.45, 0, 1) * slit
    out = blend(out, np.array([150, 130, 80]) * rng.uniform(0.6, 1.2), innards * float(rng.uniform(0, 0.8)))
    return on.finish(out, np.maximum(slit, lip))


def missing_key(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Keycaps gone from a keyboard: square wells with a pale dome and the ends of a hinge."""
    if scene.item_type != "keyboard":
        return None
    box = within(scene.item_box, scene.size)
    on = canvas(scene, box_face(box, 0.08))
    at = _spot(on, rng)
    if at is None:
        return None
    out, mask = on.rgb, np.zeros(on.shape, np.float32)
    key = max(box[2] - box[0], box[3] - box[1]) * float(rng.uniform(0.035, 0.055))
    turn = float(rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.08))
    axes = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))]) * (key, key)
    for _ in range(int(rng.choice([1, 1, 2, 3, 5]))):
        wide = float(rng.choice([1.0, 1.0, 1.0, 1.7]))
        corners = at + (np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (0.5 * wide, 0.45)) @ axes
        well = polygon(on.shape, corners)
        out = blend(out, rng.uniform(6, 60, 3), well * 0.96)
        out = add(out, np.clip(soft(well, 0.8) * (1 - well) * 3, 0, 1) * on.light * float(rng.uniform(0.1, 0.35)))
        out = shade(out, 1 - np.clip(well - shifted(well, key * 0.1, key * 0.12), 0, 1) * 0.6)
        dome = polygon(on.shape, outline(at, key * float(rng.uniform(0.12, 0.2)), rng, ragged=0.03))
        tone = np.array([(225, 225, 220), (150, 150, 155), (60, 60, 65), (200, 190, 150)][int(rng.integers(4))])
        out = blend(out, tone * (on.light / 240), soft(dome, 0.6))
        for sign in (-1, 1):
            clip = (
                at
                + (np.array([(-0.3, -0.05), (0.3, -0.05), (0.3, 0.05), (-0.3, 0.05)]) + np.array([0, 0.28 * sign]))
                @ axes
            )
            out = blend(out, tone * 0.7 * (on.light / 240), polygon(on.shape, clip) * 0.8)
        mask = np.maximum(mask, well)
        at = at + (rng.choice([-1, 0, 1], 2) * 1.15) @ axes
    return on.finish(out, mask)


def deep_scratch(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Long, deep scratches and gouges: ploughed grooves with a bright burr and a dark side."""
    on = canvas(scene, display(scene)) if rng.random() < 0.5 else _body(scene)
    size = on.face.unit
    turn, drawn = float(rng.uniform(0, np.pi)), []
    at = _spot(on, rng)
    if at is None:
        return None
    for _ in range(int(rng.integers(1, 8))):
        length = size * float(rng.uniform(0.12, 0.5))
        path = fracture.run(
            at + rng.normal(0, size * 0.06, 2), turn + float(rng.normal(0, 0.12)), length, rng, 0.004, 0
        )
        press = np.sin(np.pi * np.linspace(0.06, 0.97, len(path)) ** float(rng.uniform(0.4, 1.6)))
        wide = size / 400 * float(np.exp(rng.normal(0, 0.45)))
        drawn.append(Stroke(path, np.maximum(press * wide, 0.3), press * float(rng.uniform(0.5, 1))))
    groove = soft(strokes(on.shape, drawn), 0.35) * on.item
    groove *= np.clip(0.85 + 0.5 * noise(on.shape, size * 0.03, rng), 0, 1)
    strength = float(rng.uniform(0.4, 0.95))
    pale = on.brightness < 140 or rng.random() < 0.3
    side = rng.normal(0, 0.8, 2)
    out = shade(on.rgb, 1 - shifted(groove, float(side[0]), float(side[1])) * 0.55 * strength)
    tone = np.full(3, on.light * float(rng.uniform(0.7, 1))) if pale else rng.uniform(20, 70, 3)
    return on.finish(blend(out, tone, groove * strength), groove)
