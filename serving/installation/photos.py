"""Where an installation keeps its photos, files or a bucket, and that nobody looks for them in the wrong place.

The data directory says where they are. Settings that say something else would make of every photo a missing one, and of
what is in a bucket nobody's; so they are refused, until `regrade store photos --move` has moved the photos.
"""

import hashlib
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from regrade.models.files import write_atomically
from regrade.serving.base.bucket import Bucket, parts_of
from regrade.serving.base.errors import BucketError, SettingsError
from regrade.serving.base.settings import Settings
from regrade.serving.storage.keyfile import load_key
from regrade.serving.storage.photostore import LocalPhotoStore, PhotoStore
from regrade.serving.storage.s3.cache import PhotoCache
from regrade.serving.storage.s3.objects import Objects
from regrade.serving.storage.s3.store import FOLDER, S3PhotoStore

_AT: Final = "at.json"
_KEY: Final = "photos-bucket.key"
_BUCKET: Final = TypeAdapter(Bucket)


def open_photos(settings: Settings) -> PhotoStore:
    """The photos of an installation, where its settings say; a bucket is looked at first.

    Raises `BucketError` where they are kept elsewhere, or in a bucket that cannot be used.
    """
    data_dir, wanted = settings.data_dir, settings.photos_bucket
    at = photos_at(data_dir)
    if str(wanted) != str(at) and (at is not None or any_files(data_dir)):
        raise BucketError(_elsewhere(settings, at))
    store = open_at(settings, wanted, ours=at is not None)
    if wanted != at:
        note_photos_at(data_dir, wanted)
    return store


def open_at(settings: Settings, bucket: Bucket | None, *, ours: bool = False) -> PhotoStore:
    """The photos in a bucket, or the files (None), whatever the settings say; `ours`: the bucket must be marked as this
    site's already. Raises `BucketError`."""
    data_dir = settings.data_dir
    if bucket is None:
        return LocalPhotoStore(data_dir / "photos")
    cache = PhotoCache(data_dir / "cache" / "photos", settings.photos_cache_bytes)
    site = hashlib.sha256(load_key(data_dir / "keys" / _KEY)).hexdigest()
    store = S3PhotoStore(Objects(bucket), data_dir / FOLDER, cache, site, ours=ours)
    try:
        store.open()
    except BaseException:
        store.close()
        raise
    return store


def objects_at(settings: Settings, url: str) -> Objects:
    """The objects below `s3://bucket/prefix`, which is spoken to as the settings say. Raises `SettingsError`."""
    try:
        parts_of(url)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    found = settings.model_copy(update={"photos_url": url}).photos_bucket
    assert found is not None
    return Objects(found)


def photos_at(data_dir: Path) -> Bucket | None:
    """The bucket that the photos are in by now; None where they are files. Raises `BucketError`."""
    try:
        return _BUCKET.validate_json((data_dir / FOLDER / _AT).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise BucketError(f"{data_dir / FOLDER / _AT}, which says where the photos are, is damaged.") from error


def note_photos_at(data_dir: Path, bucket: Bucket | None) -> None:
    """Write down where the photos are from now on."""
    file = data_dir / FOLDER / _AT
    if bucket is not None:
        write_atomically(file, _BUCKET.dump_json(bucket) + b"\n", private=True)
    else:
        file.unlink(missing_ok=True)


def any_files(data_dir: Path) -> bool:
    """Whether there are photos among the files of an installation."""
    root = data_dir / "photos"
    return root.is_dir() and next(LocalPhotoStore(root).hashes(), None) is not None


def told(bucket: Bucket | None) -> str:
    """Where photos are, in words."""
    return "files in the data directory" if bucket is None else str(bucket)


def _elsewhere(settings: Settings, at: Bucket | None) -> str:
    go_on = "take REGRADE_PHOTOS_URL away" if at is None else f"set REGRADE_PHOTOS_URL={at}"
    return (
        f"The photos of this site are {told(at)}, and the settings say {told(settings.photos_bucket)}. To go on with "
        f"them, {go_on}; to move them, run `regrade store photos --move --data-dir {settings.data_dir}`."
    )
