"""What is printed on or woven into cloth, and is no damage: logos, printed splashes, stripes, dots, plaid, flowers."""

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.cloth.drawing import (
    LUMA,
    ClothPatch,
    Pixels,
    as_mask,
    blend,
    irregular,
    log_uniform,
    noise,
    patch,
    ramp,
    shorter,
    spot,
    turned,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene

FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
LETTERS = "ABCDEFGHIKLMNOPRSTUVWYZ"
INKS = np.array(
    [(20, 20, 22), (240, 238, 232), (190, 30, 35), (25, 50, 120), (240, 190, 40), (40, 110, 60), (110, 60, 35)],
    np.float32,
)


def any_ink(rng: np.random.Generator) -> Pixels:
    colour = INKS[int(rng.integers(len(INKS)))] if rng.random() < 0.6 else rng.uniform(10, 245, 3)
    return np.asarray(colour, dtype=np.float32)


def _folds_of(window: ClothPatch) -> Mask:
    """The cloth's light, about 1 on average, so that what is printed on it lies in its folds."""
    height, width = window.shape
    scale = min(1.0, 128 / max(height, width))
    small = cv2.resize(
        window.rgb, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    luma = cv2.GaussianBlur(small @ LUMA, (0, 0), 1.0)
    light = np.clip(luma / max(20.0, float(np.median(luma))), 0.5, 1.35)
    return as_mask(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR))


def item_window(scene: PhotoScene) -> ClothPatch:
    """The item's whole box as a patch about its middle."""
    x1, y1, x2, y2 = scene.box
    return patch(scene, ((x1 + x2) / 2, (y1 + y2) / 2), max(x2 - x1, y2 - y1) / 2, 1.0)


def lay_on(scene: PhotoScene, window: ClothPatch, drawn: NDArray[np.floating], layer: Mask) -> Painted | None:
    """Put a drawn window back, on the item alone; None where the item has no part of it."""
    mask = as_mask(layer * window.item)
    if int((mask > 0.3).sum()) < 6:
        return None
    height, width = window.shape
    part = np.s_[window.y0 : window.y0 + height, window.x0 : window.x0 + width]
    rgb, whole = scene.rgb.copy(), np.zeros(scene.size, np.float32)
    rgb[part] = np.clip(blend(window.rgb, drawn, window.item) + 0.5, 0, 255).astype(np.uint8)
    whole[part] = mask
    return Painted(rgb, whole)


def _print_on(
    scene: PhotoScene, window: ClothPatch, layer: Mask, rng: np.random.Generator, colour: Pixels | None = None
) -> Painted | None:
    """Flat ink through `layer`, in the light of the cloth."""
    ink = any_ink(rng) if colour is None else colour
    drawn = blend(window.rgb, ink * _folds_of(window)[..., None], layer * rng.uniform(0.75, 1))
    return lay_on(scene, window, drawn, layer)


def any_text(rng: np.random.Generator, letters: int) -> str:
    return "".join(rng.choice(list(LETTERS), letters))


def _written(canvas: np.ndarray, text: str, box: tuple[float, float, float, float], font: int, tone: int = 255) -> None:
    """Write `text` as large as `box` (x, y, width, height) lets it be."""
    (wide, high), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = max(0.15, min(box[2] / max(1, wide), box[3] / max(1, high)))
    thick = max(1, round(scale * 2.2))
    cv2.putText(canvas, text, (int(box[0]), int(box[1] + box[3])), font, scale, tone, thick, cv2.LINE_AA)


def _spun(layer: np.ndarray, angle: float, shape: tuple[int, int], middle: np.ndarray) -> Mask:
    """`layer` (side, side) turned by `angle` degrees and laid with its middle on `middle` in an array of `shape`."""
    half = layer.shape[0] / 2
    move = np.asarray(cv2.getRotationMatrix2D((half, half), angle, 1.0))
    move[:, 2] += middle - half
    return as_mask(cv2.warpAffine(layer, move, (shape[1], shape[0])).astype(np.float32) / 255)


def _small_turn(rng: np.random.Generator) -> float:
    return float(rng.normal(0, 8) + rng.choice([0, 0, 0, 90, 180, 270]))


def print_logo(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A logo: lines of letters and a disc, ring, bar, star or triangle, in one flat ink."""
    at = spot(scene, rng, 0.1)
    if at is None:
        return None
    window = patch(scene, at, max(8.0, shorter(scene) * log_uniform(rng, 0.06, 0.35)), 1.45)
    side = max(16, round(window.radius * 2))
    layer = np.zeros((side, side), np.uint8)
    kind, font = int(rng.integers(6)), FONTS[int(rng.integers(len(FONTS)))]
    middle, half = (side // 2, side // 3), side // 4
    if kind == 0:
        cv2.circle(layer, middle, half, 255, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.circle(layer, middle, half, 255, max(2, side // 16), cv2.LINE_AA)
    elif kind == 2:
        cv2.rectangle(layer, (side // 8, side // 6), (side * 7 // 8, side // 2), 255, -1)
    elif kind == 3:
        points, start = int(rng.integers(3, 8)), rng.uniform(0, 6)
        around = start + np.arange(2 * points) * np.pi / points
        far = half * np.where(np.arange(2 * points) % 2, rng.uniform(0.35, 0.9), 1.0)
        star = np.column_stack([np.cos(around), np.sin(around)]) * far[:, None] + middle
        cv2.fillPoly(layer, [np.round(star).astype(np.int32)], 255, cv2.LINE_AA)
    elif kind == 4:
        for row in range(int(rng.integers(1, 4))):
            box = (side * 0.06, side * (0.06 + 0.18 * row), side * 0.85, side * 0.13)
            _written(layer, any_text(rng, int(rng.integers(3, 9))), box, font)
    if kind != 4 and rng.random() < 0.6:
        _written(
            layer, any_text(rng, int(rng.integers(1, 4))), (side * 0.36, side * 0.24, side * 0.28, side * 0.18), font, 0
        )
    if kind == 5 or rng.random() < 0.7:
        _written(
            layer, any_text(rng, int(rng.integers(3, 11))), (side * 0.06, side * 0.68, side * 0.86, side * 0.2), font
        )
    return _print_on(scene, window, _spun(layer, _small_turn(rng), window.shape, window.centre), rng)


def print_splatter(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A printed splash of paint: irregular like a stain, but in flat inks with sharp edges, as a graphic."""
    at = spot(scene, rng, 0.1)
    if at is None:
        return None
    window = patch(scene, at, max(6.0, shorter(scene) * log_uniform(rng, 0.05, 0.25)), 1.6)
    layer, r = ramp(irregular(window, rng, 1.0, 1.2), 0.02), window.radius
    for _ in range(int(rng.integers(2, 14))):
        x, y = rng.normal(0, r * 0.7, 2)
        size = r * log_uniform(rng, 0.03, 0.2)
        layer = np.maximum(layer, ramp(1 - np.hypot(window.dx - x, window.dy - y) / size, 0.1))
    if rng.random() < 0.5:
        return _print_on(scene, window, as_mask(layer), rng)
    second = ramp(irregular(window, rng, 1.0, 1.0) - 0.25, 0.02)
    ink = any_ink(rng) * (1 - second[..., None]) + any_ink(rng) * second[..., None]
    return _print_on(scene, window, as_mask(layer), rng, np.asarray(ink, np.float32))


def stripes(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Stripes over the whole item or in one band of it."""
    window = item_window(scene)
    _, across = turned(window, float(rng.choice([0, np.pi / 2]) + rng.normal(0, 0.08)))
    period = max(4.0, shorter(scene) * log_uniform(rng, 0.02, 0.14))
    bent = across + period * 0.25 * noise(window.shape, window.radius * 0.5, rng)
    duty = rng.uniform(0.15, 0.6)
    layer = ramp(duty / 2 - np.abs((bent / period) % 1 - 0.5), 1 / period)
    if rng.random() < 0.5:
        middle, half = rng.uniform(-0.5, 0.5) * window.radius, rng.uniform(0.08, 0.35) * window.radius
        layer = layer * (np.abs(across - middle) < half)
    return _print_on(scene, window, as_mask(layer), rng)


def polka_dots(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Dots on a grid, each row shifted by half a step."""
    window = item_window(scene)
    along, across = turned(window, float(rng.uniform(0, np.pi)))
    period = max(5.0, shorter(scene) * log_uniform(rng, 0.03, 0.12))
    row = np.floor(across / period)
    x, y = (along / period + 0.5 * (row % 2)) % 1 - 0.5, across / period - row - 0.5
    layer = ramp(rng.uniform(0.15, 0.4) - np.hypot(x, y), 1.5 / period)
    return _print_on(scene, window, layer, rng)


def plaid(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Crossed bands of several dyes, which add up where they cross."""
    window = item_window(scene)
    along, across = turned(window, float(rng.choice([0, np.pi / 4]) + rng.normal(0, 0.06)))
    period = max(8.0, shorter(scene) * log_uniform(rng, 0.06, 0.3))
    drawn, total = window.rgb, np.zeros(window.shape, np.float32)
    for axis in (along, across):
        for _ in range(int(rng.integers(1, 3))):
            phase, share = rng.uniform(), rng.uniform(0.04, 0.4)
            band = ramp(share / 2 - np.abs((axis / period + phase) % 1 - 0.5), 1.5 / period) * rng.uniform(0.25, 0.65)
            drawn = blend(drawn, any_ink(rng), band)
            total = np.maximum(total, band)
    drawn = blend(drawn, drawn * _folds_of(window)[..., None], total)
    return lay_on(scene, window, drawn, as_mask(np.clip(total * 2, 0, 1)))


def floral(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Flowers and leaves strewn over the item, in flat inks."""
    window = item_window(scene)
    height, width = window.shape
    size = max(3.0, shorter(scene) * log_uniform(rng, 0.015, 0.06))
    inks, layer = [any_ink(rng) for _ in range(3)], np.zeros((3, height, width), np.uint8)
    count = int(np.clip(height * width / size**2 * rng.uniform(0.02, 0.06), 6, 220))
    for x, y in rng.uniform(0, 1, (count, 2)) * (width, height):
        turn, petals = rng.uniform(0, 6), int(rng.integers(4, 7))
        kind = int(rng.integers(2))
        grown = size * rng.uniform(0.6, 1.2)
        for petal in range(petals if kind == 0 else 2):
            angle = turn + 2 * np.pi * petal / petals
            tip = (round((x + grown * 0.6 * np.cos(angle)) * 8), round((y + grown * 0.6 * np.sin(angle)) * 8))
            axes = (max(8, round(grown * 5)), max(4, round(grown * 2.2)))
            cv2.ellipse(layer[kind], tip, axes, float(np.degrees(angle)), 0, 360, 255, -1, cv2.LINE_AA, 3)
        if kind == 0:
            cv2.circle(layer[2], (round(x * 8), round(y * 8)), max(6, round(grown * 2)), 255, -1, cv2.LINE_AA, 3)
    drawn, folds, strength = window.rgb, _folds_of(window)[..., None], rng.uniform(0.7, 1)
    for ink, flat in zip(inks, layer, strict=True):
        drawn = blend(drawn, ink * folds, flat.astype(np.float32) / 255 * strength)
    return lay_on(scene, window, drawn, as_mask(layer.max(axis=0).astype(np.float32) / 255))
