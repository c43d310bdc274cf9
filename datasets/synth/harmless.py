"""Edits of devices that are no damage, made by the same means as damage: thin lines, bright patches, stickers, pictures on
displays. A network that saw edits only as damage would learn to find editing."""

import cv2
import numpy as np

from regrade.datasets.synth.drawing import (
    Points,
    blank,
    curve,
    extent,
    gain,
    grown,
    inside,
    lines,
    mix,
    noise,
    outline,
    polygon,
    shrunk,
    soft,
)
from regrade.datasets.synth.scene import Mask, Painted, Recipe, Scene


def _quad(scene: Scene, rng: np.random.Generator, least: float, most: float) -> Points:
    x1, y1, x2, y2 = scene.box
    sides = np.array([x2 - x1, y2 - y1]) * rng.uniform(least, most, 2)
    corner = np.array([rng.uniform(x1, max(x1 + 1, x2 - sides[0])), rng.uniform(y1, max(y1 + 1, y2 - sides[1]))])
    return np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * sides + corner + rng.normal(0, 0.05, (4, 2)) * sides


def glare(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """The reflection of a lamp or a window: soft or hard patches and streaks of light, slanted."""
    mask = blank(scene)
    slant = rng.normal(0, 0.5)
    for _ in range(int(rng.integers(1, 5))):
        quad = _quad(scene, rng, 0.04, 0.5)
        quad[:, 0] += (quad[:, 1] - quad[:, 1].mean()) * slant
        mask = polygon(mask, quad)
    mask = soft(mask, extent(scene) * float(rng.choice([0.002, 0.01, 0.05])))
    mask = mask * (scene.item if rng.random() < 0.7 else 1.0)
    return Painted(mix(scene.rgb, rng.uniform([225, 225, 215], [255, 255, 255]), mask * float(rng.uniform(0.15, 0.9))), mask)


def shadow(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """The shadow of somebody or something beside the bench, sharp or soft."""
    mask = polygon(blank(scene), outline(np.array([rng.uniform(0, scene.size[1]), rng.uniform(0, scene.size[0])]), extent(scene) * float(rng.uniform(0.1, 0.7)), rng, ragged=0.15, stretch=float(rng.uniform(1, 5))))
    mask = soft(mask, extent(scene) * float(rng.uniform(0.003, 0.06)))
    return Painted(gain(scene.rgb, 1 - mask * float(rng.uniform(0.15, 0.6))), mask)


def cable(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """Cables, cords or straps that lie across: smooth, of one width, with a shadow."""
    h, w = scene.size
    out, mask = scene.rgb, blank(scene)
    for _ in range(int(rng.integers(1, 4))):
        ends = rng.uniform(0, 1, (2, 2)) * (w, h)
        ends[int(rng.integers(2))][int(rng.integers(2))] = rng.choice([0.0, float(max(h, w))])
        path = curve(ends[0], ends[1], float(rng.uniform(0.05, 0.5)), rng)
        width = extent(scene) * float(rng.uniform(0.003, 0.022))
        under = soft(lines(blank(scene), [path + width * 0.8], [width]), width)
        body = lines(blank(scene), [path], [width])
        shine = lines(blank(scene), [path - width * 0.2], [width * 0.25])
        out = gain(out, 1 - under * 0.4)
        out = mix(out, np.full(3, float(rng.choice([15, 40, 130, 225, 240]))) + rng.normal(0, 8, 3), body)
        out = mix(out, np.full(3, 200.0), shine * 0.4)
        mask = np.maximum(mask, np.maximum(body, under))
    return Painted(out, mask)


def hair(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """Hairs, threads and lint: thin, smooth, curled, never branching."""
    size = extent(scene)
    paths = []
    for _ in range(int(rng.integers(1, 9))):
        at = inside(scene, rng, 0)
        if at is None:
            return None
        turn, length = rng.uniform(0, 2 * np.pi), size * rng.uniform(0.05, 0.45)
        paths.append(curve(at, at + length * np.array([np.cos(turn), np.sin(turn)]), float(rng.uniform(0.15, 0.6)), rng))
    mask = lines(blank(scene), paths, [max(0.4, size / 500) * float(rng.uniform(0.6, 1.4)) for _ in paths])
    return Painted(mix(scene.rgb, np.full(3, float(rng.choice([20, 60, 200, 235]))), mask * float(rng.uniform(0.4, 0.9))), mask)


def sticker(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """A label with print, a bar code, or a coloured sticker."""
    quad = _quad(scene, rng, 0.08, 0.4)
    mask = polygon(blank(scene), quad)
    paper = rng.uniform(185, 252, 3) if rng.random() < 0.7 else rng.uniform(20, 250, 3)
    ink = np.full(3, 30.0) if paper.mean() > 110 else np.full(3, 235.0)
    prints = []
    for row in np.arange(0.12, 0.9, float(rng.uniform(0.08, 0.18))):
        a, b = (quad[0] * (1 - row) + quad[3] * row), (quad[1] * (1 - row) + quad[2] * row)
        stop = float(rng.uniform(0.3, 0.92))
        prints.append(np.vstack([a + (b - a) * 0.07, a + (b - a) * stop]))
    height = float(np.hypot(*(quad[3] - quad[0])))
    text = lines(blank(scene), prints, [max(0.6, height * 0.05)] * len(prints)) * mask
    text *= (noise(scene.size, max(1.5, height * 0.05), rng) > -0.2).astype(np.float32)
    if rng.random() < 0.4:
        bars = []
        for t in np.sort(rng.uniform(0.1, 0.9, 24)):
            bars.append(np.vstack([quad[0] + (quad[1] - quad[0]) * t, quad[3] + (quad[2] - quad[3]) * t]))
        text = np.maximum(text, lines(blank(scene), bars, list(rng.uniform(0.5, 2.2, 24))) * mask)
    out = mix(gain(scene.rgb, 1 - soft(mask, extent(scene) * 0.006) * 0.25), paper, mask * 0.95)
    return Painted(mix(out, ink, text), np.maximum(mask, soft(mask, extent(scene) * 0.006)))


def picture(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """A picture on the display: gradients, hills, branching trees, cobwebs of lines, stars; all of it within the screen."""
    size = extent(scene)
    screen = shrunk(scene.item, size * float(rng.uniform(0.03, 0.08)))
    if screen.sum() < 100:
        return None
    h, w = scene.size
    base = np.zeros((h, w, 3), np.float32) + rng.uniform(0, 255, 3)
    base = base + noise((h, w), size * 0.5, rng)[..., None] * rng.uniform(-110, 110, 3)
    kind = int(rng.integers(4))
    art = blank(scene)
    if kind == 0:  # a tree or lightning of a drawn wallpaper: smooth limbs that taper
        todo = [(np.array([rng.uniform(0.2, 0.8) * w, h * 0.9]), -np.pi / 2, size * 0.28, size * 0.02)]
        paths, widths = [], []
        while todo and len(paths) < 60:
            at, turn, length, width = todo.pop()
            end = at + length * np.array([np.cos(turn), np.sin(turn)])
            paths.append(curve(at, end, 0.08, rng))
            widths.append(width)
            if length > size * 0.03:
                todo += [(end, turn + d, length * 0.72, width * 0.65) for d in rng.normal([-0.5, 0.5], 0.15)]
        art = lines(art, paths, widths)
    elif kind == 1:
        for _ in range(int(rng.integers(2, 6))):
            art = polygon(art * 0.8, outline(rng.uniform(0, 1, 2) * (w, h), size * float(rng.uniform(0.1, 0.5)), rng, ragged=0.1))
    elif kind == 2:  # charts and wire frames
        points = rng.uniform(0, 1, (int(rng.integers(4, 20)), 2)) * (w, h)
        art = lines(art, [points], [max(1.0, size / 250)])
    else:
        for x, y in rng.uniform(0, 1, (int(rng.integers(10, 80)), 2)) * (w, h):
            cv2.circle(art, (int(x), int(y)), max(1, int(size * rng.uniform(0.002, 0.02))), 1.0, -1, cv2.LINE_AA)
    shown = np.clip(base * (1 - art[..., None]) + rng.uniform(0, 255, 3) * art[..., None], 0, 255).astype(np.uint8)
    return Painted(mix(scene.rgb, shown, screen * float(rng.uniform(0.6, 0.95))), screen)


def interface(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """Text, icons and windows on the display."""
    x1, y1, x2, y2 = scene.box
    size = extent(scene)
    screen = shrunk(scene.item, size * 0.05)
    dark = rng.random() < 0.5
    out = mix(scene.rgb, np.full(3, 18.0 if dark else 240.0), screen * float(rng.uniform(0.5, 0.95)))
    art: Mask = blank(scene)
    step = size * float(rng.uniform(0.03, 0.09))
    if rng.random() < 0.5:
        rows = np.arange(y1 + step, y2 - step, step)
        art = lines(art, [np.array([(x1 + size * 0.08, y), (x1 + (x2 - x1) * rng.uniform(0.3, 0.9), y)]) for y in rows], [step * 0.3] * len(rows))
        art *= (noise(scene.size, max(1.5, step * 0.3), rng) > -0.3).astype(np.float32)
        out = mix(out, np.full(3, 225.0 if dark else 35.0), art * screen)
    else:
        for y in np.arange(y1 + step, y2 - step, step * 2):
            for x in np.arange(x1 + step, x2 - step, step * 2):
                icon = polygon(blank(scene), np.array([(x, y), (x + step, y), (x + step, y + step), (x, y + step)]))
                art = np.maximum(art, icon)
                out = mix(out, rng.uniform(20, 250, 3), icon * screen)
    return Painted(out, screen)


def smudge(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """Fingerprints, dust and wiped grease: faint, without an edge."""
    size = extent(scene)
    mask = blank(scene)
    for _ in range(int(rng.integers(1, 7))):
        at = inside(scene, rng, 0)
        if at is None:
            return None
        mask = polygon(mask, outline(at, size * float(rng.uniform(0.02, 0.1)), rng, stretch=float(rng.uniform(1, 3))))
    grain = 0.6 + 0.4 * noise(scene.size, max(1.5, size / 150), rng)
    mask = soft(mask, size * 0.01) * grain * scene.item
    return Painted(mix(scene.rgb, np.full(3, float(rng.choice([110, 190, 220]))), mask * float(rng.uniform(0.1, 0.3))), np.clip(mask, 0, 1))


def seam(scene: Scene, rng: np.random.Generator) -> Painted | None:
    """Straight or rounded lines of the housing, of a case or a protective film: parallel to its sides, of even strength."""
    x1, y1, x2, y2 = scene.box
    size = extent(scene)
    paths = []
    for _ in range(int(rng.integers(1, 4))):
        inset = rng.uniform(0.02, 0.4)
        if rng.random() < 0.5:
            t = rng.uniform(0.05, 0.95)
            paths.append(np.array([(x1, y1 + t * (y2 - y1)), (x2, y1 + t * (y2 - y1))]))
        else:
            a, b = np.array([x1, y1]) + inset * size * 0.5, np.array([x2, y2]) - inset * size * 0.5
            paths.append(np.array([a, (b[0], a[1]), b, (a[0], b[1]), a]))
    mask = lines(blank(scene), paths, [size / 350 * float(rng.uniform(0.5, 2.5))] * len(paths)) * grown(scene.item, 1)
    return Painted(mix(scene.rgb, np.full(3, float(rng.choice([20, 70, 200, 235]))), mask * float(rng.uniform(0.3, 0.9))), mask)


HARMLESS: tuple[Recipe, ...] = (
    Recipe("glare", "", "", glare),
    Recipe("shadow", "", "", shadow),
    Recipe("cable", "", "", cable),
    Recipe("hair", "", "", hair),
    Recipe("sticker", "", "", sticker),
    Recipe("picture", "", "", picture),
    Recipe("interface", "", "", interface),
    Recipe("smudge", "", "", smudge),
    Recipe("seam", "", "", seam),
)
