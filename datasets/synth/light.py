"""Light that is no damage: lamps and windows mirrored in glass, streaks, shadows, moiré."""

import cv2
import numpy as np

from regrade.datasets.synth.drawing import (
    Points,
    add,
    cloud,
    lines,
    luma,
    noise,
    outline,
    polygon,
    shade,
    soft,
)
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene
from regrade.datasets.synth.surfaces import Canvas, box_face, canvas, display

_SQUARE = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])


def face_of(scene: PhotoScene) -> Canvas:
    """The display of a device; the box of anything else."""
    return canvas(scene, display(scene) if scene.outline.display else box_face(scene.box))


def everything(scene: PhotoScene) -> Canvas:
    """The whole photo, its face the item's box."""
    return Canvas(scene, box_face(scene.box), scene.rgb, 0, 0)


def _turned(angle: float) -> Points:
    return np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])


def _shine(on: Canvas, light: Mask, rng: np.random.Generator) -> Painted | None:
    """Lay light over the part; a warm or cold one, as far as the photo's own highlights go."""
    tint = 1 + rng.normal(0, 0.05, 3) * (1, 0.4, 1)
    out = add(on.rgb, (light[..., None] * tint).astype(np.float32))
    return on.finish(out, np.clip(light / 60, 0, 1))


def glare(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Mirrored lamps: burnt-out cores with a halo, at times with straight rays that the lens adds."""
    on = face_of(scene)
    rows, columns = np.indices(on.shape, dtype=np.float32)
    light = np.zeros(on.shape, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        at = on.face.project(on.face.at(*rng.uniform(0.03, 0.97, 2)))[0].astype(np.float32)
        radius = np.float32(on.face.unit * rng.uniform(0.008, 0.07))
        stretch, turn = np.float32(rng.uniform(1, 2.5)), float(rng.uniform(0, np.pi))
        dx, dy = columns - at[0], rows - at[1]
        u = (dx * np.float32(np.cos(turn)) + dy * np.float32(np.sin(turn))) / stretch
        v = -dx * np.float32(np.sin(turn)) + dy * np.float32(np.cos(turn))
        away = np.sqrt(u * u + v * v) / radius
        power = float(rng.uniform(90, 380))
        light += (power * np.exp(-(away**2)) + 0.25 * power / (1 + (away / 2.5) ** 2)).astype(np.float32)
        if rng.random() < 0.3:
            count, reach = int(rng.choice([4, 6, 8])), float(radius) * float(rng.uniform(3, 9))
            ways = turn + np.arange(count) * 2 * np.pi / count
            rays = [np.vstack([at, at + reach * np.array([np.cos(w), np.sin(w)])]) for w in ways]
            light += soft(lines(on.shape, rays, max(0.7, on.face.unit / 500)), 0.6) * power * np.exp(-away / 6) * 0.8
    return _shine(on, light * np.clip(on.glass * 0.9 + 0.1 * on.item, 0, 1), rng)


def streak(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Straight bands of light across the face: tubes, blinds, a gap in a curtain, the sheen of brushed metal."""
    on = face_of(scene)
    light, turn = np.zeros(on.shape, np.float32), float(rng.uniform(0, np.pi))
    thin = rng.random() < 0.4
    for _ in range(int(rng.integers(1, 7))):
        along, across = _turned(turn + rng.normal(0, 0.02))
        half = float(rng.uniform(0.001, 0.006) if thin else rng.uniform(0.01, 0.08))
        at = on.face.at(*rng.uniform(0.05, 0.95, 2))
        reach = float(rng.uniform(0.15, 1.2))
        ends = np.array([at - along * reach - across * half, at + along * reach - across * half * rng.uniform(0.3, 1),
                         at + along * reach + across * half, at - along * reach + across * half])  # fmt: skip
        light = np.maximum(light, polygon(on.shape, on.face.project(ends)) * float(rng.uniform(0.3, 1)))
    light = soft(light, on.face.unit * float(rng.choice([0.0015, 0.006, 0.02])))
    light *= np.clip(0.75 + 0.5 * noise(on.shape, on.face.unit * 0.2, rng), 0, 1) * on.glass
    return _shine(on, light * float(rng.uniform(40, 190)), rng)


def window(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A mirrored window: bright panes between dark bars, with something dark standing in front."""
    on = face_of(scene)
    light = np.zeros(on.shape, np.float32)
    axes = _turned(float(rng.normal(0, 0.35)) + float(rng.choice([0, np.pi / 2])))
    axes[1] += axes[0] * rng.normal(0, 0.3)  # mirrors are seldom square to the camera
    pane = np.exp(rng.normal(-2.0, 0.4, 2))
    centre, bar = on.face.at(*rng.uniform(0.1, 0.9, 2)), float(rng.uniform(0.04, 0.2))
    for row in range(int(rng.integers(1, 5))):
        for column in range(int(rng.integers(1, 4))):
            corners = centre + ((_SQUARE * (0.5 - bar / 2) + (column, row)) * pane) @ axes
            light = np.maximum(light, polygon(on.shape, on.face.project(corners)) * float(rng.uniform(0.7, 1)))
    if rng.random() < 0.5:
        body = outline(centre + rng.normal(0, 0.1, 2), float(rng.uniform(0.05, 0.2)), rng, 2.0, 0.25)
        light *= 1 - soft(polygon(on.shape, on.face.project(body)), on.face.unit * 0.01)
    light = soft(light, on.face.unit * float(rng.choice([0.001, 0.004, 0.012])))
    light *= np.clip(0.85 + 0.3 * cloud(on.shape, on.face.unit * 0.15, rng), 0, 1.2) * on.glass
    return _shine(on, light * float(rng.uniform(30, 170)), rng)


def mirrored(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """The room mirrored in the glass: the photo itself, turned over, pale and out of focus."""
    on = face_of(scene)
    height, width = scene.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    target = on.face.project(on.face.at(0.5, 0.5) + (_SQUARE * rng.uniform(0.5, 1.6)) @ _turned(rng.uniform(0, 6.3)))
    turn = cv2.getPerspectiveTransform(corners[::-1].copy(), target.astype(np.float32))
    room = cv2.warpPerspective(scene.rgb, turn, on.shape[::-1], borderMode=cv2.BORDER_REFLECT_101)
    room = cv2.GaussianBlur(room, (0, 0), max(0.6, on.face.unit * float(rng.choice([0.002, 0.006, 0.015]))))
    light = np.clip(room.astype(np.float32) - float(rng.uniform(20, 110)), 0, 255)
    shown = light * (on.glass * float(rng.uniform(0.15, 0.55)))[..., None]
    return on.finish(add(on.rgb, shown), np.clip(shown.max(axis=2) / 40, 0, 1))


def shadow(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """The shadow of a hand, a phone or a plant beside the bench, sharp or soft."""
    on = everything(scene)
    size, mask = on.face.unit, np.zeros(on.shape, np.float32)
    at = np.array([rng.uniform(0, on.shape[1]), rng.uniform(0, on.shape[0])])
    kind = int(rng.integers(4))
    if kind == 0:
        mask = polygon(on.shape, outline(at, size * float(rng.uniform(0.1, 0.6)), rng, float(rng.uniform(1, 5)), 0.15))
    elif kind == 1:  # fingers
        turn = float(rng.uniform(0, 2 * np.pi))
        for _ in range(int(rng.integers(1, 6))):
            turn += rng.normal(0, 0.25)
            end = at + size * float(rng.uniform(0.3, 1)) * np.array([np.cos(turn), np.sin(turn)])
            wide = size * float(rng.uniform(0.03, 0.09))
            mask = np.maximum(mask, lines(on.shape, [np.vstack([at, end])], wide))
    elif kind == 2:  # an edge: half the photo lies in the shade
        axes = _turned(float(rng.uniform(0, 2 * np.pi)))
        far = 2.0 * max(on.shape)
        mask = polygon(on.shape, at + (np.array([(-1, 0), (1, 0), (1, 1), (-1, 1)]) * far) @ axes)
    else:  # leaves and twigs
        mask = np.clip(cloud(on.shape, size * 0.25, rng) * 6 - 1.2, 0, 1).astype(np.float32)
    mask = soft(mask, size * float(rng.choice([0.003, 0.01, 0.04])))
    return on.finish(shade(on.rgb, 1 - mask * float(rng.uniform(0.15, 0.6))), mask)


def moire(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Coloured rings and bars between the pixels of a lit display and those of the camera."""
    on = face_of(scene)
    if not on.face.found:
        return None
    rows, columns = np.indices(on.shape, dtype=np.float32) / np.float32(on.face.unit)
    bent = cloud(on.shape, on.face.unit * 0.6, rng, 2) * np.float32(rng.uniform(0.1, 0.6))
    turn, pitch = float(rng.uniform(0, np.pi)), float(rng.uniform(6, 60))
    phase = (columns * np.cos(turn) + rows * np.sin(turn) + bent) * (2 * np.pi * pitch)
    split = float(rng.uniform(0, 1.2))
    waves = np.dstack([np.sin(phase + split * k) for k in range(3)]).astype(np.float32)
    if rng.random() < 0.4:
        waves *= np.sin(columns * (2 * np.pi * rng.uniform(4, 40)))[..., None].astype(np.float32)
    bright = np.clip(luma(on.rgb) / 160, 0.25, 1) * on.glass * np.float32(rng.uniform(8, 28))
    return on.finish(add(on.rgb, np.asarray(waves * bright[..., None], np.float32)), on.glass * 0.5, 4.0, 5.0)
