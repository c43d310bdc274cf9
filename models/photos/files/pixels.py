"""A photo's file → upright 8-bit sRGB pixels, decoded once at the scale that is wanted."""

import io
import logging
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

from regrade.models.errors import PhotoError
from regrade.models.photos.files.formats import FORMATS
from regrade.models.photos.files.refusals import truncated, unreadable
from regrade.models.photos.files.structure import Structure
from regrade.models.photos.orientation import SIDEWAYS, upright

# Pillow must refuse a truncated file; a library that flipped this global would make us grade half a photo.
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Our own limit is checked on the structure with a clear message; Pillow's would be a bare warning.
Image.MAX_IMAGE_PIXELS = None
# Pillow remarks on odd palettes; they are not the inspector's concern. Set once for the process, since
# warnings.catch_warnings() is not safe between threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_SRGB: Final = ImageCms.createProfile("sRGB")
_GREY: Final = 128
_NEAR_GREY: Final = 8
_GREY_ROWS: Final = 4
"""Fewer at the end are nothing that a grade depends on."""
_DAMAGED: Final = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError)
"""What decoders raise for a file that they cannot read."""

log = logging.getLogger("regrade")


@dataclass(frozen=True, slots=True)
class Decoded:
    """uint8 (h, w, 3), and the size in pixels of the whole photo, upright as the pixels are."""

    rgb: NDArray[np.uint8]
    width: int
    height: int


def decode(data: bytes, media_type: str, structure: Structure, side: int) -> Decoded:
    """The pixels of a file: a long side of at least `side` and less than twice that, or its own where that is shorter.

    Raises `PhotoError` (`truncated`, `animated`, `unreadable`).
    """
    try:
        return _decode(data, media_type, structure, side)
    except PhotoError:
        raise
    except Exception as error:
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise truncated() from error
        if not isinstance(error, _DAMAGED):
            # A decoder that stumbles must not cost more than the photo; but somebody should look into it.
            log.error("a decoder of %s failed: %r", media_type, error)
        raise unreadable() from error


def _decode(data: bytes, media_type: str, structure: Structure, side: int) -> Decoded:
    scale = min(1.0, side / max(structure.width, structure.height))
    target = (max(1, round(structure.width * scale)), max(1, round(structure.height * scale)))
    loaded = FORMATS[media_type].load(data, structure, target)
    rgb = to_srgb(loaded.image, side, loaded.icc)
    pixels = np.asarray(rgb, dtype=np.uint8)
    if _ends_grey(pixels):
        raise truncated()
    width, height = loaded.width, loaded.height
    if loaded.orientation in SIDEWAYS:
        width, height = height, width
    if loaded.orientation > 1:
        pixels = np.asarray(upright(rgb, loaded.orientation), dtype=np.uint8)
    return Decoded(pixels, width, height)


def _ends_grey(rgb: NDArray[np.uint8]) -> bool:
    """Whether a photo, and not all of it, ends in the grey that libjpeg paints where pixels are missing: half a photo
    that somebody's program has saved anew."""
    least = max(_GREY_ROWS, len(rgb) // 20)
    if not (rgb[-1] == _GREY).all() or not (rgb[-least:] == _GREY).all():
        return False
    # Grey at the beginning, too, is a frame or a blank photo.
    return bool(np.abs(rgb[0].astype(np.int16) - _GREY).max() > _NEAR_GREY)


def to_srgb(image: Image.Image, side: int, icc: bytes) -> Image.Image:
    """`image` in 8-bit sRGB, its long side at least `side`: reduced first, so that conversions stay cheap."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _sixteen_bit_to_grey(image)
    if (
        image.mode == "P"
        or (image.mode in ("L", "RGB", "1") and "transparency" in image.info)
        or image.mode in ("LA", "La", "PA", "RGBa")
    ):
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    if (factor := max(image.size) // side) > 1:
        image = image.reduce(factor)
    if image.mode == "RGBA":
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image).convert("RGB")
    return _apply_profile(image, icc)


def _sixteen_bit_to_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    # Pillow hands 16-bit greyscale over as I;16 or I with 0–65535; its own convert("L") would clip at 255.
    top = 65535.0 if image.mode.startswith("I") else 255.0
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).astype(np.uint8))


def _apply_profile(image: Image.Image, icc: bytes) -> Image.Image:
    if icc and image.mode in ("RGB", "CMYK", "L"):
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if "sRGB" not in ImageCms.getProfileDescription(profile):
                converted = ImageCms.profileToProfile(image, profile, _SRGB, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # A broken profile must not cost the photo: its numbers are then read as sRGB.
    return image if image.mode == "RGB" else image.convert("RGB")
