"""How glass breaks: paths of cracks on a face, in units of its longer side.

Rays leave the point of impact, fork, and run on to the edge or die out; short cracks join neighbouring rays into
broken rings that stand closer towards the middle; around the impact the glass is crushed into cells.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.drawing import Points
from regrade.datasets.synth.surfaces import Face


@dataclass(frozen=True, slots=True)
class CrackPath:
    """A path (n, 2), its width (n,) as a share of that of the widest, and how much light it catches (n,) in [0, 1]."""

    path: Points
    width: NDArray[np.float64]
    light: NDArray[np.float64]


@dataclass(slots=True)
class Fracture:
    """The cracks of one breakage and the splinters (closed outlines) between them."""

    cracks: list[CrackPath] = field(default_factory=list)
    splinters: list[Points] = field(default_factory=list)

    def add(self, other: "Fracture") -> None:
        self.cracks += other.cracks
        self.splinters += other.splinters


def impact(face: Face, rng: np.random.Generator) -> Points:
    """Where a dropped device hits: mostly a corner or an edge, sometimes anywhere."""
    kind = rng.random()
    if kind < 0.4:
        return face.at(abs(rng.choice([0, 1]) - rng.beta(1, 9)), abs(rng.choice([0, 1]) - rng.beta(1, 9)))
    if kind < 0.7:
        along, off = float(rng.uniform(0.05, 0.95)), float(abs(rng.choice([0, 1]) - rng.beta(1, 7)))
        return face.at(along, off) if rng.random() < 0.4 else face.at(off, along)
    return face.at(float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9)))


def run(start: Points, angle: float, length: float, rng: np.random.Generator, bend: float, kinks: float) -> Points:
    """A path from `start`: straight pieces whose direction drifts by `bend` radians a unit and jumps at kinks."""
    count = int(np.clip(length / rng.uniform(0.018, 0.035), 3, 64))
    drift = rng.normal(0, bend * np.sqrt(length / count), count) + rng.normal(0, bend * 0.5) / count
    jumps = (rng.random(count) < kinks) * rng.normal(0, 0.3, count)
    ways = angle + np.cumsum(drift + jumps) + rng.normal(0, 0.03, count)
    pace = rng.uniform(0.5, 1.5, count)
    pace *= length / pace.sum()
    steps = np.column_stack([np.cos(ways), np.sin(ways)]) * pace[:, None]
    return np.asarray(np.vstack([start, start + np.cumsum(steps, axis=0)]), np.float64)


def crack(path: Points, width: float, light: float, fade: float, rng: np.random.Generator) -> CrackPath:
    """A crack that tapers along its path; `fade` 0 keeps its light to the end, 1 loses it."""
    if len(path) < 4:  # too short to tell; a mesh has hundreds of these
        return CrackPath(path, np.full(len(path), width), np.full(len(path), min(1.0, light)))
    t = np.linspace(0, 1, len(path))
    uneven = np.interp(t, np.linspace(0, 1, 7), rng.uniform(0.55, 1.3, 7))
    return CrackPath(path, width * (1 - 0.6 * fade * t) * uneven, np.clip(light * (1 - fade * t**1.5) * uneven, 0, 1))


def _forked(
    path: Points, angle: float, left: float, width: float, light: float, depth: int, rng: np.random.Generator
) -> list[CrackPath]:
    """Side cracks of a ray, and theirs."""
    out = []
    for _ in range(int(rng.poisson(1.1 if depth == 0 else 0.5))):
        at = int(rng.integers(len(path) // 5, len(path)))
        length = left * (1 - at / len(path)) * rng.uniform(0.3, 1.1) + 0.02
        turn = angle + rng.choice([-1, 1]) * rng.uniform(0.2, 0.9)
        side = run(path[at], turn, length, rng, 0.3, 0.05)
        out.append(crack(side, width * 0.7, light * rng.uniform(0.5, 1), rng.uniform(0.3, 1), rng))
        if depth < 1:
            out += _forked(side, turn, length, width * 0.7, light * 0.8, depth + 1, rng)
    return out


def _strand(path: Points, width: float, light: float, rng: np.random.Generator) -> CrackPath:
    """A second crack close beside a first, which leaves it and joins it again: wide cracks are bundles of thin ones."""
    low = int(rng.integers(0, len(path) // 2))
    part = path[low : low + int(rng.integers(3, len(path)))]
    along = part[-1] - part[0]
    aside = np.array([-along[1], along[0]]) / max(1e-6, float(np.hypot(*along))) * rng.normal(0, 0.012)
    t = np.linspace(0, 1, len(part))[:, None]
    wobble = rng.normal(0, 0.0015, part.shape)
    return crack(part + aside * np.sin(np.pi * t) + wobble, width * 0.7, light * float(rng.uniform(0.4, 1)), 0.3, rng)


def star(
    centre: Points, rays: int, reach: float, rings: int, rng: np.random.Generator, spread: float = 0.55
) -> Fracture:
    """Rays around `centre` that reach about as far as `reach`, and `rings` broken rings between them."""
    gap = 2 * np.pi / rays
    turns = rng.uniform(0, 2 * np.pi) + np.arange(rays) * gap + rng.uniform(-spread, spread, rays) * gap
    lengths = reach * np.exp(rng.normal(0, 0.5, rays))
    bend, kinks = rng.uniform(0.05, 0.5), rng.uniform(0, 0.08)
    made = Fracture()
    spokes = []
    for turn, length in zip(turns, lengths, strict=True):
        path = run(centre, float(turn), float(length), rng, float(bend), float(kinks))
        spokes.append(path)
        light, width = float(rng.uniform(0.45, 1)), float(rng.uniform(0.5, 1))
        made.cracks.append(crack(path, width, light, float(rng.choice([0.1, 0.5, 1])), rng))
        made.cracks += _forked(path, float(turn), float(length), width, light, 0, rng)
        if rng.random() < 0.25:
            made.cracks.append(_strand(path, width, light, rng))
    radii = reach * rng.uniform(0.5, 1) * np.sort(rng.beta(1.1, 2.2, rings)) if rings else np.zeros(0)
    inner = [path[0] for path in spokes]
    for number, radius in enumerate(radii):
        outer = [_at(path, radius * rng.uniform(0.8, 1.2)) for path in spokes]
        kept = rng.random(rays) < 0.9 - 0.5 * number / max(1, rings)
        for i in range(rays):
            j = (i + 1) % rays
            if kept[i] and np.hypot(*(outer[i] - outer[j])) < 3 * gap * radius + 0.02:
                middle = (outer[i] + outer[j]) / 2 + (outer[i] + outer[j] - 2 * centre) * rng.normal(0.02, 0.04)
                path = np.vstack([outer[i], middle, outer[j]])
                made.cracks.append(crack(path, float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.3, 0.9)), 0.1, rng))
                made.splinters.append(np.vstack([inner[i], outer[i], middle, outer[j], inner[j]]))
        inner = outer
    return made


def _at(path: Points, radius: float) -> Points:
    """The point of `path` about `radius` away from its start, or its end."""
    steps = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    return np.array([np.interp(radius, steps, path[:, 0]), np.interp(radius, steps, path[:, 1])])


def cells(seeds: Points, light: float, keep: float, rng: np.random.Generator) -> Fracture:
    """The Voronoi cells of `seeds` (n, 2): a mesh of cracks, of which the share `keep` is seen, and the splinters."""
    low, high = seeds.min(axis=0) - 0.05, seeds.max(axis=0) + 0.05
    scale = 4000 / max(high - low)  # cv2 wants a grid of some thousands
    plane = cv2.Subdiv2D((0, 0, int((high - low)[0] * scale) + 2, int((high - low)[1] * scale) + 2))
    plane.insert([(float(x), float(y)) for x, y in (seeds - low) * scale])
    made = Fracture()
    facets, _ = plane.getVoronoiFacetList([])
    for facet in facets:
        corners = np.clip(np.asarray(facet, np.float64) / scale + low, low, high)
        if len(corners) < 3:
            continue
        made.splinters.append(corners)
        ends = corners[np.arange(1, len(corners) + 1) % len(corners)]
        # Each border belongs to two cells; drawn for one of them, it appears once.
        kept = (corners[:, 0] < ends[:, 0]) & (rng.random(len(corners)) < keep)
        bows = rng.normal(0, 0.04, corners.shape) * np.hypot(*(ends - corners).T)[:, None]
        traits = rng.uniform((0.3, 0.2), (1.0, 1.0), corners.shape)
        for a, b, bow, (width, shine) in zip(corners[kept], ends[kept], bows[kept], traits[kept].tolist(), strict=True):
            made.cracks.append(crack(np.array([a, (a + b) / 2 + bow, b]), width, light * shine, 0, rng))
    return made


def crushed(centre: Points, radius: float, count: int, rng: np.random.Generator) -> Fracture:
    """A zone of tiny splinters, densest at `centre`."""
    away = radius * rng.beta(1, 2.2, count)
    turn = rng.uniform(0, 2 * np.pi, count)
    seeds = centre + np.column_stack([np.cos(turn), np.sin(turn)]) * away[:, None] * rng.uniform(0.6, 1.3, 2)
    made = cells(seeds, 1.0, 0.75, rng)
    limit = radius * 0.85
    made.cracks = [c for c in made.cracks if np.hypot(*(c.path[1] - centre)) < limit * rng.uniform(0.5, 1)]
    made.splinters = [s for s in made.splinters if np.hypot(*(s.mean(axis=0) - centre)) < limit * 0.7]
    return made


def across(face: Face, rng: np.random.Generator) -> Fracture:
    """One long crack from an edge to another, gently bent, with a few side cracks."""
    sides = rng.permutation(4)[:2]
    ends = []
    for side in sides:
        t = float(rng.uniform(0.03, 0.97))
        ends.append(face.at(*((t, 0.0), (1.0, t), (t, 1.0), (0.0, t))[side]))
    start, end = ends
    along = end - start
    length = float(np.hypot(*along))
    path = run(start, float(np.arctan2(along[1], along[0])), length, rng, float(rng.uniform(0.05, 0.4)), 0.04)
    # Whatever it drifted, it ends at the edge.
    path = path + (end - path[-1]) * np.linspace(0, 1, len(path))[:, None]
    made = Fracture()
    light, width = float(rng.uniform(0.6, 1)), float(rng.uniform(0.6, 1))
    if rng.random() < 0.35:  # it stops on the way
        path = path[: max(4, int(len(path) * rng.uniform(0.4, 0.9)))]
    made.cracks.append(crack(path, width, light, float(rng.choice([0, 0.2, 0.8])), rng))
    angle = float(np.arctan2(along[1], along[0]))
    if rng.random() < 0.6:
        made.cracks += _forked(path, angle, length, width, light, int(rng.integers(0, 2)), rng)
    return made
