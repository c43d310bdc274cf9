"""Intake: the bytes of a photo → checked, upright sRGB pixels, decoded once at the scale the models need.

Everything that a photo file can do wrong ends here, as a `PhotoError` with a stable code. Limits are checked
on the header, before a pixel is decoded, so that a decompression bomb costs nothing.
"""

import hashlib
import io
import math
import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile

from regrade.models import heif
from regrade.models.errors import PhotoError
from regrade.models.metadata import for_decoding
from regrade.models.orientation import SIDEWAYS, orientation_of, upright
from regrade.models.types import Photo

# Pillow must refuse a truncated file; a library that flipped this global would make us grade half a photo.
ImageFile.LOAD_TRUNCATED_IMAGES = False
# Our own limit is checked on the header with a clear message; Pillow's would be a bare warning.
Image.MAX_IMAGE_PIXELS = None
# Pillow remarks on odd palettes; they are not the inspector's concern. Set once for the process, since
# warnings.catch_warnings() is not safe between threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

SLACK: Final = 0.95
"""A decoded photo may fall this far short of the working side. The common 3264 and 1632 pixels give 408 at an eighth
and a quarter, twice as much at the next scale, and enlarging them by 2% for a network of 416 loses nothing."""

MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "HEIF": heif.HEIC,
    "AVIF": heif.AVIF,
}
_FORMATS: Final = {media_type: name for name, media_type in MEDIA_TYPES.items()}
_SRGB: Final = ImageCms.createProfile("sRGB")


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What is accepted. Sizes in bytes and pixels of the file, before any scaling."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 20_000
    min_side: int = 16
    working_side: int = 416
    """The long side, in pixels, that photos are decoded for: the largest input of any network."""

    def reaching(self, side: int) -> "IntakeLimits":
        """These limits for photos of which none, unless it is smaller itself, is decoded to less than `side` pixels."""
        return replace(self, working_side=math.ceil(side / SLACK))


DEFAULT_LIMITS: Final = IntakeLimits()


def sniff(data: bytes) -> str:
    """The media type that the first bytes of `data` announce, whatever the file is called.

    Raises `PhotoError` `empty` for no bytes and `unsupported_type` for anything but JPEG, PNG, WebP, HEIC and AVIF.
    """
    if not data:
        raise PhotoError("empty", "The photo has no bytes. Take it again, or check the upload.")
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if (media_type := heif.media_type_of(data)) is not None:
        return media_type
    raise PhotoError(
        "unsupported_type", "The file is not a JPEG, PNG, WebP, HEIC or AVIF image. Send the photo as one of these."
    )


def readable_types() -> tuple[str, ...]:
    """The media types of the photos that can be read in this installation."""
    missing = () if heif.is_installed() else (heif.HEIC,)
    return tuple(media_type for media_type in MEDIA_TYPES.values() if media_type not in missing)


def megapixels(data: bytes) -> float:
    """Millions of pixels that a photo's header announces; 0 where it cannot be read, which decoding will refuse."""
    if heif.media_type_of(data) is not None:
        return math.prod(heif.largest_extent(data)) / 1e6
    try:
        with _opened(data, sniff(data)) as image:
            return image.width * image.height / 1e6
    except (OSError, ValueError, SyntaxError, PhotoError):
        return 0.0


def open_photo(
    data: bytes, index: int = 0, limits: IntakeLimits = DEFAULT_LIMITS, *, sha256: str | None = None
) -> Photo:
    """Check and decode one photo.

    A JPEG is decoded at the smallest DCT scale whose long side still reaches `SLACK` times `limits.working_side`, and
    any photo is reduced by the largest whole number that keeps to that: what comes out has a long side of at least
    that and less than twice that, or its own where that is shorter. What a network wants beyond that is
    resampled once, from there. The photo is turned upright, as browsers do (`regrade.models.orientation`), and brought
    to 8-bit sRGB: CMYK, palette, greyscale and 16-bit are converted, an embedded ICC profile is applied, transparency
    is laid on white. Nothing else that its metadata says is looked at.
    `sha256` is the hash of `data`, in hex, where the caller has it already.

    Raises `PhotoError` (`empty`, `unsupported_type`, `heic_unsupported`, `too_large`, `too_many_pixels`,
    `bad_dimensions`, `animated`, `truncated`, `unreadable`), with `photo` set to `index`.
    """
    try:
        return _open(data, index, limits, sha256)
    except PhotoError as error:
        error.photo = index
        raise


def _open(data: bytes, index: int, limits: IntakeLimits, sha256: str | None) -> Photo:
    media_type = sniff(data)
    if len(data) > limits.max_bytes:
        raise PhotoError(
            "too_large",
            f"The photo is {len(data) / 2**20:.1f} MB; at most {limits.max_bytes / 2**20:.0f} MB are "
            "accepted. Lower the camera's resolution or JPEG quality.",
        )
    if _ends_early(data, media_type):
        raise _truncated()
    if media_type in (heif.HEIC, heif.AVIF):
        heif.require(data, media_type)
        _check_size(*heif.largest_extent(data), limits)
    try:
        with _opened(data, media_type) as image:
            _check_header(image, limits)
            rgb, width, height = _decode(image, limits, _orientation(image, data))
        return Photo(index, sha256 or hashlib.sha256(data).hexdigest(), media_type, width, height, rgb)
    except PhotoError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError) as error:
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise _truncated() from error
        raise PhotoError(
            "unreadable", "The photo's data is damaged and cannot be decoded. Take it again, or save it anew as JPEG."
        ) from error


def _opened(data: bytes, media_type: str) -> Image.Image:
    return Image.open(io.BytesIO(for_decoding(data)), formats=[_FORMATS[media_type]])


def _truncated() -> PhotoError:
    return PhotoError("truncated", "The photo ends before its last pixel. Upload it again, or take it again.")


def _ends_early(data: bytes, media_type: str) -> bool:
    """Whether a WebP is shorter than its RIFF header says; its decoder would only call it undecodable."""
    return media_type == "image/webp" and len(data) < 8 + int.from_bytes(data[4:8], "little")


def _check_header(image: Image.Image, limits: IntakeLimits) -> None:
    _check_size(*image.size, limits)
    # Of a HEIC with several pictures the primary one is the photo.
    if getattr(image, "is_animated", False) and image.format != "HEIF":
        raise PhotoError("animated", "The file is an animation. Send a single still photo.")


def _check_size(width: int, height: int, limits: IntakeLimits) -> None:
    if width * height > limits.max_pixels:
        raise PhotoError(
            "too_many_pixels",
            f"The photo has {width}×{height} = {width * height / 1e6:.0f} megapixels; at most "
            f"{limits.max_pixels / 1e6:.0f} are accepted. Lower the camera's resolution.",
        )
    if max(width, height) > limits.max_side or min(width, height) < limits.min_side:
        raise PhotoError(
            "bad_dimensions",
            f"The photo is {width}×{height} pixels; each side must be from {limits.min_side} to "
            f"{limits.max_side}. Send the photo as the camera took it.",
        )


def _orientation(image: Image.Image, data: bytes) -> int:
    return heif.container_orientation(image) if image.format in ("HEIF", "AVIF") else orientation_of(data)


def _decode(image: Image.Image, limits: IntakeLimits, orientation: int) -> tuple[NDArray[np.uint8], int, int]:
    """Upright pixels at the working scale, and the width and height of the upright full-size photo."""
    full_width, full_height = image.size
    side = round(limits.working_side * SLACK)
    scale = min(1.0, side / max(full_width, full_height))
    target = (max(1, round(full_width * scale)), max(1, round(full_height * scale)))
    # draft() picks the smallest of 1/1, 1/2, 1/4, 1/8 that is not below the size asked for.
    image.draft(None, target)
    image.load()
    rgb = _to_srgb(image, side)
    if orientation in SIDEWAYS:
        full_width, full_height = full_height, full_width
    return np.asarray(upright(rgb, orientation), dtype=np.uint8), full_width, full_height


def _to_srgb(image: Image.Image, side: int) -> Image.Image:
    """`image` in 8-bit sRGB, its long side at least `side`: reduced first, so that conversions stay cheap."""
    icc = image.info.get("icc_profile")
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


def _apply_profile(image: Image.Image, icc: bytes | None) -> Image.Image:
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


__all__ = ["DEFAULT_LIMITS", "MEDIA_TYPES", "IntakeLimits", "megapixels", "open_photo", "readable_types", "sniff"]
