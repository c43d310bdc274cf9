"""Small photo files of every kind that intake reads, and ways to damage them that get past the first checks.

Input `number` of a `seed` is always the same bytes, so that what was found can be looked at again.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Final

import numpy as np
from odd_photos import chunk, encoded, interlaced
from PIL import Image, ImageCms, ImageFilter

Mutation = Callable[[bytearray, Random], None]

_SIZE: Final = (72, 54)
_EDGES: Final = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 0xD8, 0xD9, 0xDA, 0xC4)
_NUMBERS: Final = (0, 1, 2, 0x7F, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD: Final = 700
"""Bytes of a file in which its structure is; damage there goes farther than among pixels."""


@cache
def files() -> Mapping[str, bytes]:
    """The undamaged files, by name."""
    rgb = _picture()
    grey, deep = rgb.convert("L"), Image.fromarray(np.asarray(rgb.convert("L"), np.uint16) * 257)
    clear = rgb.copy()
    clear.putalpha(grey)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = profile.replace("sRGB".encode("utf-16-be"), "Rsgb".encode("utf-16-be"))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    said = {"exif": exif.tobytes(), "icc_profile": other}
    return {
        "JPEG": encoded(rgb, "JPEG", quality=85),
        "JPEG with EXIF and a profile": encoded(rgb, "JPEG", quality=85, **said),
        "JPEG, optimised": encoded(rgb, "JPEG", optimize=True, subsampling=0),
        "JPEG, progressive": encoded(rgb, "JPEG", progressive=True),
        "JPEG, grey": encoded(grey, "JPEG"),
        "JPEG, CMYK": encoded(rgb.convert("CMYK"), "JPEG"),
        "JPEG with restarts": encoded(rgb, "JPEG", restart_marker_blocks=2),
        "two JPEGs": encoded(rgb, "MPO", save_all=True, append_images=[rgb.resize((36, 27))]),
        "PNG": encoded(rgb, "PNG", exif=exif, icc_profile=other, dpi=(72, 72)),
        "PNG, interlaced": interlaced(np.asarray(rgb)),
        "PNG, palette": encoded(rgb.quantize(32), "PNG", transparency=bytes(range(0, 256, 8))),
        "PNG, 16 bits": encoded(deep, "PNG"),
        "PNG with alpha": encoded(clear, "PNG"),
        "PNG, one bit": encoded(grey.convert("1"), "PNG"),
        "WebP": encoded(rgb, "WEBP", method=0, **said),
        "WebP, lossless": encoded(rgb, "WEBP", method=0, lossless=True),
        "WebP with alpha": encoded(clear, "WEBP", method=0),
    }


@cache
def video_files() -> Mapping[str, bytes]:
    """Those of video codecs, which a helper decodes: a hundred times slower."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    return {"AVIF": encoded(_picture(), "AVIF", speed=10), "HEIC": encoded(_picture(), "HEIF", quality=60)}


def damaged(seed: int, number: int, *, video: bool = False) -> tuple[str, bytes]:
    """Input `number` of `seed`: the name of the file it was made from, and its bytes."""
    random = Random(f"{seed}-{number}-{video}")
    pool = video_files() if video else files()
    name = random.choice(list(pool))
    data = bytearray(pool[name])
    for _ in range(random.choice((1, 1, 2, 3, 5, 8))):
        random.choice(MUTATIONS)(data, random)
    if random.random() < 0.8:
        _mend(data)
    return name, bytes(data)


def _place(data: bytearray, random: Random) -> int:
    end = len(data) if random.random() < 0.5 else min(len(data), _HEAD)
    return random.randrange(max(end, 1))


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[_place(data, random)] ^= 1 << random.randrange(8)


def _edge(data: bytearray, random: Random) -> None:
    if data:
        data[_place(data, random)] = random.choice(_EDGES)


def _number(data: bytearray, random: Random) -> None:
    at, order, width = _place(data, random), random.choice("<>"), random.choice("BHI")
    value = random.choice(_NUMBERS) & (256 ** struct.calcsize(width) - 1)
    data[at : at + struct.calcsize(width)] = struct.pack(order + width, value)


def _scramble(data: bytearray, random: Random) -> None:
    at, size = _place(data, random), random.randrange(1, 40)
    data[at : at + size] = random.randbytes(size)


def _drop(data: bytearray, random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.choice((1, 2, 4, 16, 100, 1000))]


def _repeat(data: bytearray, random: Random) -> None:
    at, size = _place(data, random), random.choice((1, 4, 16, 64, 300))
    data[at:at] = data[at : at + size] * random.choice((1, 1, 2, 20, 200))


def _blank(data: bytearray, random: Random) -> None:
    at, size = _place(data, random), random.choice((4, 64, 500, 5000))
    part = data[at : at + size]
    data[at : at + size] = bytes([random.choice((0, 0xFF))]) * len(part)


def _cut(data: bytearray, random: Random) -> None:
    del data[_place(data, random) :]
    data += random.choice((b"", b"\xff\xd9", chunk(b"IEND", b"")))


def _move(data: bytearray, random: Random) -> None:
    at, to, size = _place(data, random), _place(data, random), random.randrange(1, 200)
    part = data[at : at + size]
    del data[at : at + size]
    data[to:to] = part


def _splice(data: bytearray, random: Random) -> None:
    other = random.choice(list(files().values()))
    data[_place(data, random) :] = other[random.randrange(len(other)) :]


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(_flip, _edge, _number, _number, _scramble, _drop, _repeat, _blank, _cut, _move, _splice),
)


def _mend(data: bytearray) -> None:
    """Make lengths and checksums fit that would only keep the damage from being seen."""
    if data.startswith(b"RIFF"):
        data[4:8] = struct.pack("<I", max(len(data) - 8, 0))
    if data.startswith(b"\x89PNG"):
        at = 8
        while at + 12 <= len(data):
            end = at + 8 + int.from_bytes(data[at : at + 4])
            if end + 4 > len(data):
                return
            data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
            at = end + 4


def _picture() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (_SIZE[1], _SIZE[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))
