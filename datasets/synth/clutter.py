"""Things on and around an item that are no damage: cables, hairs, dust, finger marks, stickers, pen."""

import cv2
import numpy as np

from regrade.datasets.synth.drawing import (
    Points,
    Stroke,
    add,
    as_mask,
    blend,
    cloud,
    lines,
    noise,
    outline,
    polygon,
    shade,
    shifted,
    soft,
    strokes,
)
from regrade.datasets.synth.light import everything, face_of
from regrade.datasets.synth.scene import Painted, PhotoScene, Rgb
from regrade.datasets.synth.surfaces import Canvas


def curve(start: Points, end: Points, bow: float, rng: np.random.Generator, count: int = 40) -> Points:
    """A smooth path (count, 2) from `start` to `end`, bowed by about `bow` of its length, with a lesser wave in it."""
    t = np.linspace(0, 1, count)[:, None]
    along = end - start
    across = np.array([-along[1], along[0]])
    waves: Points = np.sin(np.pi * t * (1, 2, 3)) @ rng.normal(0, bow / np.array([1, 2, 3]))
    path: Points = start + along * t + across * waves[:, None]
    return path


def _on_item(on: Canvas, rng: np.random.Generator) -> Points:
    at: Points = on.face.project(on.face.at(*rng.uniform(0.02, 0.98, 2)))[0]
    return at


def cable(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Cables, cords and straps that lie across item and bench: smooth, of one width, round, with a shadow."""
    on = everything(scene)
    height, width = on.shape
    out, mask = on.rgb, np.zeros(on.shape, np.float32)
    tone = np.array([(18, 18, 20), (235, 235, 232), (120, 120, 125), (190, 30, 35), (30, 60, 150), (222, 200, 40)][
        int(rng.choice(6, p=[0.4, 0.25, 0.15, 0.08, 0.07, 0.05]))
    ])  # fmt: skip
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        turn = rng.uniform(0, 2 * np.pi)
        ray = np.array([np.cos(turn), np.sin(turn)]) * max(height, width)
        start = _on_item(on, rng) if rng.random() < 0.35 else None
        middle = _on_item(on, rng)
        path = curve(middle - ray if start is None else start, middle + ray, float(rng.uniform(0.03, 0.3)), rng, 90)
        wide = on.face.unit * float(np.exp(rng.uniform(np.log(0.0022), np.log(0.025))))
        body = lines(on.shape, [path], wide)
        drop = wide * float(rng.uniform(0.2, 1.2))
        fall = soft(shifted(body, drop, drop * 0.8), max(0.6, wide * 0.5)) * (1 - body)
        out = shade(out, 1 - fall * float(rng.uniform(0.15, 0.55)))
        out = blend(out, np.clip(tone * (on.light / 235) + rng.normal(0, 6, 3), 0, 255), body)
        if wide > 2:
            ridge = lines(on.shape, [path - wide * 0.2], wide * 0.3)
            out = add(out, soft(ridge, wide * 0.15) * body * float(rng.uniform(10, 70)))
            out = shade(out, 1 - np.clip(body - shifted(body, -wide * 0.25, -wide * 0.25), 0, 1) * 0.45)
        mask = np.maximum(mask, np.maximum(body, fall))
    return on.finish(out, mask)


def hair(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Hairs, threads and lint: thin, smooth and curled, never forked, seldom straight."""
    on = face_of(scene)
    size, drawn = on.face.unit, []
    for _ in range(int(rng.integers(1, 8))):
        start = _on_item(on, rng)
        turn, length = rng.uniform(0, 2 * np.pi), size * float(rng.uniform(0.06, 0.7))
        end = start + length * np.array([np.cos(turn), np.sin(turn)])
        path = curve(start, end, float(rng.uniform(0.05, 0.5)), rng)
        even = np.ones(len(path))
        wide = max(0.45, size / 420 * float(np.exp(rng.normal(0, 0.3))))
        drawn.append(Stroke(path, even * wide, even * float(rng.uniform(0.6, 1))))
    mask = soft(strokes(on.shape, drawn), 0.35)
    pale = on.brightness < 110 if rng.random() < 0.8 else on.brightness >= 110
    tone = np.full(3, on.light * rng.uniform(0.6, 0.95)) if pale else np.array([40, 32, 28]) * rng.uniform(0.4, 1.6)
    if rng.random() < 0.2:
        tone = rng.uniform(30, 220, 3)
    out = shade(on.rgb, 1 - shifted(soft(mask, 0.8), 1.2, 1.2) * 0.35)
    return on.finish(blend(out, tone, mask * float(rng.uniform(0.5, 0.95))), mask)


def smudge(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Finger marks and wiped grease: milky over dark glass, without an edge; some show the ridges of the skin."""
    on = face_of(scene)
    size, film = on.face.unit, np.zeros(on.shape, np.float32)
    rows, columns = np.indices(on.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 8))):
        at = _on_item(on, rng)
        if rng.random() < 0.6:
            spot = polygon(on.shape, outline(at, size * float(rng.uniform(0.02, 0.045)), rng, 1.5, 0.1))
            away = np.hypot(columns - np.float32(at[0]), rows - np.float32(at[1]))
            pitch = max(2.2, size / 180)
            ridges = 0.6 + 0.4 * np.sin(away * (2 * np.pi / pitch) + 4 * noise(on.shape, size * 0.03, rng))
            film += soft(spot, size * 0.005) * ridges.astype(np.float32) * float(rng.uniform(0.4, 1))
        else:  # a wipe
            path = curve(at, _on_item(on, rng), 0.25, rng)
            wide = size * float(rng.uniform(0.02, 0.07))
            swath = soft(lines(on.shape, [path], wide), wide * 0.25)
            film += swath * np.clip(0.5 + 0.6 * cloud(on.shape, size * 0.05, rng), 0, 1) * float(rng.uniform(0.3, 0.9))
    film = np.clip(film, 0, 1) * np.clip(on.item, 0, 1)
    milk = np.full(3, on.light * 0.7) if on.brightness < 130 else np.full(3, on.brightness * 0.6)
    return on.finish(blend(on.rgb, milk, film * float(rng.uniform(0.1, 0.32))), film, 5.0, 6.0)


def dust(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Specks of dust and short fibres, some in soft heaps."""
    on = face_of(scene)
    size = on.face.unit
    layer = np.zeros(on.shape, np.uint8)
    for _ in range(int(rng.integers(25, 260))):
        x, y = _on_item(on, rng)
        if rng.random() < 0.12:
            turn, reach = rng.uniform(0, np.pi), size * rng.uniform(0.004, 0.02)
            other = (int(x + reach * np.cos(turn)), int(y + reach * np.sin(turn)))
            cv2.line(layer, (int(x), int(y)), other, int(rng.integers(60, 220)), 1, cv2.LINE_AA)
        else:
            grain = int(size / 420 * rng.exponential(0.7) + 0.5)
            cv2.circle(layer, (int(x), int(y)), grain, int(rng.integers(60, 255)), -1, cv2.LINE_AA)
    specks = soft(as_mask(layer), 0.45) * np.clip(on.item, 0, 1)
    specks *= np.clip(0.6 + cloud(on.shape, size * 0.3, rng), 0.1, 1)
    tone = np.full(3, on.light * 0.85) if on.brightness < 150 else np.array([85, 78, 70])
    return on.finish(blend(on.rgb, tone, specks * float(rng.uniform(0.3, 0.8))), specks)


def pen(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Handwriting, ticks and circles of an inspector's marker or chalk."""
    on = face_of(scene)
    size = on.face.unit
    at = _on_item(on, rng)
    step, tall = size * float(rng.uniform(0.012, 0.04)), size * float(rng.uniform(0.02, 0.06))
    turn = float(rng.normal(0, 0.4))
    axes = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    paths: list[Points] = []
    if rng.random() < 0.7:
        for line in range(int(rng.integers(1, 3))):
            count = int(rng.integers(8, 40))
            t = np.linspace(0, count * 1.7, count * 9)
            heights = rng.uniform(0.1, 1, int(t[-1] // 3) + 2)
            wave = np.sin(t) * np.interp(t, 3 * np.arange(len(heights)), heights)
            loops = t / 1.7 * step + np.cos(t * 1.1) * step * 0.6
            script = np.column_stack([loops, wave * tall * 0.5 + line * tall * 1.6])
            paths.append(at + script @ axes)
    else:
        t = np.linspace(0, 2 * np.pi * float(rng.uniform(0.9, 1.2)), 50)
        ring = np.column_stack([np.cos(t), np.sin(t) * rng.uniform(0.5, 1)]) * size * rng.uniform(0.05, 0.2)
        paths.append(at + (ring * (1 + 0.05 * np.sin(3 * t))[:, None]) @ axes)
    ink = soft(lines(on.shape, paths, max(0.8, size * float(rng.uniform(0.002, 0.008)))), 0.4) * on.item
    inks = ((20, 20, 25), (25, 50, 150), (190, 30, 35), (235, 235, 230), (30, 130, 60))
    tone = np.array(inks[int(rng.integers(5))]) * (on.light / 235)
    return on.finish(blend(on.rgb, tone, ink * float(rng.uniform(0.6, 0.95))), ink)


def sticker(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A label with print and a bar code, an asset tag, a round or coloured sticker, stuck on flat."""
    on = face_of(scene)
    long = int(np.clip(on.face.unit * rng.uniform(0.12, 0.5), 24, 420))
    printed = _print(long, max(12, int(long * rng.uniform(0.3, 0.9))), rng)
    tall, wide = printed.shape[:2]
    turn = float(rng.choice([0, np.pi / 2, np.pi, -np.pi / 2]) + rng.normal(0, 0.12))
    axes = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    centre = on.face.at(*rng.uniform(0.15, 0.85, 2))
    corners = on.face.project(
        centre + (np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (wide, tall)) @ axes / (2 * on.face.unit)
    )
    flat = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)], np.float32)
    put = cv2.getPerspectiveTransform(flat, corners.astype(np.float32))
    paper = np.asarray(cv2.warpPerspective(printed, put, on.shape[::-1], flags=cv2.INTER_AREA), np.uint8)
    plain = np.ones((tall, wide), np.float32)
    if rng.random() < 0.2:
        plain = polygon((tall, wide), outline((wide / 2, tall / 2), min(wide, tall) * 0.48, rng, ragged=0.0))
    mask = np.asarray(cv2.warpPerspective(plain, put, on.shape[::-1]), np.float32)
    if rng.random() < 0.7:
        mask = mask * np.clip(on.item, 0, 1)
    lit = np.clip(on.light / 245 * (1 + 0.06 * noise(on.shape, on.face.unit * 0.3, rng)), 0, 1.05)
    out = shade(on.rgb, 1 - np.clip(shifted(soft(mask, 1.2), 1.5, 1.5) - mask, 0, 1) * 0.4)
    out = blend(out, np.clip(paper * lit[..., None], 0, 255), mask * float(rng.uniform(0.93, 1)))
    return on.finish(out, mask)


def _print(wide: int, tall: int, rng: np.random.Generator) -> Rgb:
    """Print on paper or foil: lines of text, bars, frames, (tall, wide, 3)."""
    paper = rng.uniform(200, 252, 3) if rng.random() < 0.65 else rng.uniform(15, 250, 3)
    ink = np.full(3, 25.0) if paper.mean() > 110 else np.full(3, 235.0)
    if rng.random() < 0.2:
        ink = rng.uniform(0, 255, 3)
    sheet = np.full((tall, wide, 3), paper, np.uint8)
    colour = tuple(float(v) for v in ink)
    y = tall * float(rng.uniform(0.08, 0.25))
    while y < tall * 0.95:
        kind = rng.random()
        height = tall * float(rng.uniform(0.08, 0.3))
        if kind < 0.25:  # bars
            x = wide * 0.08
            while x < wide * 0.9:
                bar = float(rng.choice([1, 1, 2, 3])) * max(1.0, wide / 140)
                cv2.rectangle(sheet, (int(x), int(y)), (int(x + bar), int(y + height)), colour, -1)
                x += bar + float(rng.choice([1, 2, 3])) * max(1.0, wide / 140)
        elif kind < 0.9:
            letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVXZ0123456789-/. "), int(rng.integers(4, 26))))
            scale = height * float(rng.uniform(0.4, 0.9)) / 22
            foot, font = (int(wide * 0.06), int(y + height * 0.8)), int(rng.choice([0, 1, 2, 3, 4]))
            cv2.putText(sheet, letters, foot, font, scale, colour, max(1, round(scale * 1.6)), cv2.LINE_AA)
        else:
            cv2.line(sheet, (int(wide * 0.05), int(y)), (int(wide * 0.95), int(y)), colour, max(1, tall // 60))
        y += height * float(rng.uniform(1.05, 1.5))
    if rng.random() < 0.3:
        cv2.rectangle(sheet, (1, 1), (wide - 2, tall - 2), colour, max(1, min(wide, tall) // 50))
    return sheet


def seam(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Straight lines of a housing, a case or the edge of a protective film: parallel to the sides, of even strength."""
    on = face_of(scene)
    paths: list[Points] = []
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.5:
            t = float(rng.uniform(0.03, 0.97))
            ends = [(t, 0.0), (t, 1.0)] if rng.random() < 0.5 else [(0.0, t), (1.0, t)]
        else:
            low, high = float(rng.uniform(0.01, 0.2)), float(rng.uniform(0.8, 0.99))
            ends = [(low, low), (high, low), (high, high), (low, high), (low, low)]
        paths.append(on.face.project(np.array(ends) * (on.face.width, on.face.height)))
    line = soft(lines(on.shape, paths, max(0.6, on.face.unit / 380 * float(rng.uniform(0.5, 2.5)))), 0.4) * on.glass
    strength = float(rng.uniform(0.25, 0.85))
    if rng.random() < 0.5:
        return on.finish(blend(on.rgb, np.full(3, on.light * 0.8), line * strength), line)
    out = shade(on.rgb, 1 - line * strength)
    return on.finish(add(out, shifted(line, 1.2, 1.2) * on.light * 0.2), np.maximum(line, shifted(line, 1.2, 1.2)))
