"""Procedural textures: every colour in the demo photos is made here or by the item's own module.

Colours are linear reflectance, float32 of shape (h, w, 3) in [0, 1]; bumps are heights of shape (h, w).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFilter, ImageFont

from tools.scenes.engine import Image

Field = NDArray[np.float32]
"""(h, w), any unit."""


def linear(*srgb: float) -> Field:
    """An sRGB colour given as 0..255 in linear reflectance, shape (3,)."""
    c = np.asarray(srgb, dtype=np.float32) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).astype(np.float32)


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    slope: float = 1.0,
    lo: float = 1.0,
    hi: float = 1e9,
    stretch: float = 1.0,
) -> Field:
    """Gaussian noise of zero mean and unit variance whose amplitude falls as f**-slope.

    Only frequencies of `lo`..`hi` cycles across the picture's height are kept. `stretch` above 1 draws the
    grain out along x (fibres, wood).
    """
    h, w = shape
    fy = np.fft.fftfreq(h)[:, None] * h
    fx = np.fft.rfftfreq(w)[None, :] * h * stretch
    f = np.hypot(fx, fy)
    gain = np.where((f >= lo) & (f <= hi), 1 / np.maximum(f, 1e-6) ** slope, 0)
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * gain
    out = np.fft.irfft2(spectrum, s=shape)
    return np.asarray((out - out.mean()) / (out.std() + 1e-12), dtype=np.float32)


def paint(base: Field, *layers: Field) -> Image:
    """The colour `base` (3,) times the product of 1 + layer, clipped to a physical reflectance."""
    gain = np.ones_like(layers[0])
    for layer in layers:
        gain = gain * (1 + layer)
    return np.asarray(np.clip(gain[..., None] * base, 0.003, 0.92), dtype=np.float32)


def smoothstep(lo: float, hi: float, x: Field) -> Field:
    t = np.clip((x - lo) / (hi - lo), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def blend(under: Image, over: Image | Field, alpha: Field) -> Image:
    """`over` laid on `under` with coverage `alpha` (h, w) in [0, 1]."""
    a = alpha[..., None]
    return np.asarray(under * (1 - a) + over * a, dtype=np.float32)


def kraft_tone(rng: np.random.Generator) -> Field:
    """The linear colour of one make of kraft paper, shape (3,)."""
    return linear(*(np.array([189, 157, 119]) + rng.integers(-9, 9) + rng.integers(-4, 4, 3)))


def kraft(
    rng: np.random.Generator, shape: tuple[int, int], px_per_cm: float, flutes: str = "x", tone: Field | None = None
) -> tuple[Image, Field]:
    """Kraft liner: colour and bump. `flutes` is the axis across which the corrugation shows through."""
    h, w = shape
    fibre = noise(rng, shape, 0.6, lo=h / px_per_cm * 2, stretch=0.35) + noise(
        rng, shape, 0.6, lo=h / px_per_cm * 2, stretch=3
    )
    specks = (noise(rng, shape, 0.2, lo=h / px_per_cm * 4) > 2.6).astype(np.float32)
    cloud = noise(rng, shape, 1.4, hi=h / px_per_cm)
    axis = np.arange(w)[None, :] if flutes == "x" else np.arange(h)[:, None]
    wobble = noise(rng, shape, 2.0, hi=6) * 0.25
    lines = np.sin(2 * np.pi * (axis / (0.72 * px_per_cm)) + wobble).astype(np.float32)
    strength = 0.6 + 0.4 * np.clip(noise(rng, shape, 1.6, hi=5), -1, 1)
    colour = paint(
        kraft_tone(rng) if tone is None else tone, 0.022 * fibre, 0.022 * cloud, -0.2 * specks, 0.022 * lines * strength
    )
    return colour, (0.0025 * fibre + 0.010 * lines * strength).astype(np.float32)


def laminate(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """A grey bench top with a fine speckle and years of faint scratches."""
    grey = float(rng.uniform(150, 196))
    colour = paint(
        linear(grey, grey, grey + rng.uniform(-3, 4)),
        0.016 * noise(rng, shape, 0.4, hi=500),
        0.03 * noise(rng, shape, 1.5),
    )
    return blend(colour, colour * 1.12, 0.6 * _scratches(rng, shape, 70))


def wood(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """A plywood or beech bench top: grain along x, boards, a few scratches."""
    h = shape[0]
    bend = noise(rng, shape, 2.2, hi=8, stretch=5)
    rings = np.sin(2 * np.pi * (np.arange(h)[:, None] / h * 26 + 1.6 * bend))
    pores = noise(rng, shape, 0.5, lo=60, stretch=30)
    base = linear(*(np.array([190, 152, 112]) + rng.integers(-16, 14)))
    boards = 1 + 0.10 * rng.standard_normal(5)[np.minimum(np.arange(h) * 5 // h, 4)][:, None]
    seam = np.minimum.reduce([np.abs(np.arange(h) - h * k // 5) for k in range(1, 5)])[:, None] < max(1, h // 900)
    colour = paint(
        base, 0.07 * rings.astype(np.float32), 0.08 * pores, (boards - 1 + np.zeros(shape)).astype(np.float32)
    )
    return blend(colour, colour * 0.35, (seam & np.ones(shape, bool)).astype(np.float32) * 0.8)


def _scratches(rng: np.random.Generator, shape: tuple[int, int], count: int) -> Field:
    h, w = shape
    canvas = Pil.new("L", (w, h))
    pen = ImageDraw.Draw(canvas)
    for _ in range(count):
        x, y, angle, length = rng.uniform(0, w), rng.uniform(0, h), rng.normal(0, 0.7), rng.exponential(w / 12)
        pen.line([(x, y), (x + length * np.cos(angle), y + length * np.sin(angle))], fill=int(rng.uniform(60, 220)))
    return np.asarray(np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.6))) / 255, dtype=np.float32)


def ink(shape: tuple[int, int], items: Sequence[tuple[str, float, float, float]], rng: np.random.Generator) -> Field:
    """Coverage of printed words, (h, w) in [0, 1]. Each item is (text, x, y, size), in pixels."""
    h, w = shape
    canvas = Pil.new("L", (w, h))
    pen = ImageDraw.Draw(canvas)
    for text, x, y, size in items:
        pen.text((x, y), text, fill=255, font=ImageFont.load_default(size=size), stroke_width=max(0, size / 30))
    worn = np.clip(0.86 + 0.09 * noise(rng, shape, 0.5), 0, 1)
    return np.asarray(np.asarray(canvas) / 255 * worn, dtype=np.float32)


def shipping_label(rng: np.random.Generator, width: int = 900, height: int = 620) -> Image:
    """A thermal-printed address label with a barcode; all names and numbers on it are made up."""
    canvas = Pil.new("L", (width, height), 246)
    pen = ImageDraw.Draw(canvas)

    def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size=size)

    pen.rectangle((12, 12, width - 13, height - 13), outline=20, width=4)
    pen.line((12, 190, width - 13, 190), fill=20, width=4)
    pen.text((34, 28), "RETURN", fill=20, font=font(58))
    pen.text((34, 104), f"RMA {rng.integers(10**7, 10**8)}", fill=20, font=font(46))
    pen.text((width - 250, 34), f"{'ABCDEF'[rng.integers(6)]}{rng.integers(10, 99)}", fill=20, font=font(110))
    lines = ("TO  RETURNS DESK", f"DOCK {rng.integers(2, 40)}  BAY {rng.integers(1, 9)}", "WAREHOUSE ROAD 1180")
    for k, line in enumerate(lines):
        pen.text((34, 208 + k * 48), line, fill=25, font=font(38))
    x = 60.0
    while x < width - 80:
        bar = float(rng.choice([3, 3, 6, 9]))
        pen.rectangle((x, 372, x + bar, height - 92), fill=15)
        x += bar + float(rng.choice([3, 6, 9]))
    number = " ".join(f"{rng.integers(1000, 9999)}" for _ in range(4))
    pen.text((230, height - 80), number, fill=25, font=font(40))
    value = np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32) / 255
    value = value * (1 + 0.012 * noise(rng, (height, width), 0.4))
    tone = np.array([0.83, 0.83, 0.82], dtype=np.float32)
    return np.clip(value[..., None] ** 2.2 * tone, 0.01, 0.9).astype(np.float32)
