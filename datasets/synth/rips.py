"""Board that is torn through: rips with a flap folded back, punctures, burst seams.

What makes a real tear look like one: the opening is dark but not black, darkest below its upper lip; one lip shows
the board's thickness with its flutes; the liner is pulled off raggedly beside it and shows pale fibre; the flap shows
the board's other side and throws a shadow.
"""

import cv2
import numpy as np

from regrade.datasets.synth.board import (
    Patch,
    Points,
    blur,
    core_colour,
    directions,
    extent,
    fibre,
    filled,
    flutes,
    lay,
    light_from,
    noise,
    patch,
    photo_grain,
    ragged,
    shifted,
    stroked,
    tone,
)
from regrade.datasets.synth.places import on_face, on_outline, seam
from regrade.datasets.synth.scene import Mask, Painted, Scene


def _unit(angle: float) -> Points:
    return np.array([np.cos(angle), np.sin(angle)])


class _Board:
    """What a tear needs to know of the board around it."""

    def __init__(self, spot: Patch, size: float, at: Points, rng: np.random.Generator) -> None:
        one, two = directions(spot.scene, at, rng)
        self.along, self.across = (one, two) if rng.random() < 0.5 else (two, one)
        self.light = light_from(rng)
        self.surface = tone(spot, np.ones(spot.size, np.float32))
        self.core = core_colour(spot, self.surface, rng)
        self.pitch = max(2.6, size * float(rng.uniform(0.010, 0.022)))
        self.thick = max(1.2, size * float(rng.uniform(0.005, 0.012)))
        self.flutes = flutes(spot, self.pitch, self.along, rng)
        self.fibre = fibre(spot.size, rng)
        self.size = size


def _open(spot: Patch, board: _Board, opening: Mask, rng: np.random.Generator, peel: float) -> None:
    """Draw the opening, the lip that shows the board's thickness, and the liner pulled off around it.

    `peel` is how far the liner came off, in pixels.
    """
    opening = opening * spot.item
    grain = photo_grain(spot, rng)
    away = cv2.distanceTransform((opening < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    # The liner comes off further on some sides than on others, and along the flutes.
    reach = peel * np.clip(0.25 + noise(spot.size, 5 * peel + 6, rng, 3) * 0.9, 0.0, 2.0)
    fray = noise(spot.size, max(2.0, peel * 0.5), rng, 2) * peel * 0.25
    bared = blur(((away + fray < reach) & (away < 3 * peel)).astype(np.float32), 0.5) * spot.item
    bare = board.core * (1 + 0.09 * board.flutes + 0.07 * board.fibre)[..., None]
    deep = np.clip(blur(bared, max(0.6, board.thick * 0.3)) * 1.2 - 0.1, 0, 1)
    shade = 1 + 0.35 * (shifted(deep, board.light[0], board.light[1]) - shifted(deep, -board.light[0], -board.light[1]))
    spot.rgb = lay(spot.rgb, bare * np.clip(shade, 0.6, 1.25)[..., None] + grain, bared * 0.92)
    # A rim of torn paper, paler than the board, where the liner ends.
    rim = np.clip(blur(bared, 0.8) * (1 - bared) * 3.2, 0, 1) * np.clip(0.6 + board.fibre, 0, 1) * spot.item
    spot.rgb = lay(spot.rgb, np.clip(board.core * 1.12 + 16, 0, 250), rim * 0.55)
    # The inside: what little light falls in comes from the open side.
    dark = float(rng.uniform(0.10, 0.30))
    depth = blur(opening, max(1.0, board.size * 0.012))
    lit = shifted(depth, board.light[0] * board.thick * 2, board.light[1] * board.thick * 2)
    inside = (
        board.core * (dark * (1.35 - 0.75 * lit) * (1 + 0.25 * noise(spot.size, board.size * 0.06, rng, 2)))[..., None]
    )
    spot.rgb = lay(spot.rgb, inside * np.array([0.95, 0.92, 0.9], np.float32) + 4 + grain, blur(opening, 0.45))
    # The far lip's cut edge: two liners with the wave between them.
    wide = board.thick * float(rng.uniform(0.7, 1.4))
    lip = opening * (1 - shifted(opening, -board.light[0] * wide * -1.0, -board.light[1] * wide * -1.0))
    # `light` points to the light; the lip that faces it is on the opening's other side.
    facing = opening * (1 - shifted(opening, board.light[0] * wide, board.light[1] * wide))
    lip = facing if rng.random() < 0.85 else lip
    cells = 0.5 + 0.5 * np.sign(board.flutes) * np.minimum(1, np.abs(board.flutes) * 2)
    edge = board.core * (0.72 + 0.3 * cells + 0.08 * board.fibre)[..., None]
    spot.rgb = lay(spot.rgb, np.clip(edge, 0, 250) + grain, np.clip(lip, 0, 1) * 0.9)
    # A hair of pale paper on the edge itself.
    hair = np.clip(1 - np.abs(away - 0.8), 0, 1) * np.clip(0.35 + 0.9 * board.fibre, 0, 1) * spot.item * (opening < 0.5)
    spot.rgb = lay(spot.rgb, np.clip(board.core * 1.15 + 20, 0, 252), hair.astype(np.float32) * 0.6)
    spot.mask = np.maximum(spot.mask, np.maximum(opening, bared * 0.8))


def _flap(spot: Patch, board: _Board, outline: Points, hinge: tuple[Points, Points], rng: np.random.Generator) -> None:
    """Draw a flap folded back over the hinge: its inner side, its shadow, its torn edge."""
    shape = filled(spot.size, outline)
    lift = board.size * float(rng.uniform(0.008, 0.03))
    shadow = blur(shifted(shape, -board.light[0] * lift, -board.light[1] * lift), lift * 0.6)
    grain = photo_grain(spot, rng)
    spot.rgb = spot.rgb * (1 - 0.55 * np.clip(shadow - shape, 0, 1))[..., None]
    a, b = hinge
    run = (b - a) / max(1e-6, float(np.hypot(*(b - a))))
    far = np.abs(-(spot.x - a[0]) * run[1] + (spot.y - a[1]) * run[0])
    share = far / max(1.0, float((far * (shape > 0.5)).max()))
    curl = 1 + float(rng.uniform(-0.28, 0.22)) * (share - 0.3) + float(rng.uniform(-0.15, 0.12))
    curl = curl - 0.35 * np.exp(-((share / 0.07) ** 2))
    buckle = noise(spot.size, board.size * 0.09, rng, 2) * 0.07
    side = board.core * float(rng.uniform(0.9, 1.1))
    face = side * (curl + buckle + 0.045 * board.flutes + 0.025 * board.fibre)[..., None]
    if rng.random() < 0.35:  # its liner came off too: bare flutes
        ridges = np.clip(0.5 + 0.9 * noise(spot.size, board.size * 0.12, rng, 2), 0, 1)[..., None]
        face = face * (1 - ridges) + board.core * (0.88 + 0.2 * board.flutes + 0.05 * board.fibre)[..., None] * ridges
    spot.rgb = lay(spot.rgb, np.clip(face, 0, 250) + grain, blur(shape, 0.4))
    rim = np.clip(shape - shifted(shape, *(-np.array(board.light) * max(1.0, board.thick * 0.5))), 0, 1)
    spot.rgb = lay(spot.rgb, np.clip(board.core * 1.15 + 18, 0, 252), rim * np.clip(0.5 + board.fibre, 0, 1) * 0.7)
    under = np.clip(shape - shifted(shape, *(np.array(board.light) * max(1.0, board.thick * 0.6))), 0, 1)
    spot.rgb = lay(spot.rgb, board.core * 0.5, under * 0.55)
    spot.mask = np.maximum(spot.mask, shape)


def _buckled(spot: Patch, board: _Board, paths: list[Points], reach: float, rng: np.random.Generator) -> None:
    """The board beside a tear stands up or sinks: one side catches light, the other lies in shade."""
    line = stroked(spot.size, paths, max(1.5, board.thick))
    bump = blur(line, reach) * reach * 2.5
    gx, gy = cv2.Sobel(bump, cv2.CV_32F, 1, 0, scale=0.25), cv2.Sobel(bump, cv2.CV_32F, 0, 1, scale=0.25)
    shade = 1 + np.clip((gx * board.light[0] + gy * board.light[1]) * float(rng.uniform(-0.5, 0.5)), -0.25, 0.25)
    spot.rgb = spot.rgb * (1 + (shade - 1) * spot.item)[..., None]


def tear(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """A tear through the board: a rip that gapes, or an L- or V-shaped tear with its flap folded back."""
    size = extent(scene)
    length = size * float(np.exp(rng.uniform(np.log(0.13), np.log(0.6))))
    place = on_outline(scene, rng) if rng.random() < 0.6 else None
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
    board = _Board(spot, size, start, rng)
    if rng.random() < 0.45:
        return _rip(spot, board, origin, heading, length, rng, from_edge=place is not None)
    return _flap_tear(spot, board, origin, heading, length, rng)


def _rip(
    spot: Patch,
    board: _Board,
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
    _buckled(spot, board, [spine], max(2.0, gape * 1.2), rng)
    hairline = stroked(spot.size, [spine], max(0.8, board.thick * 0.35))
    opening = np.maximum(filled(spot.size, np.vstack([left, right[::-1]])), hairline)
    _open(spot, board, opening, rng, board.thick * float(rng.uniform(0.8, 4.0)))
    return spot.put_back()


def _flap_tear(
    spot: Patch, board: _Board, start: Points, heading: float, length: float, rng: np.random.Generator
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
    flap += ragged(np.array([[0.0, 0], [1e-3, 0]]), 0, rng, 1)[0]
    hinge = ragged(np.array([b, a]), 0.03, rng, finest * 3)
    _buckled(spot, board, [hinge], max(2.0, board.size * 0.02), rng)
    _open(spot, board, filled(spot.size, np.vstack([torn, hinge])), rng, board.thick * float(rng.uniform(0.6, 3.0)))
    _flap(spot, board, np.vstack([flap, hinge]), (a, b), rng)
    return spot.put_back()


def hole(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """A puncture: a ragged opening with star-like rips at its rim and bent-in board around it."""
    size = extent(scene)
    radius = size * float(np.exp(rng.uniform(np.log(0.03), np.log(0.2))))
    at = on_face(scene, rng, radius * 1.2)
    if at is None:
        return None
    spot = patch(scene, at, radius * 3.4 + 14)
    centre = at - (spot.left, spot.top)
    board = _Board(spot, size, at, rng)
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
    dish = np.exp(
        -(((spot.x - centre[0]) ** 2 + (spot.y - centre[1]) ** 2) / (2 * (radius * float(rng.uniform(1.1, 1.7))) ** 2))
    )
    slope = dish * ((spot.x - centre[0]) * board.light[0] + (spot.y - centre[1]) * board.light[1]) / radius
    spot.rgb = spot.rgb * (1 - np.clip(slope * float(rng.uniform(0.05, 0.35)), -0.3, 0.3) * spot.item)[..., None]
    if rips:
        opening = np.maximum(opening, stroked(spot.size, rips, max(0.9, board.thick * 0.45)))
    _open(spot, board, opening, rng, board.thick * float(rng.uniform(0.8, 3.5)))
    for k in np.flatnonzero(rng.random(count) < 0.3):  # a tongue of board that hangs on
        a, b = points[k], points[(k + 1) % count]
        if 6 < np.hypot(*(b - a)) < 2.5 * radius:
            inward = float(rng.uniform(-0.7, 0.75))
            top = (a + b) / 2 + (centre - (a + b) / 2) * inward
            _flap(spot, board, np.vstack([ragged(np.array([a, top, b]), 0.25, rng, 2.0), a[None]]), (a, b), rng)
    return spot.put_back()


def burst_seam(scene: Scene, rng: np.random.Generator) -> Painted | None:
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
    board = _Board(spot, size, start, rng)
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
    _buckled(spot, board, [spine], max(2.0, gape), rng)
    _open(
        spot, board, filled(spot.size, np.vstack([left, right[::-1]])), rng, board.thick * float(rng.uniform(0.5, 2.5))
    )
    return spot.put_back()
