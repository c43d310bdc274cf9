"""Pictures of stored photos to look at, whole or small; what has to be encoded for that is kept in a cache."""

from typing import Final

from regrade.models.photos.intake import IntakeLimits
from regrade.models.photos.shown import JPEG, Picture, drawn, encoded, untouched
from regrade.models.photos.shown import QUALITY as FULL_QUALITY
from regrade.serving.storage.photostore import PhotoStore
from regrade.serving.storage.picture_cache import PictureCache
from regrade.serving.storage.records import StoredPhoto

QUALITY: Final = 85
FULL: Final = "upright"


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
        left = untouched(original, (photo.width, photo.height))
        if left is not None:
            return Picture(left, photo.media_type)
        return Picture(self._kept(photo, original, photo.width, FULL, FULL_QUALITY), JPEG)

    def get(self, photo: StoredPhoto, width: int) -> bytes:
        """`photo` as a JPEG `width` pixels wide, or as wide as it is if that is less."""
        original = self._store.read(photo.sha256)
        width = min(width, photo.width)
        return self._kept(photo, original, width, str(width), QUALITY)

    def _kept(self, photo: StoredPhoto, original: bytes, width: int, made: str, quality: int) -> bytes:
        data = self._cache.get(photo.sha256, made)
        if data is None:
            size = (photo.width, photo.height)
            data = encoded(drawn(original, size, width, self._limits, photo.index), quality)
            self._cache.put(photo.sha256, made, data)
            if not self._store.holds(photo.sha256):
                self._cache.forget(photo.sha256)  # erased while it was being drawn
        return data
