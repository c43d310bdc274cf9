"""Changes to garments and shoes that are no damage: prints, patterns, folds, tags, fittings, rulers and arrows."""

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.cloth.drawing import (
    as_mask,
    blend,
    log_uniform,
    noise,
    octaves,
    patch,
    ramp,
    shade,
    shorter,
    soft,
    spot,
    turned,
)
from regrade.datasets.synth.cloth.prints import (
    FONTS,
    any_ink,
    any_text,
    floral,
    item_window,
    lay_on,
    plaid,
    polka_dots,
    print_logo,
    print_splatter,
    stripes,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene, Recipe

WORKING_SIDE = 320
"""Smooth fields over a whole photo are computed at this side and enlarged."""


def folds(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Deep folds: ridges of light and shadow over the item, and nothing else."""
    window = item_window(scene)
    height, width = window.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    small = (max(8, round(height * scale)), max(8, round(width * scale)))
    rows, columns = np.indices(small, dtype=np.float32) / max(small)
    light = np.zeros(small, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        angle, waves = rng.uniform(0, np.pi), rng.uniform(2, 9)
        phase = columns * np.cos(angle) + rows * np.sin(angle) + 0.25 * octaves(small, max(small) * 0.4, rng)
        ridge = 1 - np.abs(np.sin(np.pi * waves * phase))
        here = np.clip(0.4 + 1.2 * noise(small, max(small) * 0.35, rng), 0, 1)
        light = light + (ridge ** rng.uniform(1.5, 5) - 0.25) * here * (
            rng.uniform(0.25, 0.7) * rng.choice([-1.0, 1.0])
        )
    light = as_mask(cv2.resize(as_mask(light), (width, height), interpolation=cv2.INTER_CUBIC))
    drawn = shade(window.rgb, np.clip(1 + light, 0.25, 1.6))
    return lay_on(scene, window, drawn, as_mask(np.clip(np.abs(light) * 4, 0, 1)))


def _whole(scene: PhotoScene, factor: Mask, add: float) -> Painted:
    """Darken the photo by `factor` · −`add`, or lighten it by `factor` · `add` where `add` is positive."""
    rgb = scene.rgb.astype(np.float32)
    drawn = blend(rgb, np.full(3, 252.0), factor * add) if add > 0 else shade(rgb, 1 + factor * add)
    return Painted(np.clip(drawn + 0.5, 0, 255).astype(np.uint8), factor)


def _quadrangle(scene: PhotoScene, rng: np.random.Generator, low: float, high: float) -> Mask:
    """A softened quadrangle about a spot of the item, its sides shares of the photo."""
    height, width = scene.size
    at = spot(scene, rng) or (width / 2, height / 2)
    sides = np.array([width, height]) * rng.uniform(low, high, 2)
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]) + rng.normal(0, 0.1, (4, 2))
    turn = rng.uniform(0, np.pi)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    scale = min(1.0, WORKING_SIDE / max(height, width))
    small = (max(8, round(width * scale)), max(8, round(height * scale)))
    layer = np.zeros((small[1], small[0]), np.uint8)
    cv2.fillPoly(layer, [np.round(((corners * sides) @ spin + at) * scale).astype(np.int32)], 255, cv2.LINE_AA)
    smooth = soft(as_mask(layer.astype(np.float32) / 255), max(small) * log_uniform(rng, 0.004, 0.06))
    return as_mask(np.clip(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1))


def shadow(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """The shadow of somebody or something beside the bench, over item and bench alike."""
    return _whole(scene, _quadrangle(scene, rng, 0.2, 0.9), -float(rng.uniform(0.2, 0.6)))


def glare(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A patch of lamp or window light."""
    return _whole(scene, _quadrangle(scene, rng, 0.08, 0.5), float(rng.uniform(0.12, 0.6)))


def _lay(scene: PhotoScene, at: tuple[float, float], side: int, art: np.ndarray, angle: float, cast: float) -> Painted:
    """Lay a square picture (side, side, 4), alpha last, turned about `at`, with the shadow that it casts."""
    radius = side * 0.75
    window = patch(scene, at, radius, 1.1)
    half = side / 2
    move: NDArray[np.float64] = np.asarray(cv2.getRotationMatrix2D((half, half), angle, 1.0), np.float64)
    move[:, 2] += window.centre - half
    shape = window.shape
    laid = cv2.warpAffine(art, move, (shape[1], shape[0])).astype(np.float32)
    alpha = as_mask(laid[..., 3] / 255)
    offset = max(1, round(side * 0.01))
    below = soft(as_mask(np.roll(alpha, (offset, offset), (0, 1))), max(0.8, side * 0.012)) * (1 - alpha)
    drawn = blend(shade(window.rgb, 1 - below * cast), laid[..., :3], alpha)
    out = scene.rgb.copy()
    part = np.s_[window.y0 : window.y0 + shape[0], window.x0 : window.x0 + shape[1]]
    out[part] = np.clip(drawn + 0.5, 0, 255).astype(np.uint8)
    whole = np.zeros(scene.size, np.float32)
    whole[part] = alpha
    return Painted(out, whole)


def _art(side: int) -> np.ndarray:
    return np.zeros((side, side, 4), np.uint8)


def _rgba(colour: np.ndarray) -> tuple[float, float, float, float]:
    r, g, b = (float(c) for c in np.clip(colour, 0, 255))
    return r, g, b, 255.0


def hang_tag(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A paper tag with a punched hole, a string, print and a barcode."""
    at = spot(scene, rng, 0.05)
    if at is None:
        return None
    side = max(20, round(shorter(scene) * rng.uniform(0.14, 0.4)))
    art, narrow = _art(side), float(rng.uniform(0.42, 0.7))
    papers = np.array([(248, 247, 243), (206, 178, 138), (30, 30, 32), (225, 60, 55), (240, 240, 240)])
    paper = papers[int(rng.integers(len(papers)))] * rng.uniform(0.9, 1)
    ink = _rgba(np.full(3, 25 if paper.mean() > 120 else 235))
    x0, x1, y0, y1 = side * (1 - narrow) / 2, side * (1 + narrow) / 2, side * 0.2, side * 0.97
    cv2.line(
        art,
        (side // 2, int(y0 + side * 0.07)),
        (int(rng.uniform(0.2, 0.8) * side), 0),
        ink,
        max(1, side // 70),
        cv2.LINE_AA,
    )
    cv2.rectangle(art, (int(x0), int(y0)), (int(x1), int(y1)), _rgba(paper), -1)
    cv2.circle(art, (side // 2, int(y0 + side * 0.07)), max(1, side // 32), ink, -1, cv2.LINE_AA)
    font = FONTS[int(rng.integers(3))]
    for row in range(int(rng.integers(1, 4))):
        text = any_text(rng, int(rng.integers(3, 8))) if row == 0 else f"{rng.uniform(5, 200):.2f}"
        (wide, _), _ = cv2.getTextSize(text, font, 1.0, 2)
        scale = (x1 - x0) * 0.8 / max(1, wide)
        where = (int(x0 + (x1 - x0) * 0.1), int(y0 + side * (0.26 + 0.14 * row)))
        cv2.putText(art, text, where, font, scale, ink, max(1, round(scale * 2)), cv2.LINE_AA)
    x = x0 + (x1 - x0) * 0.12
    while x < x1 - (x1 - x0) * 0.12:
        bar = max(1, round(side * rng.uniform(0.006, 0.02)))
        cv2.rectangle(art, (int(x), int(y1 - side * 0.16)), (int(x) + bar - 1, int(y1 - side * 0.05)), ink, -1)
        x += bar + max(1, side * rng.uniform(0.006, 0.02))
    return _lay(scene, at, side, art, float(rng.uniform(-40, 40)), float(rng.uniform(0.2, 0.5)))


def _edge(scene: PhotoScene, rng: np.random.Generator) -> tuple[float, float]:
    """A point on or near the item's outline, or anywhere on the item."""
    outlines, _ = cv2.findContours((scene.item > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if outlines and rng.random() < 0.6:
        outline = np.asarray(max(outlines, key=len)).reshape(-1, 2)
        x, y = outline[int(rng.integers(len(outline)))] + rng.normal(0, 0.03, 2) * shorter(scene)
        return float(x), float(y)
    height, width = scene.size
    return spot(scene, rng) or (width / 2, height / 2)


def ruler(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A ruler or measuring tape on or beside the item, with ticks and figures; sometimes along the photo's edge."""
    height, width = scene.size
    side = max(32, round(shorter(scene) * float(rng.uniform(0.4, 1.1))))
    art = _art(side)
    thick = max(4, round(side * float(rng.uniform(0.05, 0.13))))
    top = (side - thick) // 2
    bodies = np.array(
        [(245, 205, 60), (246, 245, 240), (222, 186, 130), (190, 194, 198), (250, 226, 120), (60, 60, 62)]
    )
    body = bodies[int(rng.integers(len(bodies)))] * rng.uniform(0.88, 1.02)
    ink = _rgba(np.full(3, 20 if body.mean() > 110 else 235))
    cv2.rectangle(art, (0, top), (side - 1, top + thick), _rgba(body), -1)
    step = max(2.0, side / rng.uniform(30, 130))
    for tick in range(int(side / step) + 1):
        long = 0.55 if tick % 10 == 0 else 0.4 if tick % 5 == 0 else 0.25
        x = int(tick * step)
        cv2.line(art, (x, top), (x, top + int(thick * long)), ink, 1)
        if tick % 10 == 0 and thick > 9:
            scale = thick / 60
            spot_at = (x + 2, top + thick - max(1, thick // 10))
            cv2.putText(
                art,
                str(tick // 10),
                spot_at,
                cv2.FONT_HERSHEY_SIMPLEX,
                scale,
                ink,
                max(1, round(scale * 2)),
                cv2.LINE_AA,
            )
    at, angle = _edge(scene, rng), float(rng.choice([0, 90, 180, 270]) + rng.normal(0, 12))
    if rng.random() < 0.25:
        at, angle = (float(rng.uniform(0.3, 0.7) * width), height - thick * 0.7), float(rng.normal(0, 2))
    return _lay(scene, at, side, art, angle, float(rng.uniform(0.1, 0.4)))


def arrow(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """An arrow or ring drawn over the photo, by hand or by a program, mostly red; it points at nothing."""
    side = max(24, round(shorter(scene) * log_uniform(rng, 0.12, 0.45)))
    art = _art(side)
    colours = np.array([(230, 25, 30), (250, 40, 20), (200, 10, 60), (255, 225, 0), (30, 60, 230), (40, 200, 60)])
    colour = _rgba(colours[int(rng.integers(3) if rng.random() < 0.8 else rng.integers(6))])
    thick = max(1, round(side * log_uniform(rng, 0.015, 0.09)))
    pad = max(3, side // 10)
    if rng.random() < 0.75:
        tip = float(rng.uniform(0.15, 0.4))
        cv2.arrowedLine(art, (pad, side // 2), (side - pad, side // 2), colour, thick, cv2.LINE_AA, 0, tip)
    else:
        axes = (side // 2 - pad, max(3, round((side // 2 - pad) * rng.uniform(0.5, 1))))
        cv2.ellipse(art, (side // 2, side // 2), axes, 0, 0, 360, colour, thick, cv2.LINE_AA)
    return _lay(scene, _edge(scene, rng), side, art, float(rng.uniform(0, 360)), 0.0)


def fittings(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A row of buttons, rivets or eyelets, or a zip."""
    at = spot(scene, rng, 0.08)
    if at is None:
        return None
    window = patch(scene, at, max(8.0, shorter(scene) * rng.uniform(0.15, 0.45)), 1.1)
    angle = float(rng.choice([0, np.pi / 2], p=[0.25, 0.75]) + rng.normal(0, 0.06))
    way, r = np.array([np.cos(angle), np.sin(angle)]), window.radius
    art, alpha = window.rgb.copy(), np.zeros(window.shape, np.float32)
    metal = rng.uniform(90, 215) * np.array([1, rng.uniform(0.85, 1), rng.uniform(0.55, 1)])
    if rng.random() < 0.65:
        body = metal if rng.random() < 0.4 else any_ink(rng)
        size = max(2.0, shorter(scene) * log_uniform(rng, 0.01, 0.03))
        for t in np.linspace(-0.9, 0.9, int(rng.integers(3, 8))):
            x, y = window.centre + way * t * r
            where = (round(x * 16), round(y * 16))
            cv2.circle(art, where, round(size * 16), _rgba(body * 0.7)[:3], -1, cv2.LINE_AA, 4)
            cv2.circle(art, (where[0] - 8, where[1] - 8), round(size * 13), _rgba(body)[:3], -1, cv2.LINE_AA, 4)
            cv2.circle(alpha, where, round(size * 16), 1.0, -1, cv2.LINE_8, 4)
            for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
                inner = (round(where[0] + dx * size * 4), round(where[1] + dy * size * 4))
                cv2.circle(art, inner, max(6, round(size * 1.8)), _rgba(body * 0.35)[:3], -1, cv2.LINE_AA, 4)
    else:
        along, across = turned(window, angle)
        half = max(2.0, shorter(scene) * rng.uniform(0.008, 0.022))
        period = max(2.0, half * rng.uniform(0.5, 0.9))
        teeth = ramp(0.3 - np.abs(((along / period + 0.5 * (across > 0)) % 1) - 0.5), 0.2)
        ribbon, chain = np.abs(across) < half * 2.2, np.abs(across) < half * 0.8
        on = np.abs(along) < r * 0.95
        art = blend(art, window.tone() * rng.uniform(0.5, 0.85), as_mask((ribbon & on).astype(np.float32)))
        art = blend(art, metal, as_mask(teeth * (chain & on)))
        alpha = as_mask((ribbon & on).astype(np.float32))
    drawn = blend(window.rgb, art, alpha)
    cast = soft(as_mask(np.roll(alpha, (1, 1), (0, 1))), 1.5) * (1 - alpha)
    return lay_on(scene, window, shade(drawn, 1 - cast * 0.4), as_mask(np.maximum(alpha, cast)))


HARMLESS: tuple[Recipe, ...] = (
    Recipe("print_logo", "", "", print_logo),
    Recipe("print_splatter", "", "", print_splatter),
    Recipe("stripes", "", "", stripes),
    Recipe("polka_dots", "", "", polka_dots),
    Recipe("plaid", "", "", plaid),
    Recipe("floral", "", "", floral),
    Recipe("folds", "", "", folds),
    Recipe("cloth_shadow", "", "", shadow),
    Recipe("cloth_glare", "", "", glare),
    Recipe("hang_tag", "", "", hang_tag),
    Recipe("ruler", "", "", ruler),
    Recipe("arrow", "", "", arrow),
    Recipe("fittings", "", "", fittings),
)
