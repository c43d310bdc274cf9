"""Cracked glass of devices, from a hairline in a corner to a display in splinters."""

from dataclasses import replace

import numpy as np

from regrade.datasets.synth.devices import fracture, glass
from regrade.datasets.synth.devices.fracture import Fracture
from regrade.datasets.synth.devices.glass import etch, look, shatter
from regrade.datasets.synth.drawing import add, blend, cloud, noise, polygon, shade, soft
from regrade.datasets.synth.scene import Painted, PhotoScene
from regrade.datasets.synth.surfaces import WITHOUT_GLASS, Canvas, canvas, display


def _glass(scene: PhotoScene) -> Canvas | None:
    return None if scene.item_type in WITHOUT_GLASS else canvas(scene, display(scene))


def crack_web(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A star of cracks around a point of impact, with broken rings and a crushed middle."""
    on = _glass(scene)
    if on is None:
        return None
    made = Fracture()
    for _ in range(1 + int(rng.random() < 0.15)):
        centre = fracture.impact(on.face, rng)
        reach = float(rng.uniform(0.12, 0.75))
        made.add(fracture.star(centre, int(rng.integers(5, 18)), reach, int(rng.integers(0, 6)), rng))
        if rng.random() < 0.65:
            made.add(fracture.crushed(centre, reach * float(rng.uniform(0.06, 0.25)), int(rng.integers(15, 60)), rng))
    return shatter(on, made, look(on, rng), rng)


def spider_web(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Rays and rings over the whole glass, from one or two points of impact."""
    on = _glass(scene)
    if on is None:
        return None
    made = Fracture()
    for _ in range(1 + int(rng.random() < 0.35)):
        centre = fracture.impact(on.face, rng)
        made.add(
            fracture.star(
                centre, int(rng.integers(14, 30)), float(rng.uniform(0.6, 1.3)), int(rng.integers(4, 12)), rng
            )
        )
        made.add(fracture.crushed(centre, float(rng.uniform(0.03, 0.12)), int(rng.integers(30, 90)), rng))
    style = look(on, rng, float(rng.uniform(0.45, 1)))
    return shatter(on, made, replace(style, tilt=max(style.tilt, float(rng.uniform(0.1, 0.8)))), rng)


def shattered(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """Glass in a mosaic of splinters, finer around the point of impact, as toughened glass and films break."""
    on = _glass(scene)
    if on is None:
        return None
    face = on.face
    centre = fracture.impact(face, rng)
    # Seeds in rings with gaps that widen outwards give wedge-shaped splinters; uniform ones look like cobbles.
    rings, seeds = np.cumsum(rng.uniform(0.02, 0.05) * np.arange(1, 16) ** rng.uniform(0.2, 1.0)), []
    for radius in rings[rings < 1.3]:
        turn = rng.uniform(0, 2 * np.pi, int(rng.integers(9, 30)))
        away = radius * rng.uniform(0.8, 1.25, len(turn))
        seeds.append(centre + np.column_stack([np.cos(turn), np.sin(turn)]) * away[:, None])
    made = fracture.cells(np.vstack(seeds), float(rng.uniform(0.5, 1)), float(rng.uniform(0.55, 1)), rng)
    made.add(fracture.star(centre, int(rng.integers(5, 14)), float(rng.uniform(0.4, 1)), 0, rng))
    style = look(on, rng, float(rng.uniform(0.4, 1)))
    return shatter(on, made, replace(style, tilt=float(rng.uniform(0.05, 0.5))), rng)


def shattered_corner(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A corner or a stretch of edge crushed to splinters and powder, with cracks fanning out of it."""
    on = _glass(scene)
    if on is None:
        return None
    face = on.face
    corner = face.at(float(rng.integers(2)), float(rng.integers(2)))
    if rng.random() < 0.3:
        along = float(rng.uniform(0.1, 0.9))
        corner = face.at(*((along, float(rng.integers(2))) if rng.random() < 0.4 else (float(rng.integers(2)), along)))
    radius = float(rng.uniform(0.05, 0.22))
    made = fracture.crushed(corner, radius * 1.6, int(rng.integers(40, 110)), rng)
    made.add(
        fracture.star(
            corner, int(rng.integers(10, 26)), radius * float(rng.uniform(1, 4)), int(rng.integers(1, 5)), rng
        )
    )
    powder = glass.grit(on.shape, face.project(corner)[0], radius * face.unit * float(rng.uniform(0.5, 1)), rng)
    powder *= on.glass * float(rng.uniform(0, 0.7))
    powdered = replace(on, rgb=blend(on.rgb, np.full(3, on.light * 0.9), powder))
    style = look(on, rng, float(rng.uniform(0.4, 1)))
    out, mask = etch(powdered, made, replace(style, tilt=max(0.3, style.tilt)), rng)
    return on.finish(out, np.maximum(mask, powder))


def single_crack(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """One or two long cracks across the glass or the housing, from edge to edge."""
    on = canvas(scene, display(scene))
    made = Fracture()
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        made.add(fracture.across(on.face, rng))
    style = look(on, rng)
    if scene.item_type in WITHOUT_GLASS:  # plastic splits: a dark gap, no glint
        style = replace(style, dark=0.9, colours=0, tilt=0, glint=0.2, strength=max(0.5, style.strength))
    return shatter(on, made, replace(style, tilt=0), rng)


def hairline(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A few thin, short cracks out of an edge or corner: damage that is easily missed."""
    on = _glass(scene)
    if on is None:
        return None
    face = on.face
    start = fracture.impact(face, rng)
    inwards = np.arctan2(face.height / 2 - start[1], face.width / 2 - start[0])
    made = Fracture()
    for _ in range(int(rng.integers(2, 7))):
        length, turn = float(rng.uniform(0.06, 0.4)), float(inwards + rng.normal(0, 0.7))
        path = fracture.run(start + rng.normal(0, 0.01, 2), turn, length, rng, float(rng.uniform(0.1, 0.8)), 0.08)
        made.cracks.append(fracture.crack(path, float(rng.uniform(0.5, 1)), float(rng.uniform(0.5, 1)), 0.8, rng))
    if rng.random() < 0.5:
        made.add(fracture.crushed(start, float(rng.uniform(0.01, 0.04)), int(rng.integers(10, 30)), rng))
    style = look(on, rng, float(rng.uniform(0.5, 1)))
    return shatter(on, made, replace(style, tilt=0, glint=style.glint * 0.6), rng)


def missing_glass(scene: PhotoScene, rng: np.random.Generator) -> Painted | None:
    """A piece of glass gone: the layer beneath lies bare between bright broken edges, with cracks around the gap."""
    on = _glass(scene)
    if on is None:
        return None
    face = on.face
    centre = fracture.impact(face, rng)
    radius = float(rng.uniform(0.02, 0.09))
    turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(7, 16))))
    gap = centre + np.column_stack([np.cos(turns), np.sin(turns)]) * radius * rng.uniform(0.4, 1.4, (len(turns), 1))
    hole = polygon(on.shape, face.project(gap)) * on.glass
    bare = np.array([rng.choice([8.0, 25.0, 60.0, 120.0])] * 3) * (on.light / 220) + rng.normal(0, 6, 3)
    layer = np.clip(bare + cloud(on.shape, 0.05 * face.unit, rng)[..., None] * np.float32(rng.uniform(8, 40)), 0, 255)
    depth = soft(hole, 0.01 * face.unit)
    out = blend(on.rgb, layer, soft(hole, 0.5) * float(rng.uniform(0.6, 1)))
    out = shade(out, 1 - hole * (1 - depth) * 0.7)
    edge = np.clip(soft(hole, 0.9) * (1 - hole) * 4, 0, 1) * on.glass
    edge *= np.clip(0.4 + noise(on.shape, 0.03 * face.unit, rng), 0, 1)
    out = add(out, edge * on.light * float(rng.uniform(0.3, 0.8)))
    made = fracture.star(
        centre, int(rng.integers(8, 20)), radius * float(rng.uniform(2, 7)), int(rng.integers(1, 4)), rng
    )
    inner = np.maximum(hole, edge)
    cracked, mask = etch(replace(on, rgb=out), made, look(on, rng, float(rng.uniform(0.4, 1))), rng)
    solid = inner > 0.5  # no crack runs through what is gone
    return on.finish(np.where(solid[..., None], out, cracked), np.maximum(mask * ~solid, inner))
