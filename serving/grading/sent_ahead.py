"""Photos that an item names by their hashes: found where the key that sends the item has them, and read.

A key can name what it has sent ahead and what stands in its own inspections, and nothing of any other key's: whether
somebody else has sent the same bytes, it cannot find out.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from regrade.serving.base.errors import NotStagedError, PhotoDamagedError, UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.grading.upload import Upload
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.storage.ahead import Staged, StagedPhotos, same_bytes
from regrade.serving.storage.photostore import PhotoStore


class SentAhead:
    """What a key may name. Methods block on the disk and the database."""

    def __init__(self, staged: StagedPhotos, photos: PhotoStore, inspections: InspectionStore) -> None:
        self._staged = staged
        self._photos = photos
        self._inspections = inspections

    def state(self, key_id: str, sha256: str) -> Staged:
        """What is there of a photo that `key_id` may name."""
        found = self._staged.state(key_id, sha256)
        if found.whole or not self._inspections.sent_by(key_id, [sha256]):
            return found
        data = self._stored(sha256)
        return found if data is None else Staged(sha256, len(data), True, None, total=len(data))

    def refuse_other(self, key_id: str, sha256: str, at: int, data: bytes | bytearray, *, whole: bool) -> None:
        """Raise `UploadError` where `data`, the bytes from `at` on of a photo that is there, are others than it has;
        `whole` says that they are to be all of them."""
        if whole:
            same = hashlib.sha256(data).hexdigest() == sha256
        else:
            same = self._fits(self._staged.find(key_id, sha256) or self._photos.file(sha256), sha256, at, data)
        if not same:
            raise UploadError("upload-hash-mismatch", Message("problem.upload_hash", {"photo": sha256}))

    def _fits(self, path: Path | None, sha256: str, at: int, data: bytes | bytearray) -> bool:
        """Whether `data` is what the photo has from `at` on; of one that is gone, nothing is told."""
        if path is None:
            whole = self._stored(sha256)
            return whole is None or whole[at : at + len(data)] == data
        size = _size(path)
        return size is None or (at + len(data) <= size and same_bytes(path, at, data, size))

    def find(self, key_id: str, hashes: Sequence[str]) -> list[tuple[Path | None, int]]:
        """The photos' files, None for those that are not kept as files, and their sizes in bytes. Raises
        `NotStagedError`, which names those that are missing."""
        found = {sha256: self._staged.find(key_id, sha256) for sha256 in hashes}
        sizes = {sha256: None if path is None else _size(path) for sha256, path in found.items()}
        if rest := [sha256 for sha256, path in found.items() if path is None]:
            for sha256 in self._inspections.sent_by(key_id, rest):
                found[sha256], sizes[sha256] = self._photos.file(sha256), self._photos.size(sha256)
        _refuse(hashes, [sha256 for sha256 in found if sizes[sha256] is None])
        return [(found[sha256], sizes[sha256] or 0) for sha256 in hashes]

    def read(self, key_id: str, item: bytes, hashes: Sequence[str], files: Sequence[Path | None]) -> Upload:
        """The upload that names these photos. Raises `NotStagedError` for files that are gone or went bad: what was
        sent ahead of them is removed, so that it can be sent again."""
        found = [
            self._stored(sha256) if path is None else _read(path, sha256)
            for path, sha256 in zip(files, hashes, strict=True)
        ]
        photos = [data for data in found if data is not None]
        if len(photos) < len(found):
            lost = [sha256 for sha256, data in zip(hashes, found, strict=True) if data is None]
            self._staged.drop(key_id, lost)
            _refuse(hashes, lost)
        here = tuple(path for path in files if path is not None)
        return Upload(item, tuple(photos), tuple(hashes), here if len(here) == len(files) else ())

    def _stored(self, sha256: str) -> bytes | None:
        try:
            return self._photos.read(sha256)
        except PhotoDamagedError:
            return None

    def stored(self, key_id: str, hashes: Sequence[str]) -> None:
        """The photos stand in an inspection of the key now, which lets it name them again."""
        self._staged.drop(key_id, hashes)


def _refuse(hashes: Sequence[str], missing: Sequence[str]) -> None:
    if missing:
        raise NotStagedError(tuple(missing), photo=min(hashes.index(sha256) for sha256 in missing))


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _read(path: Path, sha256: str) -> bytes | None:
    """The bytes of a file; None where it is gone, or holds others than its hash says."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None
