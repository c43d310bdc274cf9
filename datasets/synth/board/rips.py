"""Recipes of board that is torn through: rips, folded flaps, punctures, burst seams, pieces torn off."""

import cv2
import numpy as np

from regrade.datasets.synth.board.material import (
    BoardPatch,
    Points,
    behind,
    directions,
    extent,
    filled,
    patch,
    ragged,
    stroked,
    tone,
)
from regrade.datasets.synth.board.places import corner, on_face, on_outline, seam
from regrade.datasets.synth.board.torn import TornBoard, buckle, draw_flap, draw_opening
from regrade.datasets.synth.scene import Painted, PhotoScene


def _unit(angle: float) -> Points:
    return np.array([np.cos(angle), np.sin(angle)])


def tear(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A tear through the board: a rip that gapes, or an L- or V-shaped tear with its flap folded back."""
    size = extent(scene)
    length = size * float(np.exp(rng.uniform(np.log(0.18), np.log(0.65))))
    place = on_outline(scene, rng) if rng.random() < 0.6 else None
    if place is not None and not place.shown and rng.random() < 0.8:
        place = None  # most of a tear from the photo's border would lie outside the photo
    if place is not None:
        start, heading = place.at, place.inward + float(rng.normal(0, 0.35))
    else:
        at = on_face(scene, rng, 0.3 * length)
        if at is None:
            return None
        start, heading = at, float(rng.uniform(0, 2 * np.pi))
    along = directions(scene, start, rng)
    if rng.random() < 0.7:  # board tears along its flutes and folds, or square to them
        near = min(
            (a + k * np.pi for a in along for k in (-1, 0, 1, 2)),
            key=lambda a: abs(np.angle(np.exp(1j * (a - heading)))),
        )
        heading = near + float(rng.normal(0, 0.08))
    spot = patch(scene, start + _unit(heading) * length * 0.5, length * 1.15 + 12)
    origin = start - (spot.left, spot.top)
    board = TornBoard(spot, size, start, rng)
    if rng.random() < 0.45:
        return _rip(spot, board, origin, heading, length, rng, from_edge=place is not None)
    return _flap_tear(spot, board, origin, heading, length, rng)


def _rip(
    spot: BoardPatch,
    board: TornBoard,
    start: Points,
    heading: float,
    length: float,
    rng: np.random.Generator,
    *,
    from_edge: bool,
) -> Painted | None:
    bend = heading + float(rng.normal(0, 0.35))
    middle = start + _unit(heading) * length * float(rng.uniform(0.3, 0.6))
    tip = middle + _unit(bend) * length * 0.5
    spine = ragged(np.array([start, middle, tip]), 0.3, rng, max(1.5, board.size * 0.006))
    share = np.linspace(0, 1, len(spine))
    gape = length * float(np.exp(rng.uniform(np.log(0.02), np.log(0.16))))
    width = (1 - share) ** 0.8 if from_edge else np.sin(np.pi * np.clip(share, 0.0, 1)) ** 0.7
    side = np.gradient(spine, axis=0)
    side = cv2.blur(np.column_stack([-side[:, 1], side[:, 0]]), (1, 9))
    side /= np.maximum(np.hypot(*side.T), 1e-6)[:, None]
    drift = rng.normal(0, 0.12, (len(spine), 2)).cumsum(axis=0) * board.thick * 0.25
    left, right = (
        spine + side * (width * gape)[:, None],
        spine - side * (width * gape * float(rng.uniform(0.1, 0.6)))[:, None] + drift,
    )
    if from_edge:
        left[0], right[0] = left[0] - _unit(heading) * 4, right[0] - _unit(heading) * 4
    buckle(spot, board, [spine], max(2.0, gape * 1.2), rng)
    hairline = stroked(spot.size, [spine], max(0.8, board.thick * 0.35))
    opening = np.maximum(filled(spot.size, np.vstack([left, right[::-1]])), hairline)
    draw_opening(spot, board, opening, rng, board.thick * float(rng.uniform(0.8, 4.0)))
    return spot.put_back()


def _flap_tear(
    spot: BoardPatch, board: TornBoard, start: Points, heading: float, length: float, rng: np.random.Generator
) -> Painted | None:
    # Hinge from a to b; the torn flap stood over the apex and is folded back across the hinge.
    half = length * float(rng.uniform(0.25, 0.55))
    square = board.across if abs(np.sin(board.across - heading)) > 0.5 else heading + np.pi / 2
    middle = start + _unit(heading) * length * float(rng.uniform(0.35, 0.6))
    a, b = middle + _unit(square) * half * 0.9, middle - _unit(square) * half
    apex = start + _unit(square) * half * float(rng.uniform(-0.8, 0.8)) - _unit(heading) * 2
    finest = max(1.5, board.size * 0.006)
    corners = np.array([a, apex, b])
    if rng.random() < 0.5:  # a broad flap has two corners
        shift = _unit(square) * half * float(rng.uniform(0.2, 0.6))
        corners = np.array([a, apex + shift, apex - shift, b])
    torn = ragged(corners, float(rng.uniform(0.14, 0.34)), rng, finest)
    run = (b - a) / np.hypot(*(b - a))
    normal = np.array([-run[1], run[0]])
    height = (torn - a) @ normal
    fold = float(rng.uniform(0.25, 1.0)) if rng.random() < 0.8 else -float(rng.uniform(0.55, 0.9))
    flap = torn - np.outer(height * (1 + fold), normal)
    hinge = ragged(np.array([b, a]), 0.03, rng, finest * 3)
    buckle(spot, board, [hinge], max(2.0, board.size * 0.02), rng)
    draw_opening(
        spot, board, filled(spot.size, np.vstack([torn, hinge])), rng, board.thick * float(rng.uniform(0.6, 3.0))
    )
    draw_flap(spot, board, np.vstack([flap, hinge]), (a, b), rng)
    return spot.put_back()


def hole(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A puncture: a ragged opening with star-like rips at its rim and bent-in board around it."""
    size = extent(scene)
    radius = size * float(np.exp(rng.uniform(np.log(0.04), np.log(0.2))))
    at = on_face(scene, rng, radius * 1.2)
    if at is None:
        return None
    spot = patch(scene, at, radius * 3.0 + 14)
    centre = at - (spot.left, spot.top)
    board = TornBoard(spot, size, at, rng)
    count = int(rng.integers(4, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count)) + rng.normal(0, 0.1, count)
    far = radius * rng.uniform(0.45, 1.3, count)
    basis = np.column_stack(
        [_unit(board.along) * float(rng.uniform(0.8, 1.5)), _unit(board.across) * float(rng.uniform(0.6, 1))]
    )
    points = centre + (np.column_stack([np.cos(angles), np.sin(angles)]) * far[:, None]) @ basis.T
    outline = ragged(np.vstack([points, points[:1]]), float(rng.uniform(0.18, 0.4)), rng, max(1.5, size * 0.006))
    opening = filled(spot.size, outline)
    rips = []
    for point in points[rng.random(count) < 0.5]:
        away = point - centre
        rips.append(
            ragged(np.vstack([point - away * 0.1, point + away * float(rng.uniform(0.2, 0.9))]), 0.25, rng, 2.0)
        )
    # The board around is pressed in: a dish, shaded by the light.
    dx, dy = spot.offsets(centre)
    wide = radius * float(rng.uniform(0.8, 1.15))
    dish = np.exp(-(dx**2 + dy**2) / (2 * wide**2))
    slope = dish * (dx * board.light[0] + dy * board.light[1]) / radius
    spot.rgb = spot.rgb * (1 - np.clip(slope * float(rng.uniform(0.05, 0.35)), -0.3, 0.3) * spot.item)[..., None]
    if rips:
        opening = np.maximum(opening, stroked(spot.size, rips, max(0.9, board.thick * 0.45)))
    draw_opening(spot, board, opening, rng, board.thick * float(rng.uniform(0.8, 3.5)))
    for k in np.flatnonzero(rng.random(count) < 0.3):  # a tongue of board that hangs on
        a, b = points[k], points[(k + 1) % count]
        if 6 < np.hypot(*(b - a)) < 2.5 * radius:
            inward = float(rng.uniform(-0.7, 0.75))
            top = (a + b) / 2 + (centre - (a + b) / 2) * inward
            draw_flap(spot, board, np.vstack([ragged(np.array([a, top, b]), 0.25, rng, 2.0), a[None]]), (a, b), rng)
    return spot.put_back()


def burst_seam(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A seam, fold or edge of the carton that has burst open over a part of its length."""
    found = seam(scene, rng)
    if found is None:
        return None
    size = extent(scene)
    one, two = found
    whole = float(np.hypot(*(two - one)))
    length = min(whole, size * float(rng.uniform(0.15, 0.6)))
    first = float(rng.uniform(0, max(0.0, whole - length))) / whole
    start, end = one + (two - one) * first, one + (two - one) * (first + length / whole)
    spot = patch(scene, (start + end) / 2, length * 0.62 + 14)
    board = TornBoard(spot, size, start, rng)
    a, b = start - (spot.left, spot.top), end - (spot.left, spot.top)
    spine = ragged(np.array([a, b]), 0.04, rng, max(1.5, size * 0.008))
    share = np.linspace(0, 1, len(spine))
    peak = float(rng.uniform(0.2, 0.8))
    gape = length * float(np.exp(rng.uniform(np.log(0.025), np.log(0.15))))
    width = gape * np.minimum(share / peak, (1 - share) / (1 - peak)) ** 0.75
    run = (b - a) / max(1e-6, float(np.hypot(*(b - a))))
    normal = np.array([-run[1], run[0]]) * float(rng.choice([-1, 1]))
    wander = cv2.blur(rng.normal(0, 1, (len(spine), 1)), (1, 5)) * board.thick * 0.5
    left, right = (
        spine + normal * (width[:, None] + wander * (share * (1 - share))[:, None] * 4),
        spine - normal * (width * 0.15)[:, None],
    )
    buckle(spot, board, [spine], max(2.0, gape), rng)
    draw_opening(
        spot, board, filled(spot.size, np.vstack([left, right[::-1]])), rng, board.thick * float(rng.uniform(0.5, 2.5))
    )
    return spot.put_back()


def torn_off(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A piece of the board torn off at a corner or an edge: what is behind shows past a ragged, fibrous rim."""
    size = extent(scene)
    place = corner(scene, rng) if rng.random() < 0.5 else None
    place = place or on_outline(scene, rng)
    if place is None or not place.shown:
        return None
    deep = size * float(np.exp(rng.uniform(np.log(0.08), np.log(0.28))))
    half = deep * float(rng.uniform(0.7, 2.2))
    spot = patch(scene, place.at, 1.6 * max(deep, half) + 14)
    board = TornBoard(spot, size, place.at, rng)
    at = place.at - (spot.left, spot.top)
    way = _unit(place.inward)
    side = np.array([-way[1], way[0]])
    cuts = np.array(
        [
            at + side * half - way * deep * 0.3,
            at + side * half * float(rng.uniform(0.2, 0.7)) + way * deep * float(rng.uniform(0.5, 1)),
            at - side * half * float(rng.uniform(0.2, 0.7)) + way * deep * float(rng.uniform(0.5, 1)),
            at - side * half - way * deep * 0.3,
        ]
    )
    torn = ragged(cuts, float(rng.uniform(0.12, 0.3)), rng, max(1.5, size * 0.006))
    outside = np.array([cuts[-1] - way * 4 * deep, cuts[0] - way * 4 * deep])
    opening = filled(spot.size, np.vstack([torn, outside]))
    # The item's mask may miss its last pixels, which would stay behind as a ghost of the old outline.
    rim = max(3, int(0.02 * size)) | 1
    grown = cv2.dilate(spot.item, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (rim, rim)))
    spot.item = np.maximum(spot.item, np.asarray(grown, np.float32) * opening)
    shown = behind(spot, opening * spot.item, -way, deep, rng)
    if shown is not None and float(np.abs(tone(spot, opening) - np.median(shown[opening > 0.5], axis=0)).max()) < 20:
        return None  # board on board, or an outline that is none: nobody would see it missing
    if shown is not None and rng.random() < 0.15:
        shown = None  # a wall of the carton hides what is behind it: only its dark inside shows
    draw_opening(spot, board, opening, rng, board.thick * float(rng.uniform(1.0, 5.0)), shown)
    return spot.put_back()
