"""What handling leaves behind: rubbed and grimy board, smudged and scratched glass."""

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFilter

from tools.scenes import textures
from tools.scenes.engine import Image
from tools.scenes.textures import Field

FIBRE = (214, 190, 156)
"""sRGB of kraft liner whose surface is rubbed off."""
GRIME = (92, 84, 74)


def handled_board(rng: np.random.Generator, colour: Image, px: float, rims: str = "") -> Image:
    """Kraft board (h, w, 3) of `px` pixels a centimetre that went through several hands.

    Grime in patches, streaks where it slid over others, and the surface rubbed off along the `rims`: of `b` (row 0),
    `t`, `l` and `r`.
    """
    shape = colour.shape[:2]
    size = shape[0] / px
    patches = textures.smoothstep(0.2, 1.9, textures.noise(rng, shape, 1.5, lo=max(1.0, size / 12), hi=size * 1.5))
    soft = np.clip(0.7 + 0.35 * textures.noise(rng, shape, 0.8, lo=size), 0.1, 1.2)
    colour = textures.blend(colour, textures.linear(*GRIME), (0.34 * patches * soft).astype(np.float32))
    slid = textures.smoothstep(0.7, 1.7, textures.noise(rng, shape, 1.2, lo=max(1.0, size / 10), hi=size / 2))
    streaks = textures.smoothstep(1.2, 2.2, textures.noise(rng, shape, 0.55, lo=size * 1.2, stretch=9.0))
    bare = np.clip(0.75 * slid * streaks + 0.55 * scratches(rng, shape, px, 26), 0, 1)
    for rim in rims:
        away = _distance(shape, rim, px)
        ragged = 0.35 + 0.30 * textures.noise(rng, shape, 1.0, lo=size / 6, hi=size * 12)
        bare = np.maximum(
            bare, 0.85 * textures.smoothstep(0.55, 0.0, (away / np.maximum(ragged, 0.08)).astype(np.float32))
        )
    return textures.blend(colour, textures.linear(*FIBRE), bare.astype(np.float32))


def _distance(shape: tuple[int, int], rim: str, px: float) -> Field:
    """Distance in cm from one rim of a picture, (h, w)."""
    h, w = shape
    along = {"b": np.arange(h)[:, None], "t": np.arange(h)[::-1, None], "l": np.arange(w), "r": np.arange(w)[::-1]}
    return np.asarray(along[rim] / px + np.zeros(shape), dtype=np.float32)


def scratches(rng: np.random.Generator, shape: tuple[int, int], px: float, count: int, length: float = 3.0) -> Field:
    """Coverage (h, w) in [0, 1] of `count` bent hairline scratches, on average `length` cm long."""
    h, w = shape
    canvas = Pil.new("L", (w, h))
    pen = ImageDraw.Draw(canvas)
    for _ in range(count):
        x, y, angle = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0, np.pi)
        bend, steps = rng.normal(0, 0.012), int(rng.exponential(length * px / 6)) + 3
        line = [(x, y)]
        for _ in range(steps):
            angle += bend
            x, y = x + 6 * np.cos(angle), y + 6 * np.sin(angle)
            line.append((x, y))
        pen.line(line, fill=int(rng.uniform(70, 255)), width=int(rng.choice([1, 1, 2])))
    return np.asarray(np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.7))) / 255, dtype=np.float32)


def smudges(rng: np.random.Generator, shape: tuple[int, int], px: float) -> Field:
    """Coverage (h, w) in [0, 1] of finger marks and wipes on glass of `px` pixels a centimetre."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w] / px
    grease = np.zeros(shape)
    for _ in range(int(rng.integers(9, 14))):
        dx, dy = x - rng.uniform(0, w / px), y - rng.uniform(0, h / px)
        turn = rng.uniform(-0.9, 0.9)
        u, v = dx * np.cos(turn) + dy * np.sin(turn), -dx * np.sin(turn) + dy * np.cos(turn)
        inside = textures.smoothstep(1.0, 0.55, np.hypot(u / 0.62, v / 0.88).astype(np.float32))
        whorl = np.hypot(u, 0.72 * (v + 0.25)) + 0.02 * textures.noise(rng, shape, 1.8, lo=3, hi=60)
        ridges = 0.55 + 0.45 * np.sin(whorl * 2 * np.pi / 0.052)
        press = np.clip(0.6 + 0.4 * textures.noise(rng, shape, 1.3, lo=4, hi=60), 0, 1)
        grease = np.maximum(grease, inside * ridges * press * rng.uniform(0.35, 1.0))
    for _ in range(3):
        angle, at = rng.uniform(-0.6, 0.6), rng.uniform(0.2, 0.8, 2) * (w / px, h / px)
        u = (x - at[0]) * np.cos(angle) + (y - at[1]) * np.sin(angle)
        v = -(x - at[0]) * np.sin(angle) + (y - at[1]) * np.cos(angle)
        wipe = np.exp(-((u / 2.6) ** 4)) * np.exp(-((v / rng.uniform(0.5, 0.9)) ** 2))
        hairs = 0.6 + 0.4 * textures.noise(rng, shape, 0.8, lo=30, stretch=12)
        grease = np.maximum(grease, 0.6 * wipe * np.clip(hairs, 0, 1.4))
    return np.clip(grease, 0, 1).astype(np.float32)
