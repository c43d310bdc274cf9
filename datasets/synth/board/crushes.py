"""Board that is pressed in: knocked-in corners and edges, dented faces, crumpled and creased board.

Crushed board breaks into facets along creases; each facet tilts its own way and takes the light accordingly. Facets
are drawn as the cells of a Voronoi diagram; a knocked-in outline moves by a warp and uncovers what lies behind.
"""

import math

import cv2
import numpy as np

from regrade.datasets.synth.board.material import (
    BoardPatch,
    Floats,
    Points,
    behind,
    blur,
    changed,
    directions,
    extent,
    lay,
    light_from,
    noise,
    patch,
    sampled,
    shaded,
    shifted,
)
from regrade.datasets.synth.board.places import BoardSpot, corner, on_face, on_outline, seam
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene


def _facets(
    size: tuple[int, int], seeds: Points, tilts: Floats, basis: Points, rng: np.random.Generator, wave: float
) -> tuple[Floats, Floats]:
    """The tilts (n, 2) of the facets around `seeds`, spread over (h, w, 2), and how far the next facet is, in pixels.

    `basis` stretches the cells: distances are measured after multiplying by it. `wave` bends the creases, in pixels.
    """
    h, w = size
    scale = min(1.0, 224 / max(h, w))
    small = (max(4, round(h * scale)), max(4, round(w * scale)))
    y, x = np.mgrid[: small[0], : small[1]].astype(np.float32) / np.float32(scale)
    grain = max(6.0, wave * scale * 8)
    x = x + noise(small, grain, rng, 2) * np.float32(wave)
    y = y + noise(small, grain, rng, 2) * np.float32(wave)
    p, q = x * basis[0, 0] + y * basis[0, 1], x * basis[1, 0] + y * basis[1, 1]
    p, q = p.astype(np.float32), q.astype(np.float32)
    first, second = np.full(small, 1e12, np.float32), np.full(small, 1e12, np.float32)
    cell = np.zeros(small, np.intp)
    for number, (a, b) in enumerate((seeds @ basis.T).astype(np.float32)):
        far = (p - a) ** 2 + (q - b) ** 2
        nearer = far < first
        second = np.where(nearer, first, np.minimum(second, far))
        cell[nearer] = number
        first = np.minimum(first, far)
    gap = np.sqrt(second) - np.sqrt(first)
    spread = cv2.resize(tilts[cell], (w, h), interpolation=cv2.INTER_LINEAR)
    gap = cv2.resize(gap, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(spread, np.float32), np.asarray(gap, np.float32)


def _crumple(
    spot: BoardPatch,
    field: Mask,
    seeds: Points,
    tilts: Floats,
    along: float,
    light: tuple[float, float],
    rng: np.random.Generator,
    *,
    depth: float,
    cell: float,
) -> None:
    """Break the board under `field` into facets: their shade, the shift of what is printed on them, their creases.

    `tilts` (n, 2) are the slopes of the facets, of about 1; `depth` in [0, 1] is how hard the board was bent; `cell`
    is the size of a facet in pixels. Facets are longer along `along`.
    """
    tilt, gap = _facets(spot.size, seeds, tilts, _basis(along, float(rng.uniform(1.2, 2.6))), rng, cell * 0.07)
    crease = np.exp(-((gap / 2.4) ** 2)).astype(np.float32)
    # Some creases are sharp and some round: a mask decides where.
    sharp = np.clip(0.6 + noise(spot.size, cell * 1.5, rng) * 1.2, 0, 1)
    tilt = tilt * sharp[..., None] + blur(tilt, cell * 0.12) * (1 - sharp[..., None])
    tilt = blur(tilt, max(0.6, cell * 0.015))
    shift = field * cell * 0.10 * depth
    round_tilt = blur(tilt, cell * 0.06)
    spot.rgb = sampled(spot.rgb, round_tilt[..., 0] * shift, round_tilt[..., 1] * shift)
    slope = tilt[..., 0] * light[0] + tilt[..., 1] * light[1]
    # Board bends near its creases and stays flatter between them.
    slope = slope * (0.3 + 0.7 * np.exp(-gap / (cell * float(rng.uniform(0.12, 0.4)))))
    ripple = noise(spot.size, cell * 0.5, rng, 2) * 0.12
    slope = slope + ripple
    shade = 1 + np.where(slope < 0, np.maximum(slope * 0.3, -0.32), np.minimum(slope * 0.2, 0.22)) * depth * field
    spot.rgb = shaded(spot.rgb, shade.astype(np.float32))
    # A crease is a fold: a dark valley with a lit shoulder; where the liner cracked it is pale.
    fade = np.clip(0.25 + noise(spot.size, cell * 0.9, rng, 2) * 1.1, 0, 1) * field * depth
    step = max(0.8, cell * 0.02)
    valley = np.clip(shifted(crease, light[0] * step * 0.5, light[1] * step * 0.5), 0, 1)
    spot.rgb = shaded(spot.rgb, 1 - 0.42 * valley * fade)
    shoulder = np.clip(shifted(crease, -light[0] * step, -light[1] * step) - 0.6 * valley, 0, 1) * fade
    spot.rgb = lay(spot.rgb, np.clip(spot.rgb * 1.18 + 16, 0, 252), shoulder * 0.8)


def _bowl_tilts(seeds: Points, centre: Points, radius: float, pull: float, rng: np.random.Generator) -> Floats:
    """Slopes of the facets of a hollow around `centre`: they lean inwards by `pull`, and each a little its own way."""
    off = seeds - centre
    far = np.hypot(*off.T)[:, None] / radius
    lean = off / np.maximum(np.hypot(*off.T)[:, None], 1e-6) * np.clip(1.6 * far, 0, 1) * np.clip(2.0 - far, 0, 1)
    return np.asarray(-lean * pull + rng.normal(0, 0.7, seeds.shape), np.float32)


def light_creases(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Faint creases and an uneven sheen, as any carton in use has: too little for damage."""
    size = extent(scene)
    radius = size * float(rng.uniform(0.15, 0.4))
    at = on_face(scene, rng, 0.1 * size)
    if at is None:
        return None
    spot = patch(scene, at, radius * 1.7 + 10)
    centre = at - (spot.left, spot.top)
    dx, dy = spot.offsets(centre)
    edge = np.hypot(dx, dy) / radius * (1 + 0.4 * noise(spot.size, radius * 0.8, rng, 2))
    field = (np.clip(1.8 - 1.7 * edge, 0, 1) * spot.item).astype(np.float32)
    cell = radius * float(rng.uniform(0.5, 1.0))
    seeds = _seeds(centre, radius * 1.3, cell, rng)
    tilts = rng.normal(0, 0.6, seeds.shape).astype(np.float32)
    along = float(rng.choice(directions(scene, at, rng)))
    _crumple(spot, field, seeds, tilts, along, light_from(rng), rng, depth=float(rng.uniform(0.12, 0.28)), cell=cell)
    spot.mask = field
    return spot.put_back()


def _seeds(centre: Points, reach: float, cell: float, rng: np.random.Generator) -> Points:
    count = int(np.clip(4 * (reach / cell) ** 2, 7, 60))
    return centre + rng.uniform(-1.15, 1.15, (count, 2)) * reach


def _basis(along: float, stretch: float) -> Points:
    """Distances along `along` count `stretch` times less: facets are longer that way."""
    c, s = math.cos(along), math.sin(along)
    return np.array([[c / stretch, s / stretch], [-s, c]])


def _knock_in(
    spot: BoardPatch, at: Points, inward: float, depth: float, reach: float, rng: np.random.Generator
) -> Mask | None:
    """Push the item's outline at `at` inwards by `depth`; returns where pixels moved. None without background."""
    c, s = math.cos(inward), math.sin(inward)
    rx, ry = spot.offsets(at)
    lengthwise, sideways = rx * c + ry * s, ry * c - rx * s
    skew = float(rng.normal(0, 0.25))
    wobble = 1 + 0.45 * noise(spot.size, reach * 0.35, rng, 3)
    fall = np.exp(-(((sideways + skew * lengthwise) / (0.62 * reach)) ** 2)) * np.exp(-((lengthwise / reach) ** 2))
    push = (depth * fall * np.clip(wobble, 0.2, 1.9)).astype(np.float32)
    dx, dy = -push * c, -push * s
    item = np.asarray(
        cv2.remap(spot.item, spot.x + dx, spot.y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    gone = np.clip(spot.item - item, 0, 1)
    backdrop = behind(spot, gone, np.array([-c, -s]), depth, rng)
    if backdrop is None:
        return None
    moved = sampled(spot.rgb, dx, dy)
    changed = np.clip(blur(spot.item, 1.0) * 2, 0, 1)
    # The new edge's own shadow falls on what is behind it.
    contact = np.clip(blur(item, max(1.0, depth * 0.25)) * 0.9, 0, 0.5) * gone
    bare = backdrop * (1 - contact)[..., None]
    spot.rgb = lay(spot.rgb, lay(bare, moved, item), np.maximum(changed, gone))
    spot.item = item
    return np.asarray(np.clip(np.maximum(push / max(1.0, 0.35 * depth), gone * 1.5), 0, 1), np.float32)


def _at_outline(scene: PhotoScene, place: BoardSpot, share: float, rng: np.random.Generator) -> Painted | None:
    size = extent(scene)
    reach = size * share
    spot = patch(scene, place.at, reach * 2.1 + 14)
    at = place.at - (spot.left, spot.top)
    depth = reach * float(rng.uniform(0.18, 0.55))
    harsh = float(np.clip(depth / reach * 1.3 + rng.uniform(0.1, 0.5), 0.35, 1))
    was = spot.item
    moved = _knock_in(spot, at, place.inward, depth, reach, rng)
    if moved is None:
        return None
    light = light_from(rng)
    way = np.array([np.cos(place.inward), np.sin(place.inward)])
    heart = at + way * depth * 0.8
    hx, hy = spot.offsets(heart)
    near = np.exp(-(((hx**2 + hy**2) / (reach * 0.8) ** 2) ** 1.5)).astype(np.float32)
    field = near * np.clip(0.75 + 0.5 * noise(spot.size, reach * 0.3, rng, 2), 0, 1.2) * spot.item
    cell = reach * float(rng.uniform(0.22, 0.5))
    along = place.inward + (np.pi / 2 if rng.random() < 0.6 else 0.0) + float(rng.normal(0, 0.3))
    seeds = _seeds(heart, reach, cell, rng)
    tilts = _bowl_tilts(seeds, heart, reach, float(rng.uniform(0.2, 1.0)), rng)
    _crumple(spot, np.clip(field, 0, 1), seeds, tilts, along, light, rng, depth=harsh, cell=cell)
    spot.mask = np.maximum(changed(spot, 5.0, max(2.0, 0.05 * reach)), np.clip(was - spot.item, 0, 1))
    return spot.put_back()


def crushed_corner(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A corner of the item knocked in, with creases around it."""
    place = corner(scene, rng)
    share = float(np.exp(rng.uniform(np.log(0.14), np.log(0.36))))
    return None if place is None else _at_outline(scene, place, share, rng)


def crushed_edge(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """An edge of the item pressed in."""
    place = on_outline(scene, rng)
    share = float(np.exp(rng.uniform(np.log(0.13), np.log(0.32))))
    return None if place is None else _at_outline(scene, place, share, rng)


def dent(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A face pushed in: a hollow with a shaded and a lit side, what is printed on it bent, buckled at its rim."""
    size = extent(scene)
    radius = size * float(np.exp(rng.uniform(np.log(0.12), np.log(0.32))))
    at = on_face(scene, rng, radius * 0.7)
    if at is None:
        return None
    spot = patch(scene, at, radius * 2.2 + 14)
    centre = at - (spot.left, spot.top)
    along = float(rng.choice(directions(scene, at, rng)))
    light = light_from(rng)
    c, s = math.cos(along), math.sin(along)
    stretch = float(rng.uniform(1.0, 2.0))
    dx, dy = spot.offsets(centre)
    u = (dx * c + dy * s) / (radius * stretch**0.5)
    v = (dy * c - dx * s) / (radius / stretch**0.5)
    warped = np.hypot(u, v) * (1 + 0.28 * noise(spot.size, radius * 0.7, rng, 2))
    steps = np.clip((warped - 0.85) * float(rng.uniform(5, 14)), -30, 30)
    bowl = (1 / (1 + np.exp(steps))).astype(np.float32)
    depth = radius * float(rng.uniform(0.10, 0.35))
    deep = blur(bowl, radius * 0.08) * depth
    gx, gy = cv2.Sobel(deep, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(deep, cv2.CV_32F, 0, 1, scale=0.125)
    spot.rgb = sampled(spot.rgb, gx * depth * 0.7 * spot.item, gy * depth * 0.7 * spot.item)
    steep = float(np.percentile(np.hypot(gx, gy), 99)) + 1e-6
    slope = (gx * light[0] + gy * light[1]) / steep
    shade = np.where(slope < 0, slope * float(rng.uniform(0.05, 0.2)), slope * float(rng.uniform(0.03, 0.12)))
    spot.rgb = shaded(spot.rgb, (1 + (shade - float(rng.uniform(0, 0.06)) * bowl) * spot.item).astype(np.float32))
    cell = radius * float(rng.uniform(0.4, 0.9))
    rim = np.clip(1.2 * np.exp(-(((warped - 0.8) / 0.4) ** 2)) + 0.5 * bowl, 0, 1) * spot.item
    seeds = _seeds(centre, radius * 1.3, cell, rng)
    tilts = _bowl_tilts(seeds, centre, radius, float(rng.uniform(0.4, 1.4)), rng)
    _crumple(
        spot, rim.astype(np.float32), seeds, tilts, along, light, rng, depth=float(rng.uniform(0.6, 1.05)), cell=cell
    )
    spot.mask = changed(spot, 4.0, max(2.0, radius * 0.06)) * np.clip(2.2 - warped, 0, 1)
    return spot.put_back()


def crumpled(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A larger part of the board crumpled or wrinkled, over a face or along a fold, with many creases."""
    size = extent(scene)
    radius = size * float(np.exp(rng.uniform(np.log(0.14), np.log(0.45))))
    fold = seam(scene, rng) if rng.random() < 0.4 else None
    at = on_face(scene, rng, 0.15 * size) if fold is None else fold[0] + (fold[1] - fold[0]) * float(rng.uniform(0, 1))
    if at is None:
        return None
    spot = patch(scene, at, radius * 1.7 + 10)
    centre = at - (spot.left, spot.top)
    along = float(rng.choice(directions(scene, at, rng)))
    stretch = float(rng.uniform(1, 1.6))
    if fold is not None:
        along, stretch = float(np.arctan2(*(fold[1] - fold[0])[::-1])), float(rng.uniform(1.4, 2.4))
    c, s = math.cos(along), math.sin(along)
    dx, dy = spot.offsets(centre)
    u = (dx * c + dy * s) / stretch**0.5
    v = (dy * c - dx * s) * stretch**0.5
    edge = np.hypot(u, v) / radius * (1 + 0.4 * noise(spot.size, radius * 0.8, rng, 3))
    field = (np.clip(1.8 - 1.7 * edge, 0, 1) * spot.item).astype(np.float32)
    light = light_from(rng)
    depth = float(rng.uniform(0.65, 1.1))
    coarse = radius * float(rng.uniform(0.3, 0.6))
    seeds = _seeds(centre, radius * 1.3, coarse, rng)
    tilts = rng.normal(0, 0.8, seeds.shape).astype(np.float32)
    _crumple(spot, field, seeds, tilts, along, light, rng, depth=depth, cell=coarse)
    if rng.random() < 0.6:
        fine = coarse * float(rng.uniform(0.4, 0.65))
        more = field * np.clip(noise(spot.size, radius * 0.5, rng, 2) * 1.5, 0, 1)
        seeds = _seeds(centre, radius, fine, rng)
        tilts = rng.normal(0, 0.7, seeds.shape).astype(np.float32)
        _crumple(spot, more, seeds, tilts, along + 0.6, light, rng, depth=depth * 0.8, cell=fine)
    spot.mask = changed(spot, 4.0, max(2.0, radius * 0.05)) * (field > 0)
    return spot.put_back()
