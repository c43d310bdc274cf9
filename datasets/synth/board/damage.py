"""Damage to cartons and parcels: what has a recipe, and the soaking of board by water."""

import math
from typing import Final

import numpy as np

from regrade.datasets.synth.board.crushes import crumpled, crushed_corner, crushed_edge, dent
from regrade.datasets.synth.board.material import blur, directions, extent, light_from, noise, patch, shaded
from regrade.datasets.synth.board.places import on_face, on_outline
from regrade.datasets.synth.board.rips import burst_seam, hole, tear, torn_off
from regrade.datasets.synth.scene import Paint, Painted, PhotoScene, Recipe


def water_stain(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Board that soaked up water from an edge or a splash: darker and redder, with a tide line, slightly wrinkled."""
    size = extent(scene)
    radius = size * float(np.exp(rng.uniform(np.log(0.14), np.log(0.5))))
    place = on_outline(scene, rng) if rng.random() < 0.7 else None
    at = place.at if place is not None else on_face(scene, rng, radius * 0.4)
    if at is None:
        return None
    spot = patch(scene, at, radius * 1.9 + 10)
    centre = at - (spot.left, spot.top)
    turn = place.inward + np.pi / 2 if place is not None else float(rng.uniform(0, np.pi))
    c, s = math.cos(turn), math.sin(turn)
    stretch = float(rng.uniform(1.0, 2.2)) ** 0.5
    dx, dy = spot.offsets(centre)
    away = np.hypot((dx * c + dy * s) / stretch, (dy * c - dx * s) * stretch) / radius
    front = away * 1.0 + 0.30 * noise(spot.size, radius * 0.7, rng, 1) + 0.14 * noise(spot.size, radius * 0.22, rng, 3)
    soft = float(rng.uniform(0.01, 0.05))
    wet = np.clip((0.95 - front) / soft + 0.5, 0, 1).astype(np.float32) * spot.item
    wet = blur(wet, max(0.6, size * 0.002))
    depth = float(rng.uniform(0.4, 0.95))
    patchy = 1 + 0.22 * noise(spot.size, radius * 0.3, rng, 3)
    fresh = rng.random() < 0.55  # still wet: dark throughout; dried: pale inside, the tide lines remain
    body = depth * (1.0 if fresh else float(rng.uniform(0.15, 0.4)))
    inner = 1 - np.clip((0.95 - front) / 0.9, 0, 1) * (0.25 if fresh else 0.6)
    soak = wet * body * patchy * inner
    tide = np.zeros(spot.size, np.float32)
    for level in (0.95, *(rng.uniform(0.45, 0.9, int(rng.integers(0, 3))))):
        line = np.exp(-(((level - front) / float(rng.uniform(0.015, 0.05))) ** 2))
        tide = np.maximum(tide, line * (front < level + 0.01) * float(rng.uniform(0.3, 1)))
    tide = blur(tide.astype(np.float32), 0.7) * np.clip(0.6 + noise(spot.size, radius * 0.35, rng, 2), 0.1, 1.2)
    soak = np.clip(soak + tide * spot.item * depth * float(rng.uniform(0.2, 0.6)), 0, 1.2)
    # Paper that takes up water scatters less: darker, and bluish light is lost first.
    absorb = np.array([0.40, 0.62, 0.85], np.float32) * float(rng.uniform(0.75, 1.05))
    spot.rgb = spot.rgb * np.exp(-soak[..., None] * absorb)
    if rng.random() < 0.6:  # the liner swells and cockles along the flutes
        light = light_from(rng)
        turn = float(rng.choice(directions(scene, at, rng)))
        across = math.cos(turn) * spot.y - math.sin(turn) * spot.x
        pitch = size * float(rng.uniform(0.03, 0.09))
        bent = across + noise(spot.size, pitch * 3, rng, 2) * pitch * 0.5
        swell = np.sin(bent * (2 * np.pi / pitch)) * np.clip(0.3 + noise(spot.size, pitch * 2, rng, 2), 0, 1) * wet
        spot.rgb = shaded(spot.rgb, (1 + swell * float(rng.uniform(0.03, 0.12)) * light[1]).astype(np.float32))
    spot.mask = np.clip(wet * 0.9 + tide * spot.item, 0, 1)
    return spot.put_back()


def _seen(paint: Paint) -> Paint:
    """`paint`, but None where what it drew can hardly be seen: in the dark, on a busy print, at the photo's border.

    A photo that is called damaged and shows nothing teaches a model to call sound cartons damaged.
    """

    def drawn(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
        made = paint(scene, rng)
        if made is None:
            return None
        where = made.mask > 0.35
        change = np.abs(made.rgb[where].astype(np.int16) - scene.rgb[where]).max(axis=1)
        large = change.size >= max(20.0, 8e-4 * extent(scene) ** 2)
        return made if large and float(np.percentile(change, 85)) >= 14 else None

    return drawn


RECIPES: Final = (
    Recipe("board_tear", "tear", "major", _seen(tear)),
    Recipe("board_hole", "hole", "major", _seen(hole)),
    Recipe("burst_seam", "tear", "major", _seen(burst_seam)),
    Recipe("torn_off", "tear", "major", _seen(torn_off)),
    Recipe("crushed_corner", "crush", "major", _seen(crushed_corner)),
    Recipe("crushed_edge", "crush", "major", _seen(crushed_edge)),
    Recipe("dent", "crush", "major", _seen(dent)),
    Recipe("crumpled", "crush", "major", _seen(crumpled)),
    Recipe("water_stain", "wet", "major", _seen(water_stain)),
)
"""All recipes of damage to cartons and mailers."""
