"""Photos in a bucket: sent while their item is being graded, and looked for again before its row is written.

A photo has the name of its hash, so that sending it twice changes nothing, and nothing is ever written over but what
was damaged. Before anything is sent, a note of it is made on this machine (`unfinished`): whatever ends in between,
what no inspection needs is removed again. That a put was answered is not taken for its being there: within `published`,
while nobody may remove it, each photo is asked for, and sent again if need be, before the row that names it is written.
"""

import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from regrade.models.errors import RegradeError
from regrade.models.files import locked, locked_together
from regrade.serving.base.errors import BucketError, PhotoDamagedError, PhotosAwayError, StorageError
from regrade.serving.base.i18n import Message
from regrade.serving.storage.disk import storage_faults
from regrade.serving.storage.photostore import StagedPhoto, Used, make_directories, place
from regrade.serving.storage.s3.cache import PhotoCache
from regrade.serving.storage.s3.objects import Objects
from regrade.serving.storage.s3.start_check import MARK, Examined, claim, examine
from regrade.serving.storage.s3.unfinished import Unfinished

T = TypeVar("T")
U = TypeVar("U")

PHOTOS: Final = "photos"
FOLDER: Final = "photos-s3"
"""Below the data directory: notes of what is unfinished, and the folders that are locked while photos come and go."""
AT_ONCE: Final = 16
"""Photos that one process asks for or sends at the same time."""

log = logging.getLogger("regrade")


class S3PhotoStore:
    """Photos as objects, `PREFIX/photos/ab/abcd…`. `site` says whose they are; where they are `ours` already, the
    bucket must say so.

    `folder` and the `cache` lie on this machine, or on the volume that the site's services share.
    """

    def __init__(self, objects: Objects, folder: Path, cache: PhotoCache, site: str, *, ours: bool = False) -> None:
        self.folder = folder
        self.objects = objects
        self.cache = cache
        self._site = site
        self._ours = ours
        self._locks = folder / "locks"
        make_directories(self._locks)
        self._unfinished = Unfinished(folder / "unfinished")
        self._sent: dict[str, bytes] = {}
        """The bytes of photos on their way in, by handle."""
        self._examined: Examined | None = None
        self._away: PhotosAwayError | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photos")

    def open(self) -> None:
        """See that the bucket can be used and is this site's. One that does not answer is looked at again by `look`.

        Raises `BucketError`.
        """
        try:
            self._examine()
        except PhotosAwayError as error:
            self._away = error
            log.error("the bucket of the photos does not answer: %s", error.told)

    def _examine(self) -> Examined:
        self._examined = found = examine(self.objects)
        claim(self.objects, self._site, anew=not self._ours)
        self._ours = True
        if not found.conditional:
            log.warning("%s knows no conditional puts: photos are written again", self.objects.bucket)
        return found

    def stage(self, photos: Sequence[tuple[bytes, str]], files: Sequence[Path] = ()) -> list[StagedPhoto]:
        self.refuse()
        with storage_faults():
            note = self._unfinished.begin({sha256 for _, sha256 in photos})
        staged = [StagedPhoto(sha256, f"{note}-{n}") for n, (_, sha256) in enumerate(photos)]
        self._sent |= {one.handle: data for one, (data, _) in zip(staged, photos, strict=True)}
        try:
            self._each(self._send, photos)
        except BaseException:
            # Whoever called has nothing to discard. What can be removed now is; the rest once the bucket answers.
            self._unfinished.give_up([note])
            self._forget(staged)
            raise
        return staged

    def _send(self, photo: tuple[bytes, str]) -> None:
        data, sha256 = photo
        if not self._told(self.objects.put, self._name(sha256), data).new and not self._is_whole(data, sha256):
            self._told(self.objects.replace, self._name(sha256), data)

    def keep(self, sha256: str, data: bytes) -> None:
        self.refuse()
        self._send((data, sha256))
        self._see_whole(data, sha256)

    def publish(self, staged: Sequence[StagedPhoto]) -> None:
        self._each(lambda photo: self._see_whole(self._sent[photo.handle], photo.sha256), staged)
        for photo in staged:
            if (data := self._sent.get(photo.handle)) is not None:
                self.cache.put(photo.sha256, data)

    def _see_whole(self, data: bytes, sha256: str) -> None:
        """Send the photo again where it is not there, or not whole, whatever was answered; at most once."""
        if self._is_whole(data, sha256):
            return
        log.warning("a photo was not in the bucket that had taken it; it is sent again: %s", sha256)
        self._told(self.objects.replace, self._name(sha256), data)
        if not self._is_whole(data, sha256):
            raise self._noted(PhotosAwayError(f"{sha256} was taken twice and is not there"))

    def _is_whole(self, data: bytes, sha256: str) -> bool:
        """Whether the bucket has the photo, whole, as far as its size and ETag tell; where ETags tell nothing, such as
        with keys of a KMS, one of the right size is believed: the server compared it with its SHA-256."""
        found = self._told(self.objects.head, self._name(sha256))
        if found is None or found.size != len(data):
            return False
        if self._examined is None or not self._examined.etag_is_md5:
            return True
        return found.etag == hashlib.md5(data, usedforsecurity=False).hexdigest()

    @contextmanager
    def published(self, staged: Sequence[StagedPhoto], used: Used) -> Iterator[None]:
        hashes = {photo.sha256 for photo in staged}
        try:
            with storage_faults(), self.keeping(hashes):
                self.publish(staged)
                yield
        except StorageError as error:
            if error.fault in ("failing", "away"):
                # The commit may be there all the same, or again after a crash, and needs its photos then.
                self._settle(staged)
            else:
                self.discard(staged, used)
            raise
        except RegradeError:
            self.discard(staged, used)
            raise
        self._settle(staged)

    def discard(self, staged: Sequence[StagedPhoto], used: Used) -> None:
        notes = _notes_of([photo for photo in staged if photo.handle in self._sent])
        self._forget(staged)
        self._clear(notes, used)

    def _clear(self, notes: Collection[str], used: Used) -> int:
        """Remove the photos of notes that nobody needs; where that cannot be done now, it is when the bucket answers.
        Returns how many notes are settled."""
        settled = 0
        for note in notes:
            with suppress(OSError, StorageError, SQLAlchemyError):
                self.remove(self._unfinished.give_up([note]), used)
                self._unfinished.settle([note])
                settled += 1
        return settled

    def _settle(self, staged: Sequence[StagedPhoto]) -> None:
        self._forget(staged)
        # What cannot be settled is found to be used when it is old.
        with suppress(OSError):
            self._unfinished.settle(_notes_of(staged))

    def _forget(self, staged: Sequence[StagedPhoto]) -> None:
        for photo in staged:
            self._sent.pop(photo.handle, None)

    def keeping(self, hashes: Collection[str]) -> AbstractContextManager[None]:
        return locked_together({self._lock(sha256) for sha256 in hashes})

    def remove(self, hashes: Collection[str], used: Used) -> None:
        self.refuse()
        together = defaultdict(set)
        for sha256 in hashes:
            together[self._lock(sha256)].add(sha256)
        for lock, here in together.items():
            with locked(lock):
                self._each(self._delete, here - used(here))

    def _delete(self, sha256: str) -> None:
        self._told(self.objects.delete, self._name(sha256))
        self.cache.forget(sha256)
        if self._told(self.objects.head, self._name(sha256)) is not None:
            raise self._noted(PhotosAwayError(f"{sha256} was removed and is still there"))

    def read(self, sha256: str) -> bytes:
        if (data := self.cache.get(sha256)) is not None:
            return data
        # So that no copy is kept of what is erased meanwhile.
        with locked(self._lock(sha256), shared=True):
            data = self.examine(sha256)
            self.cache.put(sha256, data)
        return data

    def examine(self, sha256: str) -> bytes:
        self.refuse()
        data = self._told(self.objects.get, self._name(sha256))
        if data is None:
            self._refuse_if_not_ours()
            raise PhotoDamagedError(sha256, missing=True)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PhotoDamagedError(sha256, missing=False)
        return data

    def _refuse_if_not_ours(self) -> None:
        """Raise `PhotosAwayError` where not even the mark is there: of a bucket that is gone, no photo is missing."""
        if self._told(self.objects.get, MARK) is None:
            raise self._noted(PhotosAwayError(f"{self.objects.bucket} is empty, or not there", lasting=True))

    def holds(self, sha256: str) -> bool:
        return self.size(sha256) is not None

    def size(self, sha256: str) -> int | None:
        self.refuse()
        found = self._told(self.objects.head, self._name(sha256))
        return None if found is None else found.size

    def file(self, sha256: str) -> Path | None:
        return None

    def copy_here(self, sha256: str) -> Path:
        path = self.cache.path(sha256)
        if not path.is_file():
            with suppress(PhotoDamagedError):
                self.read(sha256)
        return path

    def link(self, sha256: str, seconds: int) -> str | None:
        return self.objects.link(self._name(sha256), seconds)

    def hashes(self) -> Iterator[str]:
        self.refuse()
        for name in self.objects.names(PHOTOS):
            yield name.rpartition("/")[2]

    def leftovers(self) -> list[str]:
        return sorted(self._unfinished.names())

    def clear_leftovers(self, used: Used, *, older: float = 0.0) -> int:
        return self._clear(list(self._unfinished.names(older=older)), used)

    def refuse(self) -> None:
        if (fault := self._away) is not None:
            raise PhotosAwayError(fault.told, lasting=fault.lasting, tried=False)

    def look(self) -> tuple[Message, str] | None:
        """Asks the bucket for the site's mark; after it was away, looks at all of it again."""
        try:
            if self._away is not None or self._examined is None:
                self._examine()
                self._away = None
            elif self.objects.get(MARK) is None:
                raise PhotosAwayError(f"{self.objects.bucket} is empty, or not there", lasting=True)
        except PhotosAwayError as error:
            self._away = error
        except BucketError as error:
            self._away = PhotosAwayError(str(error), lasting=True)
        return None if self._away is None else (Message("problem.bucket_away"), self._away.told)

    def close(self) -> None:
        self._pool.shutdown()

    def _told(self, ask: Callable[..., T], *given: object) -> T:
        """What the bucket answers; that it does not is remembered, so that nobody else waits for it."""
        try:
            return ask(*given)
        except PhotosAwayError as error:
            self._noted(error)
            raise

    def _noted(self, error: PhotosAwayError) -> PhotosAwayError:
        self._away = error
        return error

    def _each(self, do: Callable[[U], object], these: Iterable[U]) -> None:
        """Do it for all of them, side by side; raises what one has raised once all have ended."""
        pending = [self._pool.submit(do, one) for one in these]
        faults = [fault for one in pending if (fault := one.exception()) is not None]
        if faults:
            raise faults[0]

    def _lock(self, sha256: str) -> Path:
        folder = self._locks / sha256[:2]
        make_directories(folder)
        return folder

    @staticmethod
    def _name(sha256: str) -> str:
        return place(Path(PHOTOS), sha256).as_posix()


def _notes_of(staged: Iterable[StagedPhoto]) -> set[str]:
    return {photo.handle.partition("-")[0] for photo in staged}
