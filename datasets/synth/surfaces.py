"""Flat faces of items (a display, a lid) as quadrilaterals, so that what is drawn on them follows their perspective."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from regrade.datasets.synth.drawing import Points, Shape, difference, luma, polygon, soft
from regrade.datasets.synth.scene import Mask, Painted, PhotoScene, Rgb
from regrade.models.types import Box

WITHOUT_GLASS = ("mouse", "keyboard")
"""Types of items that have no display."""

_LOOK = 192  # long side of the copy on which a face is looked for
_FILLED = 0.9  # share of a quadrilateral that must be of one kind, rounded corners and mirrored light allowed for
_LEAST = 24.0  # a face narrower than this many pixels has no room to draw on


@dataclass(frozen=True)
class Face:
    """A flat face: `corners` (4, 2) in pixels, clockwise from the upper left.

    Points on it are given in units of its longer side, (0, 0) to (`width`, `height`), and projected.
    """

    corners: Points
    found: bool
    """False where it was assumed (an inset of the item's box), not seen."""

    @cached_property
    def sides(self) -> NDArray[np.float64]:
        """Mean lengths in pixels, across and down."""
        a, b, c, d = self.corners
        return np.array(
            [
                (np.linalg.norm(b - a) + np.linalg.norm(c - d)) / 2,
                (np.linalg.norm(d - a) + np.linalg.norm(c - b)) / 2,
            ]
        )

    @property
    def unit(self) -> float:
        """Pixels of the longer side."""
        return float(self.sides.max())

    @property
    def width(self) -> float:
        return float(self.sides[0] / self.unit)

    @property
    def height(self) -> float:
        return float(self.sides[1] / self.unit)

    @cached_property
    def _matrix(self) -> NDArray[np.float64]:
        flat = np.array([(0, 0), (self.width, 0), (self.width, self.height), (0, self.height)], np.float32)
        return np.asarray(cv2.getPerspectiveTransform(flat, self.corners.astype(np.float32)), np.float64)

    def project(self, points: ArrayLike) -> Points:
        """Points (n, 2) on the face to pixels of the photo."""
        flat = np.asarray(points, np.float64).reshape(-1, 2)
        homogeneous = np.column_stack([flat, np.ones(len(flat))]) @ self._matrix.T
        # Far outside the face the projection folds over; there the point is only a direction to draw towards.
        depth = np.maximum(homogeneous[:, 2:], 0.05)
        return np.asarray(homogeneous[:, :2] / depth, np.float64)

    def mask(self, shape: Shape) -> Mask:
        return polygon(shape, self.corners)

    def at(self, across: float, down: float) -> Points:
        """The point at shares of the face's width and height, in its own units."""
        return np.array([across * self.width, down * self.height])


def box_face(box: Box, inset: float = 0.0) -> Face:
    """The face that a box is, shrunk by `inset` of its sides on each side."""
    dx, dy = (box[2] - box[0]) * inset, (box[3] - box[1]) * inset
    x1, y1, x2, y2 = box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy
    return Face(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]), found=False)


def within(box: Box | None, shape: Shape) -> Box:
    """`box` cut to the photo; the photo's middle where there is none, or next to nothing of it left."""
    height, width = shape
    middle = (width * 0.15, height * 0.15, width * 0.85, height * 0.85)
    if box is None:
        return middle
    x1, y1, x2, y2 = max(0.0, box[0]), max(0.0, box[1]), min(float(width), box[2]), min(float(height), box[3])
    return (x1, y1, x2, y2) if min(x2 - x1, y2 - y1) >= _LEAST else middle


def display(scene: PhotoScene) -> Face:
    """The face to draw on: a dark or bright quadrilateral on the item, else its outline, else its box, inset."""
    box = within(scene.item_box if scene.item_box is not None else scene.box, scene.size)
    x1, y1, x2, y2 = (round(v) for v in box)
    factor = _LOOK / max(x2 - x1, y2 - y1)
    size = max(8, round((x2 - x1) * factor)), max(8, round((y2 - y1) * factor))
    small = cv2.resize(scene.rgb[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA)
    item = cv2.resize(scene.item[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA) > 0.5
    grey = cv2.GaussianBlur(luma(np.asarray(small, np.uint8)).astype(np.uint8), (0, 0), 1.2)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    cuts = [(grey <= cut) & item for cut in (level, level * 0.6)]
    cuts += [(grey > cut) & item for cut in (level, min(250.0, level * 1.35))]
    if item.mean() < 0.95:  # else it is no outline but the box itself
        cuts.append(item)
    best, score = None, 0.0
    for region in cuts:
        found = _quadrilateral(region.astype(np.uint8))
        # Of two that fill theirs alike, the larger: the smaller is often half a display beside a mirrored light.
        if found is not None and found[1] >= _FILLED and found[1] + 0.15 * found[2] > score:
            best, score = found[0], found[1] + 0.15 * found[2]
    if best is None:
        return box_face(box, 0.1)
    face = Face(_ordered(best / factor + (x1, y1)), found=True)
    return face if face.sides.min() >= _LEAST else box_face(box, 0.1)


def _quadrilateral(region: NDArray[np.uint8]) -> tuple[Points, float, float] | None:
    """The four corners around the largest part of `region`, how much of them it fills, and their size as a share."""
    cleaned = cv2.morphologyEx(region, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    cleaned = cv2.morphologyEx(cleaned, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    contours, _ = cv2.findContours(cleaned, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    largest = max(contours, key=cv2.contourArea)
    area = cv2.contourArea(largest)
    if area < 0.22 * region.size:
        return None
    hull = cv2.convexHull(largest)
    corners = _four(cv2.approxPolyDP(hull, 0.008 * cv2.arcLength(hull, True), True).reshape(-1, 2).astype(np.float64))
    if corners is None:
        return None
    quad = cv2.contourArea(corners.astype(np.float32))
    return (corners, float(area / quad), float(quad / region.size)) if quad > 0 else None


def _four(hull: Points) -> Points | None:
    """The quadrilateral around a convex outline: the side whose neighbours meet soonest beyond it goes, until 4 remain.

    Rounded corners become sharp so, where cutting corners off would lose part of the face.
    """
    ring = [np.asarray(p) for p in hull]
    while len(ring) > 4:
        least, at, met = np.inf, -1, np.zeros(2)
        for i in range(len(ring)):
            a, b, c, d = (ring[(i + k) % len(ring)] for k in range(4))  # side b-c goes
            u, v = b - a, c - d
            cross = u[0] * v[1] - u[1] * v[0]
            if abs(cross) < 1e-9:
                continue
            t = ((d - a)[0] * v[1] - (d - a)[1] * v[0]) / cross
            if t <= 1:  # they meet behind
                continue
            point = a + t * u
            added = abs((c - b)[0] * (point - b)[1] - (c - b)[1] * (point - b)[0]) / 2
            if added < least:
                least, at, met = added, i, point
        if at < 0:
            return None
        first, second = (at + 1) % len(ring), (at + 2) % len(ring)
        ring[first] = met
        del ring[second]
    return np.asarray(ring, np.float64) if len(ring) == 4 else None


def _ordered(corners: Points) -> Points:
    """Clockwise (as seen) from the upper left."""
    centre = corners.mean(axis=0)
    turns = np.arctan2(corners[:, 1] - centre[1], corners[:, 0] - centre[0])
    ring = corners[np.argsort(turns)]
    return np.asarray(np.roll(ring, -int(np.argmin(ring.sum(axis=1))), axis=0), np.float64)


@dataclass(frozen=True)
class Canvas:
    """The part of a scene that encloses a face: recipes work on it alone, so that their time grows with the item."""

    scene: PhotoScene
    face: Face
    """Its corners in pixels of the part."""
    rgb: Rgb
    x: int
    y: int

    @property
    def shape(self) -> Shape:
        return self.rgb.shape[0], self.rgb.shape[1]

    @cached_property
    def glass(self) -> Mask:
        """1 on the face, as far as it lies on the item."""
        inside = soft(self.item, 0.007 * self.face.unit) * 2.5  # the item's outline is known to a few pixels
        return np.asarray(self.face.mask(self.shape) * np.clip(inside, 0, 1), np.float32)

    @cached_property
    def item(self) -> Mask:
        """1 on the item."""
        return self.scene.item[self.y : self.y + self.shape[0], self.x : self.x + self.shape[1]]

    @cached_property
    def brightness(self) -> float:
        """Median brightness of the face, 0-255: above about 100, the display is lit or the face is pale."""
        return float(np.median(seen)) if len(seen := luma(self.rgb)[::2, ::2][self.glass[::2, ::2] > 0.5]) else 0.0

    @cached_property
    def light(self) -> float:
        """Brightness that light-coloured things have in this photo, 0-255."""
        return float(np.clip(np.percentile(luma(self.scene.rgb[::4, ::4]), 96), 90, 250))

    def finish(self, rgb: Rgb, mask: Mask, least: float = 9.0, seen: float = 16.0) -> Painted | None:
        """The scene with this part replaced where `mask` is not 0.

        The mask given back is at least 0.4 wherever a change of `least` levels or more can be seen, since also a faint
        crack is all crack. None where hardly a pixel of what was drawn differs by `seen` levels on a copy of 320.
        """
        step = difference(self.rgb, rgb)
        mask = np.where((mask > 0.05) & (step >= least), np.minimum(0.4 + mask, 1), 0).astype(np.float32)
        if not _visible(np.where(mask > 0, step, 0).astype(np.uint8), 320 / max(self.scene.size), seen):
            return None
        whole, spread = self.scene.rgb.copy(), np.zeros(self.scene.size, np.float32)
        rows, columns = slice(self.y, self.y + self.shape[0]), slice(self.x, self.x + self.shape[1])
        kept = mask > 0
        near = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        whole[rows, columns][near] = rgb[near]
        spread[rows, columns] = mask
        return Painted(whole, spread)


def canvas(scene: PhotoScene, face: Face, margin: float = 0.04) -> Canvas:
    """The part of `scene` around `face`, with a margin in shares of its longer side."""
    height, width = scene.size
    pad = margin * face.unit + 3
    x1, y1 = np.maximum(0, np.floor(face.corners.min(axis=0) - pad)).astype(int)
    x2, y2 = np.minimum((width, height), np.ceil(face.corners.max(axis=0) + pad)).astype(int)
    x1, y1 = min(int(x1), width - 2), min(int(y1), height - 2)
    x2, y2 = max(int(x2), x1 + 2), max(int(y2), y1 + 2)
    return Canvas(scene, Face(face.corners - (x1, y1), face.found), scene.rgb[y1:y2, x1:x2], x1, y1)


def panel(scene: PhotoScene) -> Canvas | None:
    """The display of a device that has one; None for a laptop whose display cannot be told from its keyboard."""
    if scene.item_type in WITHOUT_GLASS:
        return None
    face = display(scene)
    x1, y1, x2, y2 = within(scene.item_box, scene.size)
    if scene.item_type == "laptop" and (not face.found or np.prod(face.sides) > 0.6 * (x2 - x1) * (y2 - y1)):
        return None
    return canvas(scene, face)


def _visible(step: NDArray[np.uint8], scale: float, seen: float) -> bool:
    """Whether at least a few pixels still differ by `seen` levels once the photo is reduced by `scale`."""
    if scale < 1:
        step = np.asarray(cv2.resize(step, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return int(np.count_nonzero(step > seen)) >= 10
