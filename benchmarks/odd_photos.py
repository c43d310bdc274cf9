"""Photo files that are odd, hostile or cut short, made from what a specification allows and a camera never writes."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of the passes of an interlaced PNG (8.1): first column and row, and steps across and down."""


@cache
def picture(width: int = 400, height: int = 300, seed: int = 0) -> Image.Image:
    """Boxes on textured ground with a photo's fine structure, in RGB."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(70, 190, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8))
    image = ground.resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(1))
    draw = ImageDraw.Draw(image)
    for x in range(0, width, max(width // 5, 1)):
        draw.rectangle((x, height // 4, x + width // 9, height // 2), fill=(x % 255, 90, 200), outline="black")
    noise = rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """`image` as a file; `options` are Pillow's."""
    out = io.BytesIO()
    image.save(out, kind, **({"quality": 88} if kind != "PNG" else {}) | options)
    return out.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    """A JPEG segment (T.81, B.1.1.4)."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def behind_start(jpeg: bytes, *parts: bytes) -> bytes:
    """`jpeg` with `parts` put ahead of its first segment."""
    return jpeg[:2] + b"".join(parts) + jpeg[2:]


def chunk(kind: bytes, payload: bytes) -> bytes:
    """A PNG chunk (PNG, 5.3)."""
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png_of(width: int, height: int, raw: bytes, *, bits: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    """A PNG whose pixels, each row behind its filter's number, are `raw`."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def interlaced(rgb: "np.ndarray[Any, Any]") -> bytes:
    """A PNG of the pixels `rgb`, uint8 (h, w, 3), in seven passes, which Pillow reads and does not write."""
    rows = [row for x, y, across, down in ADAM7 for row in rgb[y::down, x::across]]
    height, width = rgb.shape[:2]
    return png_of(width, height, b"".join(b"\0" + row.tobytes() for row in rows), interlace=1)


def ahead_of_pixels(png: bytes, *parts: bytes) -> bytes:
    """`png` with `parts` put ahead of its first IDAT chunk."""
    at = png.index(b"IDAT") - 4
    return png[:at] + b"".join(parts) + png[at:]


def many_scans(width: int, height: int, scans: int, *, in_order: bool = False) -> bytes:
    """A grey progressive JPEG of few bytes with `scans` scans behind its first, each over all blocks.

    `in_order`: each brings a coefficient of its own (up to 63), as the standard has it; else all bring the same bit.
    """
    blocks, runs = (-(-width // 8)) * (-(-height // 8)), ""
    while blocks > 0:  # runs of empty blocks, each a symbol of one bit and 14 bits of length (T.81, G.1.2.2)
        run = max(min(blocks, 32767), 16384)
        runs += "0" + format(run - 16384, "014b")
        blocks -= run
    runs += "1" * (-len(runs) % 8)
    body = int(runs, 2).to_bytes(len(runs) // 8, "big").replace(b"\xff", b"\xff\0")
    head = [segment(0xDB, b"\0" + b"\x10" * 64), segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")]
    tables = [segment(0xC4, bytes([table, 1] + [0] * 15 + [symbol])) for table, symbol in ((0, 0), (0x10, 0xE0))]

    def scan(first: int, last: int, approximation: int) -> bytes:
        return segment(0xDA, bytes([1, 1, 0, first, last, approximation]))

    whole = scan(0, 0, 0) + bytes(-(-(-(-width // 8) * -(-height // 8)) // 8))
    bands = [scan(n + 1, n + 1, 0) if in_order else scan(1, 63, 0x10 if n else 1) for n in range(scans)]
    return b"\xff\xd8" + b"".join(head + tables) + whole + b"".join(band + body for band in bands) + b"\xff\xd9"


def entropy_start(jpeg: bytes) -> int:
    """Where the first scan's entropy-coded data begins."""
    at = jpeg.index(b"\xff\xda")
    return at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")


def mended_webp(data: bytes, share: float) -> bytes:
    """The first `share` of a simple WebP, with all lengths made to fit."""
    payload = data[20 : 20 + int((len(data) - 20) * share) // 2 * 2]
    return (
        b"RIFF"
        + struct.pack("<I", len(payload) + 12)
        + b"WEBP"
        + data[12:16]
        + struct.pack("<I", len(payload))
        + payload
    )


def mended_png(data: bytes, share: float) -> bytes:
    """A PNG of one IDAT chunk with the first `share` of its compressed pixels, lengths and checksums made to fit."""
    at = data.index(b"IDAT")
    payload = data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at], "big")]
    return data[: at - 4] + chunk(b"IDAT", payload[: int(len(payload) * share)]) + chunk(b"IEND", b"")
