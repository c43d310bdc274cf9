"""What is shown of stored photos: upright, and without what their files tell of place, time, camera and owner."""

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image

from regrade.models.intake import IntakeLimits, open_photo
from regrade.models.metadata import bare
from regrade.models.orientation import SIDEWAYS, orientation_of, upright
from regrade.serving.photostore import PhotoStore
from regrade.serving.picture_cache import PictureCache
from regrade.serving.records import StoredPhoto

QUALITY: Final = 85
FULL_QUALITY: Final = 95
FULL: Final = "upright"
JPEG: Final = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of an image file of the type `media_type`."""

    data: bytes
    media_type: str


class Thumbnails:
    """Pictures of the photos in `store`. Methods block.

    Both raise `PhotoDamagedError` where the photo's own file is gone or damaged, also when a picture of it is at hand:
    that must not hide that the evidence is lost.
    """

    def __init__(self, store: PhotoStore, cache: PictureCache, limits: IntakeLimits) -> None:
        self._store = store
        self._cache = cache
        self._limits = limits

    def full(self, photo: StoredPhoto) -> Picture:
        """`photo` in its whole size, `photo.width` × `photo.height` pixels.

        A JPEG, PNG or WebP that needs no turning is its own file less the metadata; what is turned, and HEIC and AVIF,
        is encoded anew as a JPEG, once.
        """
        original = self._store.read(photo.sha256)
        if (untouched := _untouched(photo, original)) is not None:
            return Picture(untouched, photo.media_type)
        return Picture(self._kept(photo, original, photo.width, FULL, FULL_QUALITY), JPEG)

    def get(self, photo: StoredPhoto, width: int) -> bytes:
        """`photo` as a JPEG `width` pixels wide, or as wide as it is if that is less."""
        original = self._store.read(photo.sha256)
        width = min(width, photo.width)
        return self._kept(photo, original, width, str(width), QUALITY)

    def _kept(self, photo: StoredPhoto, original: bytes, width: int, made: str, quality: int) -> bytes:
        data = self._cache.get(photo.sha256, made)
        if data is None:
            data = _encoded(self._drawn(photo, original, width), quality)
            self._cache.put(photo.sha256, made, data)
        return data

    def _drawn(self, photo: StoredPhoto, original: bytes, width: int) -> Image.Image:
        height = max(1, round(photo.height * width / photo.width))
        opened = open_photo(original, photo.index, self._limits.reaching(max(width, height)))
        picture = Image.fromarray(opened.rgb)
        if (opened.width, opened.height) == (photo.height, photo.width) != (photo.width, photo.height):
            picture = upright(picture, _orientation_before(original))
        return picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.LANCZOS)


def _untouched(photo: StoredPhoto, original: bytes) -> bytes | None:
    """The file of a photo that needs neither decoding nor turning, without its metadata; None of any other."""
    if orientation_of(original) != 1 or (left := bare(original)) is None:
        return None
    with Image.open(io.BytesIO(left)) as image:
        return left if image.size == (photo.width, photo.height) else None


def _orientation_before(original: bytes) -> int:
    """How Pillow would turn an odd file, which is how it was turned when it was graded by an earlier version.

    Then its boxes are for that.
    """
    try:
        with Image.open(io.BytesIO(original)) as image:
            found = image.getexif().get(0x0112, 1)
    except Exception:  # whatever Pillow makes of it, there is a way to show the photo
        return 1
    return int(found) if found in SIDEWAYS else 1


def _encoded(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    # The larger the picture, the less is to be gained, and the longer it takes.
    picture.save(out, "JPEG", quality=quality, optimize=quality < FULL_QUALITY)
    return out.getvalue()
