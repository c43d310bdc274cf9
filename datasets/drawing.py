"""Masks, strokes and blends that recipes of synthetic defects are drawn with. Pillow and numpy only."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from regrade.models.types import Box

Rgb = NDArray[np.uint8]
Mask = NDArray[np.floating]
"""(h, w) in [0, 1]."""
Points = NDArray[np.float64]
"""(n, 2), x and y in pixels."""


def inner(rgb: Rgb, box: Box | None) -> Box:
    """`box` a little shrunk and within the photo; the photo's middle where there is none, or next to nothing of it."""
    height, width = rgb.shape[:2]
    middle = (width * 0.2, height * 0.2, width * 0.8, height * 0.8)
    if box is None:
        return middle
    margin_x, margin_y = (box[2] - box[0]) * 0.08, (box[3] - box[1]) * 0.08
    x1, y1 = max(0.0, box[0] + margin_x), max(0.0, box[1] + margin_y)
    x2, y2 = min(width - 1.0, box[2] - margin_x), min(height - 1.0, box[3] - margin_y)
    return (x1, y1, x2, y2) if x2 - x1 >= 24 and y2 - y1 >= 24 else middle


def place(box: Box, rng: np.random.Generator) -> tuple[Points, Points]:
    sides = np.array([box[2] - box[0], box[3] - box[1]]) * rng.uniform(0.12, 0.4, 2)
    corner = np.array([rng.uniform(box[0], box[2] - sides[0]), rng.uniform(box[1], box[3] - sides[1])])
    return corner, sides


def turned(corner: Points, sides: Points, rng: np.random.Generator) -> list[tuple[float, float]]:
    jitter = rng.normal(0, 0.06, (4, 2)) * sides
    shape = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * sides + corner + jitter
    return [(float(x), float(y)) for x, y in shape]


def jagged(start: Points, angle: float, reach: float, rng: np.random.Generator, wander: float = 0.35) -> Points:
    steps = int(rng.integers(5, 12))
    turns = angle + np.cumsum(rng.normal(0, wander, steps)) * 0.5
    strides = np.column_stack([np.cos(turns), np.sin(turns)]) * (reach / steps)
    path: Points = np.vstack([start, start + np.cumsum(strides, axis=0)])
    return path


def strokes(rgb: Rgb, lines: list[Points], width: int) -> Mask:
    # Drawn at twice the size and reduced, since Pillow's lines have no soft edge.
    layer = Image.new("L", (rgb.shape[1] * 2, rgb.shape[0] * 2), 0)
    pen = ImageDraw.Draw(layer)
    for line in lines:
        pen.line([(float(x) * 2, float(y) * 2) for x, y in line], fill=255, width=width * 2 - 1)
    small = layer.resize((rgb.shape[1], rgb.shape[0]), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255


def polygon(rgb: Rgb, points: list[tuple[float, float]]) -> Mask:
    layer = Image.new("L", (rgb.shape[1], rgb.shape[0]), 0)
    ImageDraw.Draw(layer).polygon(points, fill=255)
    return np.asarray(layer, dtype=np.float32) / 255


def blob(
    rgb: Rgb,
    centre: Points,
    radius: float,
    rng: np.random.Generator,
    stretch: float = 1.0,
    ragged: float = 0.3,
) -> Mask:
    """An irregular closed shape around `centre`, its outline a circle with noise in several octaves."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    outline = np.ones(72)
    for octave in (2, 3, 5, 9, 17):
        outline += ragged * np.sin(octave * angles + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.3, 1) / np.sqrt(octave)
    turn = rng.uniform(0, np.pi)
    x, y = np.cos(angles) * outline * stretch**0.5, np.sin(angles) * outline / stretch**0.5
    points = (
        radius * np.column_stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]) + centre
    )
    return polygon(rgb, [(float(px), float(py)) for px, py in points])


def noise(rgb: Rgb, grain: int, rng: np.random.Generator) -> Mask:
    """Smooth noise in [−1, 1] with features of about `grain` pixels."""
    height, width = rgb.shape[:2]
    small = rng.integers(0, 256, (max(2, height // grain + 2), max(2, width // grain + 2)), dtype=np.uint8)
    big = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(big, dtype=np.float32) / 127.5 - 1


def soft(mask: Mask, sigma: float) -> Mask:
    image = Image.fromarray((np.clip(mask, 0, 1) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(sigma))
    return np.asarray(image, dtype=np.float32) / 255


def blend(rgb: Rgb, colour: NDArray[np.floating], alpha: Mask) -> Rgb:
    a = np.clip(alpha, 0, 1)[..., None]
    return np.clip(rgb * (1 - a) + colour * a, 0, 255).astype(np.uint8)


def warp(rgb: Rgb, shift: Mask) -> Rgb:
    rows, columns = np.indices(rgb.shape[:2])
    at = (
        np.clip(rows + shift, 0, rgb.shape[0] - 1).astype(np.intp),
        np.clip(columns + shift, 0, rgb.shape[1] - 1).astype(np.intp),
    )
    out: Rgb = rgb[at]
    return out


def box_of(mask: Mask) -> Box | None:
    rows, columns = np.nonzero(mask > 0.15)
    if len(rows) < 12:
        return None
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
