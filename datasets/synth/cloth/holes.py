"""Holes and rips: openings in cloth with what is seen through them, frayed rims and distorted weave."""

from typing import Final

import cv2
import numpy as np

from regrade.datasets.synth.cloth.fabric import (
    FabricWindow,
    Floats,
    Points,
    blend,
    blur,
    log_uniform,
    noise,
    patch,
    patch_on,
    seen,
    shape_field,
    shift,
    smooth,
    spot,
    strokes,
    thread,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene

_SKIN: Final = np.array([(224, 184, 158), (198, 150, 120), (141, 98, 74), (92, 62, 48)], np.float32)
_LEAST_STEP: Final = 26.0
"""Grey levels by which what is seen through a hole must differ from the cloth around it."""


def _through(spot: FabricWindow, opening: Mask, rng: np.random.Generator) -> Floats:
    """(h, w, 3) what shows inside an opening: the garment's own dark inside, skin, a lining, or a pale table."""
    kind = rng.random()
    far = spot.radius * float(rng.uniform(0.5, 1.2)) * np.ones(spot.shape, np.float32)
    turn = float(rng.uniform(0, 2 * np.pi))
    # The garment's other side, with its print or stripes, out of the light.
    other = shift(spot.rgb, far * np.float32(np.cos(turn)), far * np.float32(np.sin(turn)))
    inside = np.asarray((0.65 * other + 0.35 * spot.cloth) * float(rng.uniform(0.2, 0.6)), np.float32)
    if kind < 0.15:
        inside = _SKIN[int(rng.integers(len(_SKIN)))] * np.float32(rng.uniform(0.6, 0.95))
    elif kind < 0.28:
        inside = np.asarray(rng.uniform(60, 235, 3) * 0.25 + rng.uniform(25, 165), np.float32)
    elif kind < 0.45:
        inside = np.full(3, rng.uniform(6, 40), np.float32)
    if abs(float(inside.mean()) - spot.brightness) < _LEAST_STEP:
        inside = inside - 50 if spot.brightness > 60 else inside + 80
    # The layer above throws its shadow on what lies beneath it, more so on the side where the light comes from.
    lean = rng.uniform(-0.7, 0.7)
    deep = max(1.0, spot.radius * float(rng.uniform(0.05, 0.2)))
    moved = cv2.warpAffine(
        opening, np.array([[1, 0, lean * deep], [0, 1, deep]], np.float32), (opening.shape[1], opening.shape[0])
    )
    lit = 0.45 + 0.55 * blur(np.asarray(moved, np.float32), deep * 0.6)
    relief = 1 + 0.08 * noise(spot.shape, max(2.0, spot.radius * 0.3), rng, 3) + 0.05 * noise(spot.shape, 1.3, rng)
    return np.asarray(np.clip(inside, 4, 250) * (lit * relief * np.sqrt(spot.shade))[..., None], np.float32)


def _rim(opening: Mask, rng: np.random.Generator, count: int) -> tuple[Points, Points]:
    """Random points on the outline of an opening, and the angle that points into it at each."""
    binary = (opening > 0.5).astype(np.uint8)
    contours = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not contours:
        return np.zeros((0, 2)), np.zeros(0)
    points = np.concatenate([np.asarray(c).reshape(-1, 2) for c in contours])
    chosen = points[rng.integers(0, len(points), count)]
    soft = blur(opening, 2.0)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    at = chosen[:, 1], chosen[:, 0]
    return chosen + rng.uniform(-0.5, 0.5, chosen.shape), np.arctan2(dy[at], dx[at])


def yarn(spot: FabricWindow, rng: np.random.Generator) -> Floats:
    """The colour of loose threads: the cloth's, paler where its dye never reached, as in denim."""
    pale = float(rng.uniform(0, 0.3)) if rng.random() < 0.75 else float(rng.uniform(0.3, 0.7))
    return np.asarray(spot.cloth * (1 - pale) + 238 * pale, np.float32)


def _fray(
    spot: FabricWindow, out: Floats, opening: Mask, rng: np.random.Generator, per_radius: float
) -> tuple[Floats, Mask]:
    """Thread ends around the rim, most of them reaching into the opening; and the soft fuzz between them."""
    rim = float((cv2.morphologyEx((opening > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2)))).sum())
    count = int(np.clip(rim * per_radius * 0.14, 3, 120))
    points, angles = _rim(opening, rng, count)
    reach = max(1.5, spot.radius * float(rng.uniform(0.1, 0.35)))
    width = max(0.3, spot.scene.size[0] / 640 * float(rng.uniform(0.4, 0.8)))
    lines, widths = [], []
    for point, angle in zip(points, angles, strict=True):
        turn = angle + float(rng.normal(0, 0.7))
        length = reach * float(rng.gamma(1.6, 0.5))
        start = point - 0.15 * length * np.array([np.cos(turn), np.sin(turn)])
        lines.append(thread(start, turn, length, 0.7, rng))
        widths.append(width * float(rng.uniform(0.6, 1.3)))
    threads = strokes(spot.shape, lines, widths) if lines else np.zeros(spot.shape, np.float32)
    under = np.roll(threads, 1, axis=0) * opening  # their shadow
    out = blend(out, np.zeros(3, np.float32), under * 0.25)
    shade = (0.85 + 0.3 * rng.random()) * np.sqrt(spot.shade)[..., None]
    return blend(out, np.asarray(yarn(spot, rng) * shade, np.float32), threads * 0.9), threads


def _pucker(spot: FabricWindow, field: Floats, rng: np.random.Generator, strength: float) -> Floats:
    """(h, w) shading of the small folds that run away from an opening, 1 where there are none."""
    u, v = spot.grid
    angle = np.arctan2(v, u)
    wave = np.zeros(spot.shape, np.float32)
    for folds in rng.integers(2, 8, 3):
        wave += np.sin(angle * folds + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    near = np.exp(-np.clip(-field, 0, None) * 2.2)
    return np.asarray(1 + strength * wave / 3 * near, np.float32)


def _open(
    spot: FabricWindow,
    field: Floats,
    rng: np.random.Generator,
    fray: float,
    out: Floats | None = None,
    rough: float = 0.1,
) -> Painted | None:
    """Cut `field` > 0 out of the cloth: what lies beneath, a lit and shaded rim, pucker, frayed threads."""
    # Ragged at the scale of single threads, however large the hole.
    ragged = field + noise(spot.shape, max(1.5, spot.radius * 0.12), rng, 3) * min(rough, 1.5 / spot.radius)
    opening = smooth(ragged, float(rng.uniform(1.5, 2.8)) / spot.radius)
    base = spot.rgb if out is None else out
    cloth = base * _pucker(spot, field, rng, float(rng.uniform(0.03, 0.14)))[..., None]
    # The rim curls: one side catches the light, the other turns away from it.
    broad = blur(opening, max(1.0, spot.radius * float(rng.uniform(0.04, 0.1))))
    side = cv2.Sobel(broad, cv2.CV_32F, 0, 1) + float(rng.uniform(-0.6, 0.6)) * cv2.Sobel(broad, cv2.CV_32F, 1, 0)
    side = side / (float(np.abs(side).max()) + 1e-6)
    band = np.clip(broad * 2, 0, 1) * (1 - opening)
    cloth = cloth * (1 + band * (float(rng.uniform(0.02, 0.14)) - 0.22 * side))[..., None]
    out = blend(np.asarray(cloth, np.float32), _through(spot, opening, rng), opening)
    out, threads = _fray(spot, out, opening, rng, fray)
    return seen(spot, out, np.maximum(opening, blur(threads, 0.8) * 0.8))


def hole(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A worn-through or burnt hole, from a pinprick to a fist."""
    spot = patch_on(scene, rng, 0.018, 0.2, reach=2.4, inset=1.1)
    if spot is None:
        return None
    field = shape_field(spot, rng, log_uniform(rng, 1, 2.5), float(rng.uniform(0.2, 0.7)))
    return _open(spot, field, rng, float(rng.uniform(0.2, 1.0)), rough=float(rng.uniform(0.02, 0.08)))


def burn(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A cigarette burn: a small round hole with a brown-black, hardened rim."""
    spot = patch_on(scene, rng, 0.018, 0.06, reach=2.6, inset=1.2)
    if spot is None:
        return None
    field = shape_field(spot, rng, 1.1, 0.3)
    scorch = np.exp(-np.clip(-field, 0, None) / float(rng.uniform(0.12, 0.3)))
    tint = np.array([0.36, 0.24, 0.15], np.float32)
    out = np.asarray(spot.rgb * tint ** (scorch * float(rng.uniform(0.7, 1.3)))[..., None], np.float32)
    return _open(spot, field, rng, 0.15, out, rough=0.04)


def moth_holes(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A scatter of small round holes."""
    area = patch_on(scene, rng, 0.1, 0.3, reach=1.6, inset=0.8)
    if area is None:
        return None
    field = np.full(area.shape, -2, np.float32)
    u, v = area.grid
    for _ in range(int(rng.integers(3, 9))):
        x, y = rng.uniform(-0.85, 0.85, 2)
        radius = max(float(rng.uniform(0.03, 0.1)), 1.5 / area.radius)
        stretch, turn = float(rng.uniform(1, 1.5)), float(rng.uniform(0, np.pi))
        along, across = (u - x) * np.cos(turn) + (v - y) * np.sin(turn), (v - y) * np.cos(turn) - (u - x) * np.sin(turn)
        field = np.maximum(field, (radius - np.hypot(along / stretch, across)).astype(np.float32))
    field = field + noise(area.shape, area.radius * 0.06 + 1.5, rng, 2) * 0.012
    return _open(area, np.asarray(field, np.float32), rng, 0.5, rough=0.01)


def _gap(
    spot: FabricWindow,
    angle: float,
    slim: float,
    rng: np.random.Generator,
    middle: float = 0.0,
    half_length: float = 1.0,
) -> tuple[Floats, Floats]:
    """A slit along `angle`, pointed at its ends: its field in radii, and the shift across it of the cloth beside.

    `middle` and `half_length`, in radii along the slit, place it off the spot and make it shorter.
    """
    along, across = spot.turned(angle)
    along = (along - np.float32(middle)) / np.float32(half_length)
    bow = float(rng.normal(0, 0.12)) * along**2 + 0.04 * noise(spot.shape, spot.radius * 0.5, rng, 2)
    across = across - bow
    slim = max(slim, 1.3 / spot.radius)
    one_sided = float(rng.uniform(0.3, 0.7))
    half = slim * np.clip(1 - along**2, 0, 1) ** float(rng.uniform(0.6, 1.2))
    upper, lower = half * 2 * one_sided, half * 2 * (1 - one_sided)
    field = np.where(across < 0, across + upper, lower - across) - np.where(np.abs(along) > 1, 0.3, 0)
    push = np.sign(across) * np.where(across < 0, upper, lower) * np.exp(-np.abs(across) / (slim * 3 + 0.05))
    return np.asarray(field, np.float32), np.asarray(push, np.float32)


def _bridges(spot: FabricWindow, angle: float, slim: float, rng: np.random.Generator, regular: bool) -> Mask:
    """Threads left across a slit; evenly spaced in a burst seam."""
    count = int(rng.integers(3, 14))
    places = np.linspace(-0.85, 0.85, count) if regular else rng.uniform(-0.85, 0.85, count)
    cosine, sine = np.cos(angle), np.sin(angle)
    lines = []
    for at in places:
        if rng.random() < 0.25:
            continue
        half = slim * max(0.1, 1 - at**2) * 1.15
        slant, sag = float(rng.normal(0, 0.35)) * half, float(rng.normal(0, 0.3)) * half
        t = np.linspace(-1, 1, 9)
        along, across = at + t * slant + (1 - t**2) * sag, t * half
        x, y = along * cosine - across * sine, along * sine + across * cosine
        lines.append(np.column_stack([x, y]) * spot.radius + np.array(spot.centre))
    width = max(0.35, spot.scene.size[0] / 640 * float(rng.uniform(0.4, 0.9)))
    return strokes(spot.shape, lines, [width] * len(lines)) if lines else np.zeros(spot.shape, np.float32)


def rip(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A tear along a direction, straight or cornered, gaping: cloth is pushed aside, threads hang across."""
    spot = patch_on(scene, rng, 0.06, 0.4, reach=1.7, inset=0.6)
    if spot is None:
        return None
    angle = float(rng.uniform(0, np.pi))
    slim = log_uniform(rng, 0.05, 0.28)
    field, push = _gap(spot, angle, slim, rng)
    across = angle + np.pi / 2
    if rng.random() < 0.35:  # caught on a nail: a second tear sets off from about the first one's middle
        half, side = float(rng.uniform(0.3, 0.55)), float(rng.choice([-1, 1]))
        other, _ = _gap(spot, angle + float(rng.uniform(1.1, 2.0)), slim * 0.7, rng, side * half * 0.9, half)
        field = np.maximum(field, other)
    moved = spot.radius * push
    out = shift(spot.rgb, -moved * np.float32(np.cos(across)), -moved * np.float32(np.sin(across)))
    made = _open(spot, field, rng, float(rng.uniform(0.3, 1)), out, slim * 0.25)
    if made is None:
        return None
    return _bridged(spot, made, _bridges(spot, angle, slim, rng, regular=False), rng)


def burst_seam(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A seam come undone: a long narrow gap with stitches still spanning it."""
    spot = patch_on(scene, rng, 0.1, 0.4, reach=1.5, inset=0.5)
    if spot is None:
        return None
    angle = float(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.2))
    slim = log_uniform(rng, 0.04, 0.1)
    field, push = _gap(spot, angle, slim, rng)
    moved = spot.radius * push
    across = angle + np.pi / 2
    out = shift(spot.rgb, -moved * np.float32(np.cos(across)), -moved * np.float32(np.sin(across)))
    made = _open(spot, field, rng, 0.25, out, slim * 0.2)
    return made and _bridged(spot, made, _bridges(spot, angle, slim, rng, regular=True), rng)


def _bridged(spot: FabricWindow, made: Painted, threads: Mask, rng: np.random.Generator) -> Painted:
    height, width = spot.shape
    window = slice(spot.y, spot.y + height), slice(spot.x, spot.x + width)
    rgb = made.rgb.copy()
    lit = yarn(spot, rng) * np.sqrt(spot.shade)[..., None]
    alpha = threads * spot.item * (made.mask[window] > 0.05)
    rgb[window] = np.clip(blend(rgb[window].astype(np.float32), np.asarray(lit, np.float32), alpha), 0, 255)
    return Painted(rgb, made.mask)


def torn_edge(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A tear that starts at the garment's edge: a notch that shows what lies behind it."""
    found = spot(scene, rng, 0.05, 0.25, inset=0.0, floor=5)
    if found is None:
        return None
    x, y, radius = found
    binary = (scene.item > 0.5).astype(np.uint8)
    outlines = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    if not outlines:
        return None
    points = np.concatenate([np.asarray(c).reshape(-1, 2) for c in outlines])
    height, width = scene.size
    margin = 4 + radius * 0.5
    inner = (points[:, 0] > margin) & (points[:, 1] > margin)
    inner &= (points[:, 0] < width - margin) & (points[:, 1] < height - margin)
    points = points[inner]  # where the photo cuts the garment there is no edge to tear
    if not len(points):
        return None
    x, y = (float(c) for c in points[int(np.argmin(np.hypot(points[:, 0] - x, points[:, 1] - y)))])
    edge = patch(scene, x, y, radius, reach=1.8)
    soft = blur(edge.item, max(2.0, radius * 0.35))
    row, column = min(int(edge.centre[1]), soft.shape[0] - 2), min(int(edge.centre[0]), soft.shape[1] - 2)
    dx = float(soft[row, min(column + 1, soft.shape[1] - 1)] - soft[row, max(column - 1, 0)])
    dy = float(soft[min(row + 1, soft.shape[0] - 1), column] - soft[max(row - 1, 0), column])
    if np.hypot(dx, dy) < 1e-4:
        return None
    angle = float(np.arctan2(dy, dx) + rng.normal(0, 0.25))  # into the garment
    along, across = edge.turned(angle)
    across = across - float(rng.normal(0, 0.15)) * along**2
    half = float(rng.uniform(0.12, 0.5)) * np.clip(1.3 - along, 0, None) ** float(rng.uniform(0.7, 1.3))
    field = np.minimum(half - np.abs(across), 1.3 - along) + 0.05 * noise(edge.shape, radius * 0.3, rng, 4)
    opening = smooth(np.asarray(field, np.float32), 1.6 / radius)
    # What lies behind is what lies beside: the photo from two radii further out.
    out_x, out_y = np.float32(-np.cos(angle) * radius * 1.4), np.float32(-np.sin(angle) * radius * 1.4)
    ones = np.ones(edge.shape, np.float32)
    behind = shift(edge.rgb, out_x * ones, out_y * ones)
    outside = edge.rgb[edge.item < 0.3]
    tone = np.median(outside, axis=0).astype(np.float32) if len(outside) > 8 else np.full(3, 40, np.float32)
    covered = np.asarray(cv2.remap(edge.item, *_beside(edge.shape, out_x, out_y), cv2.INTER_LINEAR, borderValue=1))
    behind = blend(behind, tone, np.asarray(covered, np.float32)) * float(rng.uniform(0.5, 0.85))
    out, threads = _fray(edge, blend(edge.rgb, np.asarray(behind, np.float32), opening), opening, rng, 0.6)
    return seen(edge, out, np.maximum(opening, threads * 0.8), least=14)


def _beside(shape: tuple[int, int], dx: np.float32, dy: np.float32) -> tuple[Floats, Floats]:
    rows, columns = np.indices(shape, dtype=np.float32)
    return np.asarray(columns + dx, np.float32), np.asarray(rows + dy, np.float32)
