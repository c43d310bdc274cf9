"""What lit displays show: interfaces with text and icons, and wallpapers, some of them full of lines and branches."""

from collections.abc import Callable

import cv2
import numpy as np

from regrade.datasets.synth.clutter import curve
from regrade.datasets.synth.drawing import (
    Points,
    Shape,
    as_mask,
    cloud,
    fixed,
    lines,
    luma,
    noise,
    outline,
    polygon,
    soft,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene, Rgb
from regrade.datasets.synth.surfaces import panel

_LETTERS = list("aabcdeeefghiiklmnoooprsttuvwy      ")


def interface(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Text, lists, icons and windows on the display."""
    return _shown(scene, rng, _interface)


def picture(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A wallpaper: gradients, hills, trees, lightning, facets, webs, rays or rings in drawn lines."""
    return _shown(scene, rng, _wallpaper)


def _shown(
    scene: PhotoScene, rng: np.random.Generator, draw: Callable[[Shape, np.random.Generator], Rgb]
) -> Painted | None:
    on = panel(scene)
    if on is None or not on.face.found:
        return None
    scale = min(1.0, 520 / on.face.unit)
    shape = max(24, int(on.face.sides[1] * scale)), max(24, int(on.face.sides[0] * scale))
    content = draw(shape, rng)
    flat = np.array([(0, 0), (shape[1], 0), (shape[1], shape[0]), (0, shape[0])], np.float32)
    inset = float(rng.uniform(0, 0.06))
    corners = on.face.corners + (on.face.corners.mean(axis=0) - on.face.corners) * inset
    put = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    lit = np.asarray(cv2.warpPerspective(content, put, on.shape[::-1], flags=cv2.INTER_LINEAR), np.float32)
    edge = polygon(on.shape, corners) * on.glass
    # What the glass mirrored stays in front of what the display shows.
    gloss = np.clip(luma(on.rgb) - on.brightness, 0, 255)[..., None] * float(rng.uniform(0.2, 0.7))
    glow = float(rng.uniform(0.45, 1.0)) * min(1.0, on.light / 200)
    out = on.rgb + (lit * glow + gloss - on.rgb) * (edge * float(rng.uniform(0.85, 1)))[..., None]
    return on.finish(np.clip(out + 0.5, 0, 255).astype(np.uint8), edge)


def _words(rng: np.random.Generator, most: int) -> str:
    return "".join(rng.choice(_LETTERS, int(rng.integers(3, max(4, most)))))


def _interface(shape: Shape, rng: np.random.Generator) -> Rgb:
    height, width = shape
    dark = rng.random() < 0.5
    page = np.full((height, width, 3), rng.uniform(5, 40, 3) if dark else rng.uniform(225, 255, 3), np.uint8)
    ink = (225.0, 225.0, 225.0) if dark else (35.0, 35.0, 40.0)
    accent = tuple(float(v) for v in rng.uniform(20, 240, 3))
    row = max(6.0, height * float(rng.uniform(0.02, 0.07)))

    def text(words: str, x: float, y: float, tall: float, colour: tuple[float, ...]) -> None:
        scale = max(0.2, tall / 30)
        cv2.putText(page, words, (int(x), int(y)), 0, scale, colour, max(1, round(scale * 1.5)), cv2.LINE_AA)

    if rng.random() < 0.7:
        cv2.rectangle(page, (0, 0), (width, int(row * 1.6)), accent, -1)
        text(_words(rng, 14), width * 0.05, row * 1.1, row, ink)
    y, kind = row * 2.6, int(rng.integers(5))
    while y < height - row:
        if kind == 0:  # running text
            text(_words(rng, 60), width * 0.06, y, row * 0.8, ink)
            y += row * 1.2
        elif kind == 1:  # a list with round portraits
            cv2.circle(
                page, (int(width * 0.1), int(y)), int(row * 0.8), tuple(float(v) for v in rng.uniform(30, 230, 3)), -1
            )
            text(_words(rng, 20), width * 0.2, y, row * 0.8, ink)
            cv2.line(page, (int(width * 0.2), int(y + row)), (width, int(y + row)), (128.0, 128.0, 128.0), 1)
            y += row * 2.4
        elif kind == 2:  # icons
            for x in np.arange(row, width - row, row * 2.6):
                colour = tuple(float(v) for v in rng.uniform(10, 250, 3))
                cv2.rectangle(page, (int(x), int(y)), (int(x + row * 1.6), int(y + row * 1.6)), colour, -1)
                cv2.circle(
                    page,
                    (int(x + row * 0.8), int(y + row * 0.8)),
                    int(row * 0.4),
                    ink,
                    max(1, int(row / 8)),
                    cv2.LINE_AA,
                )
            y += row * 3
        elif kind == 3:  # speech bubbles
            left, wide = rng.random() < 0.5, width * float(rng.uniform(0.3, 0.7))
            x = width * 0.04 if left else width * 0.96 - wide
            cv2.rectangle(
                page,
                (int(x), int(y)),
                (int(x + wide), int(y + row * 1.8)),
                accent if left else (120.0, 120.0, 120.0),
                -1,
            )
            text(_words(rng, 16), x + 4, y + row * 1.2, row * 0.7, ink)
            y += row * 2.4
        else:  # windows, charts
            points = np.column_stack(
                [np.linspace(0.05, 0.95, 14) * width, y + row * (2 + 1.8 * rng.standard_normal(14).clip(-1, 1))]
            )
            cv2.polylines(page, [fixed(points)], False, accent, max(1, width // 200), cv2.LINE_AA, 4)
            cv2.rectangle(
                page, (int(width * 0.04), int(y)), (int(width * 0.96), int(y + row * 4)), (128.0, 128.0, 128.0), 1
            )
            y += row * 5
    return page


def _wallpaper(shape: Shape, rng: np.random.Generator) -> Rgb:
    size = float(max(shape))
    rows, columns = np.indices(shape, dtype=np.float32) / np.float32(size)
    turn = rng.uniform(0, 2 * np.pi)
    ramp = np.clip(columns * np.cos(turn) + rows * np.sin(turn) + 0.5, 0, 1)[..., None]
    low, high = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    pale = float(rng.uniform(0, 0.8))  # few wallpapers are of one glaring colour
    low, high = low + (low.mean() - low) * pale, high + (high.mean() - high) * pale
    if rng.random() < 0.4:
        low = low * 0.15
    ground = low + (high - low) * ramp
    ground = ground + cloud(shape, size * 0.4, rng)[..., None] * rng.uniform(-60, 60, 3)
    draw = (_limbs, _bolts, _facets, _web, _rays, _hills, _veins, _dots)[int(rng.integers(8))]
    art = soft(draw(shape, rng), float(rng.uniform(0.2, 0.8)))[..., None]
    ink = rng.uniform(0, 255, 3) if rng.random() < 0.6 else np.full(3, float(rng.choice([8, 245])))
    return np.asarray(np.clip(ground + (ink - ground) * art * float(rng.uniform(0.5, 1)), 0, 255), np.uint8)


def _limbs(shape: Shape, rng: np.random.Generator) -> Mask:
    """A tree: smooth limbs that taper and fork."""
    height, width = shape
    size = float(max(shape))
    layer = np.zeros(shape, np.float32)
    foot = np.array([rng.uniform(0.2, 0.8) * width, height * rng.uniform(0.8, 1.05)])
    todo = [
        (
            foot,
            -np.pi / 2 + rng.normal(0, 0.2),
            size * float(rng.uniform(0.15, 0.3)),
            size * float(rng.uniform(0.006, 0.03)),
        )
    ]
    limbs: list[tuple[Points, float]] = []
    shrink, open_by = float(rng.uniform(0.65, 0.8)), float(rng.uniform(0.3, 0.7))
    while todo and len(limbs) < 130:
        at, turn, length, wide = todo.pop(0)
        end = at + length * np.array([np.cos(turn), np.sin(turn)])
        limbs.append((curve(at, end, 0.1, rng, 8), wide))
        if length > size * 0.02:
            todo += [(end, turn + d, length * shrink, wide * 0.68) for d in rng.normal((-open_by, open_by), 0.15)]
    by_width: dict[int, list[Points]] = {}
    for path, wide in limbs:
        by_width.setdefault(max(1, round(wide)), []).append(path)
    for wide, paths in by_width.items():
        layer = np.maximum(layer, lines(shape, paths, float(wide)))
    return layer


def _bolts(shape: Shape, rng: np.random.Generator) -> Mask:
    """Lightning: jagged lines with side strokes and a glow."""
    height, width = shape
    paths: list[Points] = []
    for _ in range(int(rng.integers(1, 4))):
        x = width * float(rng.uniform(0.1, 0.9))
        path = np.column_stack(
            [x + np.cumsum(rng.normal(0, width * 0.04, 24)), np.linspace(0, height * rng.uniform(0.6, 1), 24)]
        )
        paths.append(path)
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(4, 22))
            steps = np.column_stack(
                [rng.normal(rng.choice([-1, 1]) * width * 0.03, width * 0.02, 8), np.full(8, height * 0.02)]
            )
            paths.append(path[at] + np.cumsum(steps, axis=0))
    core = lines(shape, paths, max(1.0, max(shape) / 300))
    return np.clip(core + soft(core, max(shape) * 0.02) * 1.5, 0, 1)


def _facets(shape: Shape, rng: np.random.Generator) -> Mask:
    """Low-poly triangles in flat tones."""
    plane = cv2.Subdiv2D((0, 0, shape[1], shape[0]))
    for _ in range(int(rng.integers(12, 70))):
        plane.insert((float(rng.uniform(1, shape[1] - 2)), float(rng.uniform(1, shape[0] - 2))))
    layer = np.zeros(shape, np.uint8)
    for triangle in np.asarray(plane.getTriangleList()).reshape(-1, 3, 2):
        cv2.fillPoly(layer, [fixed(triangle)], int(rng.integers(0, 255)), cv2.LINE_AA, 4)
    return as_mask(layer)


def _web(shape: Shape, rng: np.random.Generator) -> Mask:
    """A drawn cobweb, atom or wire globe: even lines, regular angles."""
    centre = np.array([shape[1], shape[0]]) * rng.uniform(0.2, 0.8, 2)
    count, size = int(rng.integers(6, 16)), float(max(shape))
    ways = np.arange(count + 1) * 2 * np.pi / count + rng.uniform(0, 1)
    spokes = np.column_stack([np.cos(ways), np.sin(ways)]) * size * rng.uniform(0.2, 0.8)
    paths = [np.vstack([centre, centre + s]) for s in spokes]
    sag = float(rng.uniform(0.85, 1))
    for share in np.linspace(0.1, 1, int(rng.integers(3, 9))):
        ring = np.empty((2 * len(spokes) - 1, 2))
        ring[::2] = spokes * share
        ring[1::2] = (spokes[:-1] + spokes[1:]) / 2 * share * sag
        paths.append(centre + ring)
    return lines(shape, paths, max(1.0, size / float(rng.uniform(150, 450))))


def _rays(shape: Shape, rng: np.random.Generator) -> Mask:
    """Slanting bars and lines, parallel or from one point."""
    size = float(max(shape))
    centre = np.array([shape[1], shape[0]]) * rng.uniform(-0.2, 1.2, 2)
    paths, turn = [], float(rng.uniform(0, np.pi))
    fan = rng.random() < 0.5
    for k in range(int(rng.integers(4, 40))):
        way = turn + k * 0.15 if fan else turn
        start = centre if fan else centre + np.array([-np.sin(turn), np.cos(turn)]) * (k - 15) * size * 0.05
        along = np.array([np.cos(way), np.sin(way)]) * size * 1.6
        paths.append(np.vstack([start - along * (not fan), start + along]))
    return lines(shape, paths, max(1.0, size / float(rng.uniform(30, 400))))


def _hills(shape: Shape, rng: np.random.Generator) -> Mask:
    """Ranges of hills or waves, one before the other."""
    layer = np.zeros(shape, np.float32)
    x = np.linspace(0, shape[1], 60)
    for depth in np.linspace(0.3, 1, int(rng.integers(2, 6))):
        rough = np.interp(x, np.linspace(0, shape[1], 9), rng.uniform(-0.12, 0.12, 9)) + rng.normal(0, 0.006, 60)
        ridge = np.column_stack([x, shape[0] * (0.25 + 0.6 * depth + rough)])
        below = np.vstack([ridge, [(shape[1], shape[0]), (0, shape[0])]])
        layer = np.maximum(layer * 0.9, polygon(shape, below) * float(depth))
    return layer


def _veins(shape: Shape, rng: np.random.Generator) -> Mask:
    """Marble or flowing water: thin veins that wander."""
    field = cloud(shape, max(shape) * float(rng.uniform(0.15, 0.4)), rng, 5)
    return np.clip(1 - np.abs(field) * float(rng.uniform(15, 50)), 0, 1).astype(np.float32)


def _dots(shape: Shape, rng: np.random.Generator) -> Mask:
    """Stars, bubbles or blossoms."""
    layer = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(10, 120))):
        at = (int(rng.uniform(0, shape[1])), int(rng.uniform(0, shape[0])))
        radius = max(1, int(max(shape) * rng.exponential(0.008)))
        cv2.circle(layer, at, radius, int(rng.integers(80, 255)), int(rng.choice([-1, 1])), cv2.LINE_AA)
    if rng.random() < 0.4:
        blob = outline(np.array(shape[::-1]) * rng.uniform(0.2, 0.8, 2), max(shape) * 0.15, rng, ragged=0.2)
        return np.asarray(np.maximum(as_mask(layer), polygon(shape, blob) * 0.8), np.float32)
    return np.asarray(as_mask(layer) * np.clip(0.8 + noise(shape, 9.0, rng), 0, 1), np.float32)
