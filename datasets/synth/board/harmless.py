"""Changes to cartons and parcels that are no damage: labels, tape, straps, prints, handle holes, light, marker, folds.

Each is meant to be taken for damage by a model that has only learned to find edits, dark shapes or hard edges.
"""

import math
from typing import Final

import cv2
import numpy as np

from regrade.datasets.synth.board.crushes import light_creases
from regrade.datasets.synth.board.material import (
    blur,
    directions,
    extent,
    filled,
    lay,
    light_from,
    noise,
    patch,
    photo_grain,
    ragged,
    sampled,
    shaded,
    shifted,
    stroked,
)
from regrade.datasets.synth.board.places import on_face
from regrade.datasets.synth.board.stickers import (
    FONTS,
    WORDS,
    barcode,
    laid_flat,
    quad_on_face,
    shipping_label,
    strap,
    tape,
    text,
)
from regrade.datasets.synth.scene import Painted, PhotoScene, Recipe


def print_(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Something printed on the board: words, arrows, symbols, bars, or a dark blob or jagged shape of a logo."""
    size = extent(scene)
    wide = size * float(np.exp(rng.uniform(np.log(0.06), np.log(0.45))))
    at = on_face(scene, rng, wide * 0.4)
    if at is None:
        return None
    art = np.zeros((160, 240, 4), np.float32)
    kind = int(rng.integers(7))
    layer = np.zeros((160, 240), np.uint8)
    if kind <= 1:
        for row in range(int(rng.integers(1, 4))):
            tall = float(rng.uniform(18, 34))
            text(art, str(rng.choice(WORDS)), (6, 44 + 46 * row), tall, 0.0, FONTS[int(rng.integers(4))])
        layer = (art[..., 3] * 255).astype(np.uint8)
    elif kind == 2:  # arrows up, the glass, a bar below
        arrow = np.array([[0, 70], [30, 20], [60, 70], [42, 70], [42, 125], [18, 125], [18, 70]], np.int32)
        for left in (40, 130):
            cv2.fillPoly(layer, [arrow + np.array([left, 0], np.int32)], 255)
        cv2.rectangle(layer, (30, 135), (205, 145), 255, -1)
    elif kind == 3:
        barcode(art, (12, 14, 228, 120), rng)
        layer = (art[..., 3] * 255).astype(np.uint8)
    elif kind == 4:  # a swoosh or a ring
        cv2.ellipse(
            layer, (120, 40), (100, int(rng.integers(30, 80))), 0, 15, 165, 255, int(rng.integers(8, 26)), cv2.LINE_AA
        )
        cv2.circle(layer, (200, 100), int(rng.integers(8, 34)), 255, -1, cv2.LINE_AA)
    else:  # a blob, or a jagged splash of ink in a logo
        angles = np.linspace(0, 2 * np.pi, int(rng.integers(5, 24)), endpoint=False)
        reach = rng.uniform(0.35, 1, len(angles)) if kind == 5 else rng.uniform(0.75, 1, len(angles))
        shape = np.column_stack([120 + 110 * reach * np.cos(angles), 80 + 72 * reach * np.sin(angles)])
        shape = ragged(np.vstack([shape, shape[:1]]), float(rng.uniform(0, 0.25)), rng, 4)
        cv2.fillPoly(layer, [shape.astype(np.int32)], 255, cv2.LINE_AA)
    art[..., 3] = layer.astype(np.float32) / 255
    spot = patch(scene, at, wide * 0.9 + 8)
    along = directions(scene, at, rng)
    along = along if rng.random() < 0.5 else along[::-1]
    quad = quad_on_face(at - (spot.left, spot.top), along, (wide, wide * 160 / 240), rng)
    _, cover = laid_flat(spot, art, quad)
    cover = cover * spot.item
    # Ink sinks into the board: it multiplies, and the board's grain shows through where it is thin.
    inks = np.array(
        [[0.12, 0.12, 0.13], [0.1, 0.1, 0.1], [0.2, 0.2, 0.24], [0.15, 0.25, 0.6], [0.7, 0.12, 0.1], [0.1, 0.4, 0.2]],
        np.float32,
    )
    ink = inks[int(rng.integers(len(inks)))]
    worn = np.clip(float(rng.uniform(0.75, 1)) + 0.25 * noise(spot.size, 3, rng, 2), 0, 1)
    spot.rgb = lay(spot.rgb, spot.rgb * ink + 4, (cover * worn).astype(np.float32))
    spot.mask = cover
    return spot.put_back()


def handle_hole(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A clean die-cut handle or air hole: an oval or a circle with a smooth edge, dark or showing the inside."""
    size = extent(scene)
    wide = size * float(rng.uniform(0.05, 0.2))
    tall = wide * float(rng.choice([1.0, rng.uniform(0.28, 0.5), rng.uniform(0.28, 0.5)]))
    at = on_face(scene, rng, wide * 0.8)
    if at is None:
        return None
    spot = patch(scene, at, wide * 1.6 + 8)
    angles = directions(scene, at, rng)
    centre = at - (spot.left, spot.top)
    (u0, u1), (v0, v1) = ((math.cos(a), math.sin(a)) for a in angles)
    dx, dy = spot.offsets(centre)
    p, q = (dx * v1 - dy * v0) / (u0 * v1 - u1 * v0), (dy * u0 - dx * u1) / (u0 * v1 - u1 * v0)
    # A stadium: straight sides between two half circles.
    away = np.hypot(np.maximum(np.abs(p) - (wide - tall) / 2, 0), q) - tall / 2
    opening = (np.clip(0.5 - away, 0, 1) * spot.item).astype(np.float32)
    light = light_from(rng)
    thick = max(1.0, size * float(rng.uniform(0.004, 0.01)))
    surface = np.median(spot.rgb[spot.item > 0.5], axis=0) if (spot.item > 0.5).any() else spot.rgb.mean(axis=(0, 1))
    inside = surface * float(rng.uniform(0.08, 0.5)) * (1 + 0.2 * noise(spot.size, wide * 0.5, rng, 2))[..., None]
    spot.rgb = lay(spot.rgb, np.clip(inside, 0, 255) + photo_grain(spot, rng), opening)
    edge = opening * np.clip(1 - shifted(opening, light[0] * thick, light[1] * thick), 0, 1)
    spot.rgb = lay(spot.rgb, np.clip(surface * float(rng.uniform(0.8, 1.1)), 0, 250), edge * 0.9)
    if rng.random() < 0.3:  # pressed rim
        rim = np.exp(-(((away - thick) / thick) ** 2)) * (1 - opening) * spot.item
        spot.rgb = shaded(spot.rgb, (1 - 0.15 * rim).astype(np.float32))
    spot.mask = opening
    return spot.put_back()


def marker(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A scribble by marker: numbers, a circle, a tick or loops."""
    size = extent(scene)
    wide = size * float(rng.uniform(0.06, 0.35))
    at = on_face(scene, rng, wide * 0.5)
    if at is None:
        return None
    spot = patch(scene, at, wide * 1.2 + 8)
    centre = at - (spot.left, spot.top)
    t = np.linspace(0, 1, 80)
    paths = []
    for _ in range(int(rng.integers(1, 5))):
        orders = np.arange(1, 4)
        sizes, phases = rng.normal(0, 0.5, (2, 3)) / orders, rng.uniform(0, 6, (2, 3, 1))
        waves = np.einsum("ij,ijk->ik", sizes, np.sin(2 * np.pi * orders[:, None] * t + phases))
        drift = np.linspace(-1, 1, 80) * float(rng.uniform(0, 1))
        path = np.column_stack([waves[0] * 0.5 + drift, waves[1] * 0.6])[: int(rng.integers(25, 80))]
        paths.append(centre + path * wide * 0.5 + rng.normal(0, wide * 0.2, 2))
    pen = max(0.9, size * float(rng.uniform(0.004, 0.014)))
    line = stroked(spot.size, paths, pen) * spot.item
    inks = np.array([[0.1, 0.1, 0.12], [0.1, 0.1, 0.12], [0.12, 0.15, 0.5], [0.6, 0.1, 0.1]], np.float32)
    ink = inks[int(rng.integers(len(inks)))]
    spot.rgb = lay(spot.rgb, spot.rgb * ink + 5, blur(line, 0.4) * float(rng.uniform(0.65, 1)))
    spot.mask = line
    return spot.put_back()


def fold_line(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A straight score line, or the narrow, even gap between two closed flaps."""
    size = extent(scene)
    at = on_face(scene, rng, 0.1 * size)
    if at is None:
        return None
    length = size * float(rng.uniform(0.4, 1.4))
    spot = patch(scene, at, length * 0.55 + 8)
    angle = float(rng.choice(directions(scene, at, rng)))
    centre = at - (spot.left, spot.top)
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    path = np.array([centre - u * length / 2, centre + u * length / 2])
    gap = rng.random() < 0.4
    length = 3 * size if gap or rng.random() < 0.7 else length  # right across, as a rule
    wide = max(1.0, size * float(rng.uniform(0.003, 0.012 if gap else 0.006)))
    line = stroked(spot.size, [path], wide) * spot.item
    if gap:
        spot.rgb = lay(spot.rgb, spot.rgb * float(rng.uniform(0.1, 0.4)), blur(line, 0.4))
    else:
        spot.rgb = shaded(spot.rgb, 1 - blur(line, wide * 0.5) * float(rng.uniform(0.15, 0.45)))
    lit = blur(shifted(line, float(v[0]) * wide * 1.2, float(v[1]) * wide * 1.2), wide * 0.4) * (1 - line) * spot.item
    spot.rgb = shaded(spot.rgb, 1 + lit * float(rng.uniform(0.05, 0.25)))
    spot.mask = line
    return spot.put_back()


def cast_shadow(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A shadow across the photo, with a hard or a soft edge, straight or leafy."""
    h, w = scene.size
    spot = patch(scene, np.array([w / 2, h / 2]), max(h, w))
    size = max(h, w)
    centre = np.array([rng.uniform(0, w), rng.uniform(0, h)])
    if rng.random() < 0.6:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
        shape = centre + np.column_stack([np.cos(angles), np.sin(angles)]) * size * float(rng.uniform(0.15, 0.7))
        dark = filled(spot.size, shape)
    else:  # foliage, or a crowd of things
        dark = np.clip(
            noise(spot.size, size * float(rng.uniform(0.06, 0.3)), rng, 3) * 6 + float(rng.uniform(-1, 1)), 0, 1
        )
    dark = blur(dark.astype(np.float32), size * float(np.exp(rng.uniform(np.log(0.001), np.log(0.05)))))
    depth = float(rng.uniform(0.15, 0.6))
    cool = np.array([1.06, 1.0, 0.94], np.float32)  # what lights a shadow is the sky
    spot.rgb = spot.rgb * (1 - (dark * depth)[..., None] * cool)
    spot.mask = dark
    return spot.put_back()


def glare(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Light that film or glossy print throws back: streaks and soft patches on the item."""
    size = extent(scene)
    radius = size * float(rng.uniform(0.1, 0.45))
    at = on_face(scene, rng, 0.1 * size)
    if at is None:
        return None
    spot = patch(scene, at, radius * 2 + 6)
    centre = at - (spot.left, spot.top)
    angle = float(rng.choice(directions(scene, at, rng)))
    c, s = math.cos(angle), math.sin(angle)
    stretch = float(rng.uniform(1, 5)) ** 0.5
    dx, dy = spot.offsets(centre)
    u, v = dx * c + dy * s, dy * c - dx * s
    away = np.hypot(u / stretch, v * stretch) / radius + 0.25 * noise(spot.size, radius * 0.5, rng, 2)
    shine = np.clip(1.3 - 1.3 * away, 0, 1) ** float(rng.uniform(0.7, 2))
    if rng.random() < 0.5:  # crinkled film breaks it up
        shine = shine * np.clip(noise(spot.size, radius * 0.25, rng, 3) * 2 + 0.4, 0, 1)
    alpha = (shine * spot.item * float(rng.uniform(0.15, 0.6))).astype(np.float32)
    spot.rgb = lay(spot.rgb, np.full(3, 250, np.float32), alpha)
    spot.mask = alpha
    return spot.put_back()


def background(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """The background lighter, darker or of another tint, the item as it was; None where there is no background."""
    h, w = scene.size
    beside = 1 - blur(scene.item, 1.0)
    if float(beside.mean()) < 0.04:
        return None
    spot = patch(scene, np.array([w / 2, h / 2]), max(h, w))
    strength = float(np.exp(rng.uniform(np.log(0.4), np.log(0.8))))
    gain = (strength if rng.random() < 0.5 else 0.5 + 0.5 / strength) * rng.normal(1, 0.06, 3).astype(np.float32)
    spot.rgb = lay(spot.rgb, np.clip(spot.rgb * gain, 0, 255), np.clip(beside, 0, 1))
    spot.mask = np.clip(beside, 0, 1)
    return spot.put_back()


def bent_view(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """The whole photo warped very slightly and smoothly, as by a lens: no fold, no change of light."""
    h, w = scene.size
    spot = patch(scene, np.array([w / 2, h / 2]), max(h, w))
    grain, reach = max(h, w) * 0.5, max(h, w) * float(rng.uniform(0.004, 0.015))
    spot.rgb = sampled(spot.rgb, noise((h, w), grain, rng) * reach, noise((h, w), grain, rng) * reach)
    spot.mask = np.ones((h, w), np.float32)
    return spot.put_back()


HARMLESS: Final = (
    Recipe("shipping_label", "", "minor", shipping_label),
    Recipe("carton_tape", "", "minor", tape),
    Recipe("strap", "", "minor", strap),
    Recipe("board_print", "", "minor", print_),
    Recipe("handle_hole", "", "minor", handle_hole),
    Recipe("marker", "", "minor", marker),
    Recipe("fold_line", "", "minor", fold_line),
    Recipe("cast_shadow", "", "minor", cast_shadow),
    Recipe("film_glare", "", "minor", glare),
    Recipe("background_light", "", "minor", background),
    Recipe("light_creases", "", "minor", light_creases),
    Recipe("bent_view", "", "minor", bent_view),
)
"""All harmless edits for cartons and mailers."""
