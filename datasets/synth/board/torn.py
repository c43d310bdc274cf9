"""How board looks where it is torn through.

What makes a real tear look like one: the opening is dark but not black, darkest below its upper lip; one lip shows
the board's thickness with its flutes; the liner is pulled off raggedly beside it and shows pale fibre; the flap shows
the board's other side and throws a shadow.
"""

import cv2
import numpy as np

from regrade.datasets.synth.board.material import (
    BoardPatch,
    Floats,
    Points,
    blur,
    core_colour,
    directions,
    fibre,
    filled,
    flutes,
    lay,
    light_from,
    noise,
    photo_grain,
    shaded,
    shifted,
    stroked,
    tone,
)
from regrade.datasets.synth.scene import Mask


class TornBoard:
    """What a tear needs to know of the board around it."""

    def __init__(self, spot: BoardPatch, size: float, at: Points, rng: np.random.Generator) -> None:
        one, two = directions(spot.scene, at, rng)
        self.along, self.across = (one, two) if rng.random() < 0.5 else (two, one)
        self.light = light_from(rng)
        self.surface = tone(spot, np.ones(spot.size, np.float32))
        self.core = core_colour(spot, self.surface, rng)
        self.pitch = max(2.6, size * float(rng.uniform(0.010, 0.022)))
        self.thick = max(1.2, size * float(rng.uniform(0.005, 0.012)))
        self.flutes = flutes(spot, self.pitch, self.along, rng)
        self.fibre = fibre(spot.size, rng)
        self.size = size


def draw_opening(
    spot: BoardPatch,
    board: TornBoard,
    opening: Mask,
    rng: np.random.Generator,
    peel: float,
    behind: Floats | None = None,
) -> None:
    """Draw the opening, the lip that shows the board's thickness, and the liner pulled off around it.

    `peel` is how far the liner came off, in pixels; `behind` (h, w, 3) is what the opening shows, by default the dark
    inside of the carton.
    """
    opening = opening * spot.item
    grain = photo_grain(spot, rng)
    away = cv2.distanceTransform((opening < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    # The liner comes off further on some sides than on others, and along the flutes.
    reach = peel * np.clip(0.25 + noise(spot.size, 5 * peel + 6, rng, 3) * 0.9, 0.0, 2.0)
    fray = noise(spot.size, max(2.0, peel * 0.5), rng, 2) * peel * 0.25
    bared = blur(((away + fray < reach) & (away < 3 * peel)).astype(np.float32), 0.5) * spot.item
    bare = board.core * (1 + 0.09 * board.flutes + 0.07 * board.fibre)[..., None]
    deep = np.clip(blur(bared, max(0.6, board.thick * 0.3)) * 1.2 - 0.1, 0, 1)
    shade = 1 + 0.35 * (shifted(deep, board.light[0], board.light[1]) - shifted(deep, -board.light[0], -board.light[1]))
    spot.rgb = lay(spot.rgb, bare * np.clip(shade, 0.6, 1.25)[..., None] + grain, bared * 0.92)
    # A rim of torn paper, paler than the board, where the liner ends.
    rim = np.clip(blur(bared, 0.8) * (1 - bared) * 3.2, 0, 1) * np.clip(0.6 + board.fibre, 0, 1) * spot.item
    spot.rgb = lay(spot.rgb, np.clip(board.core * 1.12 + 16, 0, 250), rim * 0.55)
    shown = _inside(spot, board, opening, rng) + grain if behind is None else behind
    spot.rgb = lay(spot.rgb, shown, blur(opening, 0.45))
    # The cut edge of one lip, as a rule of that which faces the light: two liners with the wave between them.
    wide = board.thick * float(rng.uniform(0.7, 1.4))
    side = 1 if rng.random() < 0.85 else -1
    lip = opening * (1 - shifted(opening, side * board.light[0] * wide, side * board.light[1] * wide))
    cells = 0.5 + 0.5 * np.sign(board.flutes) * np.minimum(1, np.abs(board.flutes) * 2)
    edge = board.core * (0.72 + 0.3 * cells + 0.08 * board.fibre)[..., None]
    spot.rgb = lay(spot.rgb, np.clip(edge, 0, 250) + grain, np.clip(lip, 0, 1) * 0.9)
    # A hair of pale paper on the edge itself.
    hair = np.clip(1 - np.abs(away - 0.8), 0, 1) * np.clip(0.35 + 0.9 * board.fibre, 0, 1) * spot.item * (opening < 0.5)
    spot.rgb = lay(spot.rgb, np.clip(board.core * 1.15 + 20, 0, 252), hair.astype(np.float32) * 0.6)
    spot.mask = np.maximum(spot.mask, np.maximum(opening, bared * 0.8))


def _inside(spot: BoardPatch, board: TornBoard, opening: Mask, rng: np.random.Generator) -> Floats:
    """The inside of the carton: what little light falls in comes from the open side."""
    depth = blur(opening, max(1.0, board.size * 0.012))
    lit = shifted(depth, board.light[0] * board.thick * 2, board.light[1] * board.thick * 2)
    uneven = 1 + 0.25 * noise(spot.size, board.size * 0.06, rng, 2)
    dark = float(rng.uniform(0.10, 0.30)) * (1.35 - 0.75 * lit) * uneven
    return np.asarray(board.core * np.array([0.95, 0.92, 0.9], np.float32) * dark[..., None] + 4, np.float32)


def draw_flap(
    spot: BoardPatch, board: TornBoard, outline: Points, hinge: tuple[Points, Points], rng: np.random.Generator
) -> None:
    """Draw a flap folded back over the hinge: its inner side, its shadow, its torn edge."""
    shape = filled(spot.size, outline)
    lift = board.size * float(rng.uniform(0.008, 0.03))
    shadow = blur(shifted(shape, -board.light[0] * lift, -board.light[1] * lift), lift * 0.6)
    grain = photo_grain(spot, rng)
    spot.rgb = spot.rgb * (1 - 0.55 * np.clip(shadow - shape, 0, 1))[..., None]
    a, b = hinge
    run = (b - a) / max(1e-6, float(np.hypot(*(b - a))))
    far = np.abs(-(spot.x - a[0]) * run[1] + (spot.y - a[1]) * run[0])
    share = far / max(1.0, float((far * (shape > 0.5)).max()))
    curl = 1 + float(rng.uniform(-0.28, 0.22)) * (share - 0.3) + float(rng.uniform(-0.15, 0.12))
    curl = curl - 0.35 * np.exp(-((share / 0.07) ** 2))
    buckle = noise(spot.size, board.size * 0.09, rng, 2) * 0.07
    side = board.core * float(rng.uniform(0.9, 1.1))
    face = side * (curl + buckle + 0.045 * board.flutes + 0.025 * board.fibre)[..., None]
    if rng.random() < 0.35:  # its liner came off too: bare flutes
        ridges = np.clip(0.5 + 0.9 * noise(spot.size, board.size * 0.12, rng, 2), 0, 1)[..., None]
        face = face * (1 - ridges) + board.core * (0.88 + 0.2 * board.flutes + 0.05 * board.fibre)[..., None] * ridges
    spot.rgb = lay(spot.rgb, np.clip(face, 0, 250) + grain, blur(shape, 0.4))
    rim = np.clip(shape - shifted(shape, *(-np.array(board.light) * max(1.0, board.thick * 0.5))), 0, 1)
    spot.rgb = lay(spot.rgb, np.clip(board.core * 1.15 + 18, 0, 252), rim * np.clip(0.5 + board.fibre, 0, 1) * 0.7)
    under = np.clip(shape - shifted(shape, *(np.array(board.light) * max(1.0, board.thick * 0.6))), 0, 1)
    spot.rgb = lay(spot.rgb, board.core * 0.5, under * 0.55)
    spot.mask = np.maximum(spot.mask, shape)


def buckle(spot: BoardPatch, board: TornBoard, paths: list[Points], reach: float, rng: np.random.Generator) -> None:
    """The board beside a tear stands up or sinks: one side catches light, the other lies in shade."""
    line = stroked(spot.size, paths, max(1.5, board.thick))
    bump = blur(line, reach) * reach * 2.5
    gx, gy = cv2.Sobel(bump, cv2.CV_32F, 1, 0, scale=0.25), cv2.Sobel(bump, cv2.CV_32F, 0, 1, scale=0.25)
    bend = np.clip((gx * board.light[0] + gy * board.light[1]) * float(rng.uniform(-0.5, 0.5)), -0.25, 0.25)
    spot.rgb = shaded(spot.rgb, np.asarray(1 + bend * spot.item, np.float32))
