"""A photo as others may see it: upright, and without what its file tells of place, time, camera and owner."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from regrade.models.photos.intake import DEFAULT_LIMITS, IntakeLimits, open_photo, survey
from regrade.models.photos.metadata import bare
from regrade.models.photos.orientation import SIDEWAYS, orientation_of, upright

QUALITY: Final = 95
"""Of a JPEG of the whole photo."""
JPEG: Final = "image/jpeg"

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of an image file of the type `media_type`."""

    data: bytes
    media_type: str


def whole_picture(data: bytes, media_type: str, size: Size) -> Picture:
    """The photo file `data` in its whole upright `size`, as it was graded: `untouched`, or encoded anew as a JPEG.

    Raises `PhotoError` for what cannot be read.
    """
    left = untouched(data, size)
    if left is not None:
        return Picture(left, media_type)
    return Picture(encoded(drawn(data, size, size[0], DEFAULT_LIMITS), QUALITY), JPEG)


def untouched(data: bytes, size: Size) -> bytes | None:
    """The file of a JPEG, PNG or WebP that needs neither turning nor decoding, less its metadata; None of any other."""
    structure = survey(data)
    if structure is None or (structure.width, structure.height) != size or orientation_of(data) != 1:
        return None
    return bare(data)


def drawn(data: bytes, size: Size, width: int, limits: IntakeLimits, index: int = 0) -> Image.Image:
    """The photo file `data`, of the upright `size`, as RGB and `width` pixels wide.

    Raises `PhotoError`, with `photo` set to `index`.
    """
    height = max(1, round(size[1] * width / size[0]))
    opened = open_photo(data, index, limits.reaching(max(width, height)))
    picture = Image.fromarray(opened.rgb)
    if (opened.width, opened.height) == size[::-1] != size:
        picture = upright(picture, _orientation_before(data))
    return picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.LANCZOS)


def encoded(picture: Image.Image, quality: int) -> bytes:
    """`picture` as a JPEG."""
    out = io.BytesIO()
    # The larger the picture, the less is to be gained, and the longer it takes.
    picture.save(out, "JPEG", quality=quality, optimize=quality < QUALITY)
    return out.getvalue()


def _orientation_before(data: bytes) -> int:
    """How Pillow would turn an odd file, which is how it was turned when it was graded by an earlier version.

    Then its boxes are for that.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            found = image.getexif().get(0x0112, 1)
    except Exception:  # whatever Pillow makes of it, there is a way to show the photo
        return 1
    return int(found) if found in SIDEWAYS else 1
