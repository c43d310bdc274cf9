"""Photos and ready request bodies for the benchmarks: rendered, with a phone's bytes per pixel, no two requests alike.

A photo is textured ground, a carton with a strip of tape, and sensor noise. Every photo carries a JPEG comment and
every item an RMA number with `STAMP` in it; the load clients overwrite it with a number of its own for each request,
so that no photo is ever sent twice, and neither a store that keeps equal photos once nor any cache is favoured.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from load_client import STAMP
from PIL import Image, ImageDraw, ImageFilter

NOISE: Final = 7.0
"""Standard deviation of the sensor noise in grey levels: makes 12 megapixels at quality 88 weigh 3 to 4 MB."""
BOUNDARY: Final = "----regrade-8d0f2c5be7a94163"
SIZES: Final = {0.5: (816, 612), 2: (1632, 1224), 5: (2592, 1944), 12: (4032, 3024), 48: (8000, 6000)}
"""Megapixels → width and height of a 4:3 photo."""


def photo_of(seed: int, width: int = 4032, height: int = 3024, quality: int = 88) -> bytes:
    """A JPEG of `width` × `height` pixels with a stamp in its comment; another one for each `seed`."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(90, 170, (max(2, height // 24), max(2, width // 24), 3), dtype=np.uint8))
    image = ground.resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(width / 2016))
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = width // 6, height // 6, width * 5 // 6, height * 5 // 6
    draw.rectangle((left, top, right, bottom), fill=(176, 132, 86), outline=(90, 60, 30))
    tape = height // 38
    draw.rectangle((left, height // 2 - tape, right, height // 2 + tape), fill=(205, 180, 140))
    pixels = np.asarray(image, dtype=np.int16)
    noise = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(NOISE)
    noisy = np.clip(pixels + noise.astype(np.int16), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=quality, comment=STAMP + b" photo %06d" % seed)
    return buffer.getvalue()


def twin(photo: bytes, number: int) -> bytes:
    """The same picture in a file that differs by its comment: costs as much as another photo and is made at once.

    `number` is below a million.
    """
    comment = photo.index(STAMP) + len(STAMP + b" photo ")
    return photo[:comment] + b"%06d" % number + photo[comment + 6 :]


def item_of(category: str | None = "packaging") -> dict[str, Any]:
    """The item part of a request, of a declared `category` or, when None, of one that the service finds out."""
    item = {"rma": STAMP.decode()}
    return item if category is None else item | {"category": category}


def item_body(photos: Sequence[bytes], item: Mapping[str, Any]) -> tuple[bytes, str]:
    """The multipart body of POST /v1/inspections with these `photos` and this `item`, and its Content-Type.

    The Content-Type is the same for all bodies.
    """
    parts: list[bytes] = []
    for index, photo in enumerate(photos):
        head = f'Content-Disposition: form-data; name="photos"; filename="{index}.jpg"\r\nContent-Type: image/jpeg'
        parts += [f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode(), photo, b"\r\n"]
    head = 'Content-Disposition: form-data; name="item"'
    parts.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n{json.dumps(dict(item))}\r\n--{BOUNDARY}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={BOUNDARY}"


def bodies_of(photos: Sequence[bytes], per_item: int, category: str | None = "packaging") -> tuple[list[bytes], str]:
    """One body that begins with each of `photos` and goes on with those after it, and the Content-Type of all.

    Raises ValueError when an item would hold the same photo twice.
    """
    if per_item > len(photos):
        raise ValueError(f"{per_item} photos an item need as many different ones; there are {len(photos)}")
    items = [[photos[(first + n) % len(photos)] for n in range(per_item)] for first in range(len(photos))]
    made = [item_body(item, item_of(category)) for item in items]
    return [body for body, _ in made], made[0][1]


def stamped(data: bytes, number: int) -> bytes:
    """`data`, a photo or a whole body, with `number` in all its stamps, as the load clients do it."""
    return data.replace(STAMP, b"stamp-%010d" % number)
