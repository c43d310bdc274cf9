"""Small pictures of stored photos, upright, made when first asked for and kept in a cache that may be deleted."""

import hashlib
import io
import logging
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from PIL import Image

from regrade.models.intake import IntakeLimits, open_photo
from regrade.serving.photostore import PhotoStore
from regrade.serving.records import StoredPhoto

QUALITY = 85

log = logging.getLogger("regrade")


class Thumbnails:
    """Thumbnails of the photos in `store`, cached under `root`. Methods block."""

    def __init__(self, store: PhotoStore, root: Path, limits: IntakeLimits) -> None:
        self._store = store
        self._root = root
        self._limits = limits
        self._told = False
        """Whether it is in the log that the cache cannot be written."""

    def get(self, photo: StoredPhoto, width: int) -> bytes:
        """`photo` as a JPEG `width` pixels wide, or as wide as it is if that is less.

        Raises `PhotoDamagedError` where the photo's own file is gone or damaged, also when a thumbnail is at hand:
        a small picture must not hide that the evidence is lost.
        """
        original = self._store.read(photo.sha256)
        width = min(width, photo.width)
        path = self._root / photo.sha256[:2] / f"{photo.sha256}-{width}.jpg"
        cached = _checked(path)
        if cached is not None:
            return cached
        data = self._make(photo, original, width)
        self._cache(path, data)
        return data

    def _cache(self, path: Path, data: bytes) -> None:
        fresh = path.with_name(f"{uuid4().hex}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(hashlib.sha256(data).digest() + data)
            fresh.replace(path)
        except OSError as error:
            # A full disk makes thumbnails slow, and no worse.
            with suppress(OSError):
                fresh.unlink()
            if not self._told:
                log.warning("thumbnails cannot be kept in %s: %s", self._root, error.strerror)
            self._told = True
        else:
            self._told = False

    def _make(self, photo: StoredPhoto, original: bytes, width: int) -> bytes:
        height = max(1, round(photo.height * width / photo.width))
        limits = self._limits.reaching(max(width, height))
        pixels = open_photo(original, photo.index, limits).rgb
        picture = Image.fromarray(pixels)
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=QUALITY, optimize=True)
        return out.getvalue()


def _checked(path: Path) -> bytes | None:
    """The cached picture in `path`, without the hash that stands before it; None where it is not there or not whole.

    The cache is not synced to the disk, so a loss of power may leave half a file or an empty one.
    """
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    data = stored[size:]
    return data if stored[:size] == hashlib.sha256(data).digest() else None
