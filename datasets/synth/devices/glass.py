"""How broken glass looks: light on and through the cracks of a `Fracture`.

A crack refracts: over a dark display it shows as a pale core with a dark flank, here glinting and there all but gone,
as it turns to the light; over a lit one it is dark with colours split at its side. Splinters lie tilted, so that each
is a little lighter or darker and shifts what is beneath it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from regrade.datasets.synth.devices.fracture import Fracture
from regrade.datasets.synth.drawing import (
    Points,
    Shape,
    Stroke,
    add,
    fixed,
    luma,
    noise,
    shade,
    shifted,
    soft,
    strokes,
    warp,
)
from regrade.datasets.synth.scene import Mask, Painted, Rgb
from regrade.datasets.synth.surfaces import Canvas


@dataclass(frozen=True, slots=True)
class FractureStyle:
    """How strongly a fracture shows. `width`: of the widest crack, px at a face of 400 px; the rest are shares."""

    strength: float
    width: float
    dark: float
    """0: cores are pale; 1: they are dark."""
    flank: float
    glint: float
    """How much the light along a crack comes and goes."""
    colours: float
    """Split at the side of cracks, as over a lit display."""
    tilt: float
    """How much splinters differ from each other."""
    haze: float
    """Light scattered over a dense net of cracks."""
    blur: float
    """Radius in px at a face of 400 px."""


def look(canvas: Canvas, rng: np.random.Generator, strength: float | None = None) -> FractureStyle:
    """A look that suits the face's brightness, faint to brutal."""
    lit = canvas.brightness > rng.uniform(85, 130)
    if strength is None:
        strength = float(rng.beta(2.2, 1.2) * 0.8 + 0.2)
    return FractureStyle(
        strength=strength,
        width=float(np.exp(rng.normal(-0.05, 0.3)) * (0.65 + 0.5 * strength)),
        dark=float(
            rng.choice([0.85, 0.5, 0.1], p=[0.6, 0.25, 0.15]) if lit else rng.choice([0.0, 0.25], p=[0.85, 0.15])
        ),
        flank=float(rng.uniform(0.2, 0.9)),
        glint=float(rng.uniform(0.2, 0.9)),
        colours=float(rng.uniform(0.2, 0.9) if lit and rng.random() < 0.6 else rng.choice([0, 0, 0, 0.4])),
        tilt=float(rng.beta(1.2, 2) * strength),
        haze=float(rng.uniform(0.03, 0.3) * strength) if rng.random() < 0.5 else 0.0,
        blur=float(rng.uniform(0.25, 0.65)),
    )


def shatter(canvas: Canvas, made: Fracture, style: FractureStyle, rng: np.random.Generator) -> Painted | None:
    """The scene with the fracture in its glass; None where it cannot be seen."""
    return canvas.finish(*etch(canvas, made, style, rng))


def etch(canvas: Canvas, made: Fracture, style: FractureStyle, rng: np.random.Generator) -> tuple[Rgb, Mask]:
    """The canvas with the fracture in its glass, and how far each pixel belongs to it."""
    core, size = _core(canvas, made, style, rng), canvas.face.unit / 400
    out, mask = canvas.rgb.copy(), core
    if style.tilt > 0.05 and made.splinters:
        out, tilt = _tilted(canvas, made.splinters, style, rng)
        mask = np.maximum(core, np.minimum(np.abs(tilt), 0.1))
    if style.haze > 0:  # light that many cracks scatter
        veil = np.clip(soft(core, 0.02 * canvas.face.unit) * 1.6, 0, 1) * canvas.glass * style.haze
        out = add(out, veil * np.float32(canvas.light))
        mask = np.maximum(mask, np.minimum(veil, 0.1))
    turn = rng.uniform(0, 2 * np.pi)
    dx, dy = np.array([np.cos(turn), np.sin(turn)]) * max(0.7, rng.uniform(0.6, 1.3) * style.width * size)
    flank = np.clip(shifted(soft(core, 0.6 * max(0.7, size)), float(dx), float(dy)) * 1.3 - core * 0.5, 0, 1)
    rim = np.clip(shifted(core, float(-dx), float(-dy)) - core, 0, 1)
    # Cracks cover a small share of the glass: light is reckoned only where they are.
    at = np.nonzero(np.maximum(np.maximum(core, flank), rim) > 0.01)
    c, f, e = core[at][:, None], flank[at][:, None], rim[at][:, None] * style.dark
    under = soft(luma(out), 3 * max(1.0, size))[at][:, None]
    tint = 1 + rng.normal(0, 0.03, 3)
    pale = np.clip(under * 0.35 + canvas.light * rng.uniform(0.6, 0.95), 60, 252) * tint
    seen = out[at].astype(np.float32)
    # A dark flank can only be seen on what is not dark itself; a pale one only beside a dark core.
    seen *= 1 - f * style.flank * style.strength * (0.75 - 0.35 * style.dark)
    if style.colours > 0.05:
        seen += _split(core, float(dx), float(dy), size, rng)[at] * (90 * style.colours * style.strength)
    if style.dark > 0:
        deep = np.array([14, 15, 18]) * rng.uniform(0.5, 3.5)
        seen += (deep - seen) * c * style.dark * style.strength * 0.85
        seen += (pale - seen) * e * style.strength * 0.5
    seen += (pale - seen) * c * (1 - style.dark) * style.strength
    out[at] = np.clip(seen + 0.5, 0, 255).astype(np.uint8)
    return out, np.asarray(np.maximum(mask, flank * 0.5) * canvas.glass, np.float32)


def _core(canvas: Canvas, made: Fracture, style: FractureStyle, rng: np.random.Generator) -> Mask:
    face, size = canvas.face, canvas.face.unit / 400
    toward = rng.uniform(0, np.pi)
    if not made.cracks:
        return np.zeros(canvas.shape, np.float32)
    starts = np.cumsum([len(one.path) for one in made.cracks])[:-1]
    points = face.project(np.concatenate([one.path for one in made.cracks]))
    steps = np.diff(points, axis=0, append=points[-1:])
    steps[np.append(starts, len(points)) - 1] = steps[np.append(starts, len(points)) - 2]  # the last goes on as before
    # A crack shines where it lies square to the light.
    facing = np.abs(np.sin(np.arctan2(steps[:, 1], steps[:, 0]) - toward))
    light = np.concatenate([one.light for one in made.cracks])
    light = light * (1 - style.glint + style.glint * (0.35 + 0.65 * facing))
    width = np.maximum(np.concatenate([one.width for one in made.cracks]) * style.width * size, 0.3)
    parts = (np.split(values, starts) for values in (points, width, light))
    drawn = [Stroke(*part) for part in zip(*parts, strict=True)]
    core = strokes(canvas.shape, drawn)
    patches = noise(canvas.shape, face.unit * float(rng.uniform(0.06, 0.25)), rng)
    core *= np.clip(1 - style.glint * (0.3 - 0.9 * patches), 0.1, 1.15)
    core = soft(core, style.blur * max(0.8, size)) * canvas.glass
    return np.asarray(np.clip(core * 1.5, 0, 1), np.float32)


def _tilted(
    canvas: Canvas, splinters: list[Points], style: FractureStyle, rng: np.random.Generator
) -> tuple[Rgb, Mask]:
    """The photo with each splinter lighter or darker and what is beneath it shifted; and how it is tilted."""
    # Well inside the item: what lies beside it must not look cut.
    tilt = patchwork(canvas, splinters, rng) * np.clip(soft(canvas.item, 0.012 * canvas.face.unit) * 4 - 2.6, 0, 1)
    bright = np.clip(tilt - 0.45, 0, 1) * style.tilt * canvas.light * 0.55  # those that throw the light at the camera
    out = add(shade(canvas.rgb, 1 + tilt * style.tilt * 0.45), bright.astype(np.float32))
    if style.tilt > 0.25:
        reach = np.float32(style.tilt * canvas.face.unit * 0.012)
        out = warp(out, tilt * reach, np.sin(9 * tilt) * reach * np.float32(0.6))  # each splinter leans its own way
    return out, tilt


def patchwork(canvas: Canvas, splinters: list[Points], rng: np.random.Generator) -> Mask:
    """Splinters, each of its own value in [-1, 1]; 0 beside them."""
    layer = np.full(canvas.shape, 128, np.uint8)
    corners = fixed(canvas.face.project(np.concatenate(splinters)))
    values = np.clip(rng.normal(128, 48, len(splinters)), 0, 255).tolist()
    starts = np.cumsum([len(splinter) for splinter in splinters])[:-1]
    for splinter, value in zip(np.split(corners, starts), values, strict=True):
        cv2.fillPoly(layer, [splinter], value, cv2.LINE_AA, 4)
    return (layer.astype(np.float32) / 127.5 - 1) * canvas.glass


def _split(core: Mask, dx: float, dy: float, size: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Colours to add at the side of cracks, (h, w, 3) around 0: the three primaries fall beside each other."""
    patches = np.clip(noise(core.shape, 30 * max(1.0, size), rng) + 0.3, 0, 1)
    wide = soft(core, 0.8 * max(0.8, size))
    steps = rng.permutation([-1.2, 0.0, 1.2])
    primaries = np.dstack([shifted(wide, float(dx * s), float(dy * s)) for s in steps])
    return np.asarray((primaries - primaries.mean(axis=2, keepdims=True)) * patches[..., None] * 1.6, np.float32)


def grit(shape: Shape, centre: Points, radius: float, rng: np.random.Generator) -> Mask:
    """Powdered glass around `centre` (pixels): specks that thin out over `radius` pixels."""
    rows, columns = np.indices(shape, dtype=np.float32)
    away = np.hypot(columns - np.float32(centre[0]), rows - np.float32(centre[1])) / max(radius, 1)
    specks = noise(shape, max(1.3, radius / 14), rng)
    return np.asarray(np.clip((specks - 0.1 - away * 0.7) * 4, 0, 1), np.float32)
