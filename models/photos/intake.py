"""Intake: the bytes of a photo → checked, upright sRGB pixels, decoded once at the scale the models need.

Everything that a photo file can do wrong ends here, as a `PhotoError` with a stable code. Limits are checked on the
structure of the file, before any library sees it, so that a decompression bomb costs nothing; what may take long is
decoded where it can be ended.
"""

import hashlib
import logging
import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.files import heif, helper
from regrade.models.photos.files.formats import FORMATS
from regrade.models.photos.files.pixels import decode, to_srgb
from regrade.models.photos.files.structure import Structure
from regrade.models.types import Photo

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
SUFFIXES: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    heif.HEIC: ".heic",
    heif.AVIF: ".avif",
}
RAW: Final = "image/x-raw"
"""The media type of what came as pixels."""

log = logging.getLogger("regrade")


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What is accepted. Sizes in bytes and pixels of the file, before any scaling."""

    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 20_000
    min_side: int = 16
    working_side: int = 416
    """The long side, in pixels, that photos are decoded for: the largest input of any network."""
    seconds: float = 5.0
    """Core-seconds after which decoding is cut off, where the file's structure does not show that it takes less."""

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


def survey(data: bytes) -> Structure | None:
    """What the file of a photo says of itself, without decoding it; None where it will be refused for that."""
    try:
        structure = FORMATS[sniff(data)].read(data)
    except PhotoError:
        return None
    return structure if structure.fault is None else None


def check_photo(data: bytes, limits: IntakeLimits = DEFAULT_LIMITS) -> str:
    """The media type of a photo whose file keeps within the limits, as its structure says; nothing is decoded.

    Raises `PhotoError` as `open_photo` does, but for what only decoding shows.
    """
    return _checked(data, limits)[0]


def open_photo(
    data: bytes,
    index: int = 0,
    limits: IntakeLimits = DEFAULT_LIMITS,
    *,
    sha256: str | None = None,
    patience: float | None = None,
) -> Photo:
    """Check and decode one photo.

    A JPEG is decoded at the smallest DCT scale whose long side still reaches `SLACK` times `limits.working_side`, and
    any photo is reduced by the largest whole number that keeps to that: what comes out has a long side of at least
    that and less than twice that, or its own where that is shorter. What a network wants beyond that is
    resampled once, from there. The photo is turned upright, as browsers do (`regrade.models.photos.orientation`), and
    brought to 8-bit sRGB: CMYK, palette, greyscale and 16-bit are converted, an embedded ICC profile is applied,
    transparency is laid on white. Nothing else that its metadata says is looked at.
    `sha256` is the hash of `data`, in hex, where the caller has it already.

    Where the structure of the file does not show that decoding is quick, it happens in a process of its own, which is
    ended after `limits.seconds` of a core, or `patience` seconds by the clock.

    Raises `PhotoError` (`empty`, `unsupported_type`, `heic_unsupported`, `too_large`, `too_many_pixels`,
    `bad_dimensions`, `too_complex`, `too_slow`, `animated`, `truncated`, `unreadable`), with `photo` set to `index`.
    """
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    try:
        return _open(data, index, limits, sha256, patience)
    except PhotoError as error:
        error.photo = index
        if error.code == "too_slow":
            log.warning("photo %s was cut off: %s", sha256, error)
        raise


def photo_of_pixels(rgb: NDArray[np.uint8], index: int = 0, limits: IntakeLimits = DEFAULT_LIMITS) -> Photo:
    """The photo whose upright sRGB pixels are `rgb`, uint8 (h, w, 3): as a PNG with the same pixels would be opened.
    There is no file, and so no hash of it.

    Raises `PhotoError` (`too_many_pixels`, `bad_dimensions`), with `photo` set to `index`.
    """
    height, width = rgb.shape[:2]
    try:
        _check_size(width, height, limits)
    except PhotoError as error:
        error.photo = index
        raise
    reduced = to_srgb(Image.fromarray(rgb), round(limits.working_side * SLACK), b"")
    return Photo(index, "", RAW, width, height, np.asarray(reduced, dtype=np.uint8))


def _open(data: bytes, index: int, limits: IntakeLimits, sha256: str, patience: float | None) -> Photo:
    media_type, structure = _checked(data, limits)
    side = round(limits.working_side * SLACK)
    if structure.quick:
        decoded = decode(data, media_type, structure, side)
    else:
        decoded = helper.decode(data, media_type, side, limits.seconds, patience)
    _check_size(decoded.width, decoded.height, limits)  # of a HEIC only its decoder knows which picture is the photo
    return Photo(index, sha256, media_type, decoded.width, decoded.height, decoded.rgb)


def _checked(data: bytes, limits: IntakeLimits) -> tuple[str, Structure]:
    """The media type of a file, and its structure, which keeps within the limits."""
    media_type = sniff(data)
    if len(data) > limits.max_bytes:
        raise PhotoError(
            "too_large",
            f"The photo is {len(data) / 2**20:.1f} MB; at most {limits.max_bytes / 2**20:.0f} MB are "
            "accepted. Lower the camera's resolution or JPEG quality.",
        )
    structure = FORMATS[media_type].read(data)
    _check_size(structure.width, structure.height, limits)
    if structure.fault is not None:
        raise structure.fault
    return media_type, structure


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


__all__ = [
    "DEFAULT_LIMITS",
    "MEDIA_TYPES",
    "SUFFIXES",
    "IntakeLimits",
    "check_photo",
    "open_photo",
    "photo_of_pixels",
    "readable_types",
    "sniff",
    "survey",
]
