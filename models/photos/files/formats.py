"""The kinds of file that a photo may be: how each tells its structure, and how it is decoded."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.files import heif, jpeg, jpeg_pixels, png, webp
from regrade.models.photos.files.refusals import animated, truncated
from regrade.models.photos.files.structure import Structure
from regrade.models.photos.orientation import orientation_of

_WORK_OF_VIDEO_CODECS: Final = {heif.HEIC: 50.0, heif.AVIF: 25.0}
"""In megapixels of a baseline JPEG, for each of theirs."""

_SAME: Final = 2
"""Levels by which the pixels of one colour may differ when they were compressed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A decoded photo, not yet turned by its `orientation` (1 to 8, as in EXIF), and its colour profile. `width` and
    `height` are in pixels of the whole photo, which a JPEG's image is smaller than."""

    image: Image.Image
    width: int
    height: int
    orientation: int
    icc: bytes


@dataclass(frozen=True, slots=True)
class Format:
    """One kind. `read` finds the structure of a file; `load` decodes it, no smaller than a target (width, height).

    `read` raises `PhotoError`; `load` may raise whatever a decoder does.
    """

    read: Callable[[bytes], Structure]
    load: Callable[[bytes, Structure, tuple[int, int]], Loaded]


def _load_jpeg(data: bytes, structure: Structure, target: tuple[int, int]) -> Loaded:
    return _loaded(jpeg_pixels.load(data, structure, target), data, structure)


def _load_png(data: bytes, structure: Structure, target: tuple[int, int]) -> Loaded:
    file = png.pixels_alone(data)
    with Image.open(io.BytesIO(file), formats=["PNG"]) as image:
        image.load()
    png.refuse_missing_rows(image, file)
    return _loaded(image, data, structure)


def _load_webp(data: bytes, structure: Structure, target: tuple[int, int]) -> Loaded:
    image = _webp_image(data)
    shorter = webp.shortened(data)
    if shorter is not None and not _is_blank(image) and _is_whole_webp(shorter):
        raise truncated()
    return _loaded(image, data, structure)


def _is_blank(image: Image.Image) -> bool:
    # Nothing is missing of one colour, however many of its bytes its decoder can do without.
    bands = (band.getextrema() for band in image.split())
    return all(cast(float, high) - cast(float, low) <= _SAME for low, high in bands)


def _is_whole_webp(data: bytes) -> bool:
    try:
        _webp_image(data)
    except PhotoError:
        return False
    return True


def _webp_image(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        try:
            image.load()
        except OSError:
            # libwebp takes any bits for pixels, until it has none left.
            raise truncated() from None
    return image


def _loaded(image: Image.Image, data: bytes, structure: Structure) -> Loaded:
    return Loaded(image, structure.width, structure.height, orientation_of(data), structure.icc)


def _read_heif(media_type: str, data: bytes) -> Structure:
    width, height = heif.largest_extent(data)
    try:
        heif.require(data, media_type)
        fault = None
    except PhotoError as error:
        fault = error
    # Video codecs are too large for anybody to have shown what the oddest file can cost.
    work = width * height / 1e6 * _WORK_OF_VIDEO_CODECS[media_type]
    return Structure(width, height, work, bounded=False, fault=fault)


def _load_heif(name: str, data: bytes, structure: Structure, target: tuple[int, int]) -> Loaded:
    with Image.open(io.BytesIO(heif.without_metadata(data)), formats=[name]) as image:
        # Of a HEIC with several pictures the primary one is the photo.
        if getattr(image, "is_animated", False) and image.format != "HEIF":
            raise animated()
        image.load()
    return Loaded(image, *image.size, heif.container_orientation(image), image.info.get("icc_profile") or b"")


FORMATS: Final[Mapping[str, Format]] = {
    "image/jpeg": Format(jpeg.read, _load_jpeg),
    "image/png": Format(png.read, _load_png),
    "image/webp": Format(webp.read, _load_webp),
    heif.HEIC: Format(partial(_read_heif, heif.HEIC), partial(_load_heif, "HEIF")),
    heif.AVIF: Format(partial(_read_heif, heif.AVIF), partial(_load_heif, "AVIF")),
}
"""By media type."""
