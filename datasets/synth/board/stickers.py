"""What is stuck, strapped or printed onto a carton without harming it: labels, tape, straps, and their artwork."""

import math
from typing import Final

import cv2
import numpy as np

from regrade.datasets.synth.board.material import (
    BoardPatch,
    Floats,
    Points,
    blur,
    directions,
    extent,
    filled,
    lay,
    noise,
    patch,
    photo_grain,
    shaded,
    shifted,
    stroked,
)
from regrade.datasets.synth.board.places import on_face, seam
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene

WORDS: Final = (
    "FRAGILE", "THIS SIDE UP", "1Z 999 AA1", "SHIP TO", "QTY 24", "MADE IN CHINA", "HANDLE WITH CARE", "PF-014/1",
    "LOT 2231", "BOX 3 OF 7", "PRIORITY", "9.0 KG", "PO 448120", "RETURN", "EXPRESS", "KEEP DRY", "C-17", "SKU 00417",
)  # fmt: skip
FONTS: Final = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
)  # fmt: skip

_TAPES: Final = np.array(
    [
        [0.62, 0.44, 0.25],
        [0.55, 0.38, 0.20],
        [0.72, 0.55, 0.33],
        [0.95, 0.95, 0.93],
        [0.12, 0.12, 0.13],
        [0.15, 0.35, 0.80],
        [0.85, 0.15, 0.12],
        [0.90, 0.80, 0.20],
    ],
    np.float32,
)
"""Colours of tape under white light; the first three are browns."""


def quad_on_face(
    centre: Points, along: tuple[float, float], sides: tuple[float, float], rng: np.random.Generator
) -> Points:
    """A rectangle on the face whose edges run along `along`, with a little of its own tilt, (4, 2)."""
    tilt = float(rng.normal(0, 0.03)) if rng.random() < 0.75 else float(rng.uniform(-0.6, 0.6))
    u, v = (np.array([np.cos(a + tilt), np.sin(a + tilt)]) for a in along)
    if u[0] * v[1] - u[1] * v[0] < 0:
        v = -v
    u, v = u * sides[0] / 2, v * sides[1] / 2
    quad: Points = centre + np.array([-u - v, u - v, u + v, -u + v])
    return quad


def laid_flat(spot: BoardPatch, art: Floats, quad: Points) -> tuple[Floats, Mask]:
    """`art` (h, w, 4), colours and opacity in [0, 1], put on the face over `quad`: colours (h, w, 3) and opacity."""
    h, w = art.shape[:2]
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, quad.astype(np.float32))
    # Averaged down first, so that fine print turns to grey as in a photo and does not break into dots.
    shrink = max(1.0, w / max(8.0, float(np.hypot(*(quad[1] - quad[0])))))
    art = blur(art, 0.4 * shrink)
    flat = cv2.warpPerspective(art, turn, (spot.size[1], spot.size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(flat[..., :3], np.float32), np.asarray(flat[..., 3], np.float32)


def light_on(spot: BoardPatch, sigma: float) -> Floats:
    """How the light varies over the spot, about 1: what is stuck onto the board is lit like the board."""
    grey = blur(spot.rgb.mean(axis=2), sigma)
    return np.asarray(np.clip(grey / max(20.0, float(np.median(grey))), 0.5, 1.6), np.float32)


def paper_white(spot: BoardPatch) -> float:
    """What white paper would read here."""
    bright = float(np.percentile(spot.scene.rgb[::7, ::7], 98))
    here = float(np.percentile(spot.rgb[spot.item > 0.5], 90)) if (spot.item > 0.5).any() else bright
    return float(np.clip(0.4 * bright + 0.75 * here, 60, 248))


def text(art: Floats, word: str, at: tuple[int, int], height: float, ink: float, font: int) -> None:
    layer = np.zeros(art.shape[:2], np.uint8)
    cv2.putText(layer, word, at, font, height / 22, 255, max(1, int(height / 9)), cv2.LINE_AA)
    _ink(art, layer.astype(np.float32) / np.float32(255), (ink, ink, ink))


def _ink(art: Floats, where: Mask, colour: tuple[float, float, float]) -> None:
    art[..., :3] = lay(art[..., :3], colour, where)
    art[..., 3] = np.maximum(art[..., 3], where)


def barcode(art: Floats, box: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    x1, y1, x2, y2 = box
    x = x1
    while x < x2:
        bar = int(rng.integers(1, 5))
        art[y1:y2, x : min(x2, x + bar), :3] = 0.08
        art[y1:y2, x : min(x2, x + bar), 3] = 1
        x += bar + int(rng.integers(1, 5))


def _label_art(rng: np.random.Generator) -> Floats:
    h, w = int(rng.integers(150, 300)), 220
    art = np.ones((h, w, 4), np.float32)
    if rng.random() < 0.2:
        art[..., :3] = rng.choice(np.array([[1, 0.85, 0.2], [1, 0.5, 0.2], [0.7, 0.9, 0.6], [0.9, 0.3, 0.3]]))
    font = FONTS[int(rng.integers(len(FONTS)))]
    if rng.random() < 0.6:
        cv2.rectangle(art, (5, 5), (w - 6, h - 6), (0.1, 0.1, 0.1, 1), int(rng.integers(1, 4)))
    y = 14
    while y < h - 16:
        kind = rng.random()
        if kind < 0.3 and h - y > 50:
            tall = int(rng.integers(24, 60))
            barcode(art, (16, y, w - int(rng.integers(14, 80)), min(h - 10, y + tall)), rng)
            y += tall + 10
        elif kind < 0.38 and h - y > 70:
            side = 54
            dots = (rng.random((18, 18)) < 0.5).astype(np.float32)
            grown = cv2.resize(dots, (side, side), interpolation=cv2.INTER_NEAREST)
            left = int(rng.integers(12, w - side - 12))
            art[y : y + side, left : left + side, :3] *= (1 - 0.92 * grown)[..., None]
            y += side + 8
        elif kind < 0.48:
            cv2.rectangle(art, (8, y), (w - 8, y + int(rng.integers(2, 20))), (0.08, 0.08, 0.08, 1), -1)
            y += 26
        else:
            height = float(rng.choice([8, 10, 12, 18, 26]))
            word = " ".join(rng.choice(WORDS, int(rng.integers(1, 3))))
            text(art, word, (12, int(y + height)), height, 0.12, font)
            y += int(height * 1.5) + 3
    return art


def shipping_label(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A shipping or product label with bars, codes and lines of text, flat on a face."""
    size = extent(scene)
    wide = size * float(rng.uniform(0.10, 0.42))
    at = on_face(scene, rng, wide * 0.45)
    if at is None:
        return None
    art = _label_art(rng)
    spot = patch(scene, at, wide * 1.1 + 8)
    along = directions(scene, at, rng)
    along = along if rng.random() < 0.5 else along[::-1]
    quad = quad_on_face(at - (spot.left, spot.top), along, (wide, wide * art.shape[0] / art.shape[1]), rng)
    colours, cover = laid_flat(spot, art, quad)
    cover = cover * spot.item
    white = paper_white(spot) * float(rng.uniform(0.85, 1.0))
    lit = light_on(spot, max(2.0, wide * 0.25))
    drop = blur(shifted(cover, 0.6, 1.0), 1.0) * (1 - cover)
    spot.rgb = shaded(spot.rgb, 1 - 0.25 * drop)
    face = colours * white * lit[..., None] + photo_grain(spot, rng)
    spot.rgb = lay(spot.rgb, np.clip(face, 0, 253), cover * float(rng.uniform(0.92, 1)))
    if rng.random() < 0.35:  # a pocket of clear film over it
        _gloss(spot, filled(spot.size, at - (spot.left, spot.top) + (quad - (at - (spot.left, spot.top))) * 1.12), rng)
    spot.mask = cover
    return spot.put_back()


def _gloss(spot: BoardPatch, cover: Mask, rng: np.random.Generator) -> None:
    """The shine of film: faint streaks and a bright patch or two, along one direction."""
    turn = float(rng.uniform(0, np.pi))
    run = math.cos(turn) * spot.x + math.sin(turn) * spot.y
    wide = max(6.0, max(spot.size) * 0.12)
    band = np.exp(-(((run - float(rng.uniform(run.min(), run.max()))) / wide) ** 2))
    streak = np.clip(noise(spot.size, wide * 0.35, rng, 3) - 0.35, 0, 1)
    shine = (
        np.clip(band * float(rng.uniform(0, 0.5)) + streak * float(rng.uniform(0.1, 0.6)), 0, 0.8) * cover * spot.item
    )
    spot.rgb = lay(spot.rgb, np.full(3, min(252.0, paper_white(spot) * 1.1), np.float32), shine.astype(np.float32))


def tape(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A straight strip of clear, brown, white, coloured or printed tape, now and then with wrinkles and air below."""
    size = extent(scene)
    line = seam(scene, rng) if rng.random() < 0.5 else None
    if line is None:
        at = on_face(scene, rng, 0.1 * size)
        if at is None:
            return None
        angle = float(rng.choice(directions(scene, at, rng))) + float(rng.normal(0, 0.04))
    else:
        at = (line[0] + line[1]) / 2
        angle = float(np.arctan2(*(line[1] - line[0])[::-1]))
    length = size * float(rng.uniform(0.3, 1.5))
    wide = size * float(rng.uniform(0.06, 0.14))
    spot = patch(scene, at, length * 0.55 + wide + 6)
    centre = at - (spot.left, spot.top)
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    ends = np.array([-u - v * wide / length, u - v * wide / length, u + v * wide / length, -u + v * wide / length])
    cover = filled(spot.size, centre + ends * length / 2)
    if rng.random() < 0.4:  # the dispenser's teeth
        dx, dy = spot.offsets(centre)
        c, s = math.cos(angle), math.sin(angle)
        run, across = dx * c + dy * s, dy * c - dx * s
        teeth = np.abs((across / max(2.0, wide * 0.06)) % 2 - 1) * wide * 0.05
        cover = cover * (np.abs(run) < length / 2 - teeth)
    cover = cover.astype(np.float32) * spot.item
    kind = rng.random()
    white = paper_white(spot)
    lit = light_on(spot, max(2.0, wide))[..., None]
    if kind < 0.35:  # clear: a little darker and yellower, with gloss
        tint = np.array([1.0, float(rng.uniform(0.94, 1)), float(rng.uniform(0.75, 0.98))], np.float32)
        spot.rgb = lay(spot.rgb, spot.rgb * tint * float(rng.uniform(0.86, 1.03)), cover)
    else:
        hue = _TAPES[int(rng.integers(3) if kind < 0.7 else rng.integers(len(_TAPES)))]
        face = hue * white * lit * np.ones_like(spot.rgb)
        if kind > 0.85:  # printed all along
            art = np.zeros((64, 640, 4), np.float32)
            word = str(rng.choice(WORDS)) + "  "
            ink = 0.95 if hue.mean() < 0.5 else 0.1
            text(art, word * 6, (6, 44), 28, ink, FONTS[int(rng.integers(len(FONTS)))])
            colours, opacity = laid_flat(spot, art, centre + ends * length / 2)
            face = lay(face, colours * white * lit, opacity)
        spot.rgb = lay(spot.rgb, np.clip(face, 0, 250) + photo_grain(spot, rng), cover * float(rng.uniform(0.8, 1)))
    if rng.random() < 0.4:
        folds = noise(spot.size, wide * 0.4, rng, 3)
        wrinkle = np.clip(1 - np.abs(folds) * 9, 0, 1) * cover * np.clip(noise(spot.size, wide * 1.5, rng) * 2, 0, 1)
        spot.rgb = lay(
            spot.rgb, np.full(3, white, np.float32), (wrinkle * float(rng.uniform(0.1, 0.45))).astype(np.float32)
        )
    _gloss(spot, cover, rng)
    rim = np.clip(cover - cv2.erode(cover, np.ones((3, 3), np.uint8)), 0, 1)
    spot.rgb = shaded(spot.rgb, 1 + rim * float(rng.uniform(-0.25, 0.2)))
    spot.mask = cover
    return spot.put_back()


def strap(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """One or two thin plastic straps right across the item, with their narrow shadow."""
    size = extent(scene)
    at = on_face(scene, rng, 0.15 * size)
    if at is None:
        return None
    x1, y1, x2, y2 = scene.box
    spot = patch(scene, np.array([(x1 + x2) / 2, (y1 + y2) / 2]), max(x2 - x1, y2 - y1) * 0.55 + 4)
    angle = float(rng.choice(directions(scene, at, rng)))
    u, v = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    wide = size * float(rng.uniform(0.012, 0.035))
    colour = np.array(
        [[0.95, 0.85, 0.2], [0.12, 0.12, 0.13], [0.92, 0.92, 0.9], [0.2, 0.5, 0.3], [0.25, 0.4, 0.75]], np.float32
    )[int(rng.integers(5))] * paper_white(spot)
    for k in range(int(rng.integers(1, 3))):
        middle = at - (spot.left, spot.top) + v * k * size * float(rng.uniform(0.1, 0.35))
        cover = (
            stroked(spot.size, [np.array([middle - u * 3 * size, middle + u * 3 * size])], max(1.5, wide)) * spot.item
        )
        drop = blur(shifted(cover, float(v[0]) * wide * 0.5, abs(float(v[1])) * wide * 0.5), wide * 0.25) * (1 - cover)
        spot.rgb = shaded(spot.rgb, np.asarray(1 - 0.4 * drop * spot.item, np.float32))
        dx, dy = spot.offsets(middle)
        c, s = math.cos(angle), math.sin(angle)
        run, across = dx * c + dy * s, dy * c - dx * s
        sheen = 1 + 0.18 * np.exp(-((across / (wide * 0.22)) ** 2))
        ribs = 1 + 0.06 * np.sin(run * (2 * np.pi / max(2.5, wide * 0.6)))
        face = colour * (sheen * ribs)[..., None] * light_on(spot, 6 + wide)[..., None]
        spot.rgb = lay(spot.rgb, np.clip(face, 0, 250) + photo_grain(spot, rng), cover)
        spot.mask = np.maximum(spot.mask, cover)
    return spot.put_back()
