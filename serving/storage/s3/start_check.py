"""What is looked at before a bucket is trusted with photos: that it can be written, read and cleared; whose it is."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from regrade.serving.base.errors import BucketError, PhotosAwayError
from regrade.serving.storage.s3.objects import Objects

MARK: Final = "regrade-site.json"
"""The object that says which site the photos below a prefix are of."""
PROBES: Final = "probe"


@dataclass(frozen=True, slots=True)
class Examined:
    """What a bucket can do: whether it keeps to `If-None-Match`, whether its ETags are the MD5 of what is stored, and
    whether it keeps versions."""

    conditional: bool
    etag_is_md5: bool
    versions: bool


def examine(objects: Objects) -> Examined:
    """Write an object, write it again, read it and remove it.

    Raises `BucketError` for a bucket that cannot be used, and `PhotosAwayError` where it does not answer.
    """
    name, data = f"{PROBES}/{uuid4().hex}", b"regrade: may be removed\n"
    try:
        first = objects.put(name, data)
        try:
            second = objects.put(name, data)
            if objects.get(name) != data:
                raise BucketError(f"{objects.bucket} gives back other bytes than it was given. Use another store.")
        finally:
            objects.delete(name)
        if objects.head(name) is not None:
            raise BucketError(
                f"{objects.bucket} keeps what it was told to remove, so nothing could be erased from it. Look for an "
                "object lock or a rule of retention on it."
            )
    except PhotosAwayError as error:
        if error.lasting:
            raise BucketError(_refused(objects, error)) from error
        raise
    if second.new:
        objects.conditional = False
    found = Examined(not second.new, first.etag == hashlib.md5(data, usedforsecurity=False).hexdigest(), False)
    if first.version is None:
        return found
    if not objects.bucket.versions_days:
        raise BucketError(
            f"{objects.bucket} keeps versions: what is erased would stay in it. Use a bucket without versioning; or "
            "have its lifecycle remove noncurrent versions and expired delete markers after N days, and set "
            "REGRADE_PHOTOS_VERSIONS_DAYS=N: erased photos are then gone for good N days later."
        )
    return Examined(found.conditional, found.etag_is_md5, True)


def claim(objects: Objects, site: str, *, anew: bool = True) -> None:
    """Mark the prefix as that of a site, or see that it is: two that share one would remove each other's photos.

    Raises `BucketError` where it is another's; and, unless it may be marked `anew`, where nobody has marked it.
    """
    mark = json.dumps({"site": site}).encode() + b"\n"
    there = objects.get(MARK)
    if there is None and not anew:
        raise BucketError(
            f"{objects.bucket} is not marked as this site's any more: it is another of that name, or was emptied. "
            f"Find the one with {MARK} in it, or restore a backup."
        )
    if there is None:
        objects.put(MARK, mark)
        there = objects.get(MARK)
    if there != mark:
        raise BucketError(
            f"{objects.bucket} holds the photos of another site, whose would be taken for nobody's. Name a prefix of "
            "its own, as in s3://bucket/this-site; restored with the keys of its backup, a site may go on with its own."
        )


def _refused(objects: Objects, error: PhotosAwayError) -> str:
    return (
        f"{objects.bucket} refuses: {error.told}. Check that the bucket is there, its region and endpoint, and that "
        "its keys (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, a role) may get, put, delete and list."
    )
