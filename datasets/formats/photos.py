"""The photo file of a record: checked, upright, and otherwise the bytes that were given."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from regrade.models.errors import DatasetError, PhotoError
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.photos.orientation import SIDEWAYS, exif_orientation, orientation_of
from regrade.models.photos.preprocess import reduced
from regrade.models.types import Box

_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
_ORIENTATION = 0x0112
_JPEG_QUALITY = 95


@dataclass(frozen=True, slots=True)
class ImportedPhoto:
    """The bytes to store. `rgb` is uint8 (h, w, 3), upright, at the working scale of the models.

    `width`, `height` are those of the stored photo; `upright` and `raw` those of the given one, turned by its
    `orientation` and not.
    """

    data: bytes
    suffix: str
    width: int
    height: int
    upright: tuple[int, int]
    raw: tuple[int, int]
    orientation: int
    rgb: NDArray[np.uint8]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def store_photo(data: bytes, where: str, max_side: int | None = None) -> ImportedPhoto:
    """What to store of a photo file: `data` itself where it is an upright JPEG, PNG or WebP.

    A photo that its EXIF turns is turned, one whose long side is above `max_side` pixels is reduced to it; both, and
    HEIC and AVIF, which few tools read, are saved as JPEG at quality 95. BMP and TIFF become PNG. Raises
    `DatasetError`, naming `where`, for what the grader would not open either.
    """
    try:
        data = _known_format(data)
        photo = open_photo(data)
        orientation = orientation_of(data)
        upright = (photo.width, photo.height)
        raw = upright[::-1] if orientation in SIDEWAYS else upright
        width, height = upright
        suffix = _SUFFIXES.get(photo.media_type, "")
        if orientation > 1 or not suffix or (max_side is not None and max(upright) > max_side):
            side = min(max(upright), max_side or max(upright))
            full = reduced(open_photo(data, limits=DEFAULT_LIMITS.reaching(side)).rgb, side)
            data, suffix = _jpeg(Image.fromarray(full)), ".jpg"
            height, width = full.shape[:2]
    except (PhotoError, OSError, ValueError, SyntaxError) as error:
        raise DatasetError(f"{where}: {error}") from None
    return ImportedPhoto(data, suffix, width, height, upright, raw, orientation, photo.rgb)


def _known_format(data: bytes) -> bytes:
    """`data`, or a PNG of it where it is a BMP or TIFF."""
    try:
        with Image.open(io.BytesIO(data), formats=["BMP", "TIFF"]) as image:
            if image.width * image.height > DEFAULT_LIMITS.max_pixels:
                raise ValueError(f"the photo has {image.width}×{image.height} pixels; reduce it first")
            buffer = io.BytesIO()
            keep = Image.Exif()
            keep[_ORIENTATION] = exif_orientation(data)  # EXIF is a TIFF file without its pixels
            image.convert("RGB").save(buffer, "PNG", exif=keep)
            return buffer.getvalue()
    except UnidentifiedImageError:
        return data


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def turn_box(box: Box, raw: tuple[int, int], orientation: int) -> Box:
    """A box on the unturned photo of size `raw` (width, height), as a box on the upright one.

    Orientations are those of EXIF 2.32, tag 0x0112.
    """
    width, height = raw

    def turn(x: float, y: float) -> tuple[float, float]:
        if orientation in (2, 3, 7, 8):
            x = width - x
        if orientation in (3, 4, 6, 7):
            y = height - y
        return (y, x) if orientation in (5, 6, 7, 8) else (x, y)

    (ax, ay), (bx, by) = turn(box[0], box[1]), turn(box[2], box[3])
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
