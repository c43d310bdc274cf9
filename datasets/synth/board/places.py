"""Where on an item damage can sit: on its outline, at its corners, on a face, and along a straight edge on it."""

from dataclasses import dataclass

import cv2
import numpy as np

from regrade.datasets.synth.board.material import Points, extent
from regrade.datasets.synth.scene import PhotoScene


@dataclass(frozen=True, slots=True)
class BoardSpot:
    """A point in pixels of the scene and the direction into the item, in radians."""

    at: Points
    inward: float
    shown: bool = True
    """Whether the item ends here; else the frame cuts it off."""


def _outline(scene: PhotoScene) -> Points:
    """The longest outline of the item, (n, 2); (0, 2) where it has none."""
    found, _ = cv2.findContours((scene.item > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(found, key=len)[:, 0, :].astype(np.float64) if found else np.zeros((0, 2))


def _within_frame(points: Points, scene: PhotoScene) -> Points:
    h, w = scene.size
    rim = max(2.0, 0.012 * max(h, w))
    x, y = points[:, 0], points[:, 1]
    return points[(x > rim) & (x < w - 1 - rim) & (y > rim) & (y < h - 1 - rim)]


def _inward(scene: PhotoScene, at: Points) -> float:
    """The direction from a point on the outline to where most of the item around it lies."""
    r = max(4, int(0.12 * extent(scene)))
    x, y = int(at[0]), int(at[1])
    part = scene.item[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1] > 0.5
    rows, columns = np.nonzero(part)
    if not len(rows):
        return 0.0
    return float(np.arctan2(rows.mean() + max(0, y - r) - y, columns.mean() + max(0, x - r) - x))


def on_outline(scene: PhotoScene, rng: np.random.Generator) -> BoardSpot | None:
    """Somewhere on the item's edge, where the photo shows that edge; else where the frame cuts the item off."""
    path = _outline(scene)
    if len(path) < 24:
        return None
    within = _within_frame(path, scene)
    shown = len(within) > 0.08 * len(path)
    path = within if shown else path
    at = path[int(rng.integers(len(path)))]
    return BoardSpot(at, _inward(scene, at), shown)


def corner(scene: PhotoScene, rng: np.random.Generator) -> BoardSpot | None:
    """A corner of the item's outline that the photo shows; None where it shows none."""
    path = _outline(scene)
    if len(path) < 24:
        return None
    size = extent(scene)
    rough = cv2.approxPolyDP(path.astype(np.float32).reshape(-1, 1, 2), 0.03 * size, True)[:, 0, :].astype(np.float64)
    if not 3 <= len(rough) <= 14:
        return None
    before, after = np.roll(rough, 1, axis=0) - rough, np.roll(rough, -1, axis=0) - rough
    arms = np.minimum(np.hypot(*before.T), np.hypot(*after.T))
    cosine = (before * after).sum(axis=1) / np.maximum(np.hypot(*before.T) * np.hypot(*after.T), 1e-6)
    sharp = rough[(arms > 0.15 * size) & (cosine > -0.82) & (cosine < 0.75)]
    sharp = _within_frame(sharp, scene)
    places = [BoardSpot(at, _inward(scene, at)) for at in sharp]
    # A reentrant corner (of an open flap) points into the item on most sides: it cannot be knocked in.
    places = [p for p in places if _share_around(scene, p.at, 0.08 * size) < 0.55]
    return places[int(rng.integers(len(places)))] if places else None


def _share_around(scene: PhotoScene, at: Points, reach: float) -> float:
    r, x, y = max(3, int(reach)), int(at[0]), int(at[1])
    part = scene.item[max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1]
    return float((part > 0.5).mean()) if part.size else 1.0


def on_face(scene: PhotoScene, rng: np.random.Generator, margin: float) -> Points | None:
    """A point on the item, `margin` pixels from its edge where it is wide enough for that; None for an empty item."""
    scale = min(1.0, 200 / max(scene.size))
    small = cv2.resize((scene.item > 0.5).astype(np.uint8), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    away = cv2.distanceTransform(small, cv2.DIST_L2, 3)
    if away.max() < 1:
        return None
    rows, columns = np.nonzero(away >= min(margin * scale, 0.7 * float(away.max())))
    pick = int(rng.integers(len(rows)))
    return (np.array([columns[pick], rows[pick]], np.float64) + 0.5) / scale


def seam(scene: PhotoScene, rng: np.random.Generator) -> tuple[Points, Points] | None:
    """A long straight edge within the item (a fold, a closing seam, the edge of a tape), from end to end."""
    x1, y1, x2, y2 = (int(v) for v in scene.box)
    part = scene.rgb[y1:y2, x1:x2]
    if min(part.shape[:2]) < 24:
        return None
    scale = min(1.0, 224 / max(part.shape[:2]))
    grey = cv2.cvtColor(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, 50, 120)
    core = cv2.resize(
        (scene.item[y1:y2, x1:x2] > 0.5).astype(np.uint8), grey.shape[::-1], interpolation=cv2.INTER_NEAREST
    )
    edges[cv2.erode(core, np.ones((7, 7), np.uint8), borderValue=0) == 0] = 0
    length = 0.3 * min(grey.shape)
    found = cv2.HoughLinesP(edges, 1, np.pi / 90, 30, minLineLength=length, maxLineGap=6)
    if found is None:
        return None
    segments = np.asarray(found, np.float64).reshape(-1, 4)
    ends = segments[int(rng.integers(len(segments)))] / scale + np.array([x1, y1, x1, y1])
    return ends[:2], ends[2:]
