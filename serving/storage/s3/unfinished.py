"""What was begun in a bucket and is not settled: a note on this machine, made before anything is sent there.

Photos go into the bucket under their hashes while their item is being graded. Should the item be refused, or the
process be killed, the note says which of them may have to be removed again.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from regrade.models.files import sync_folder
from regrade.serving.storage import private
from regrade.serving.storage.photostore import make_directories, unused_for

_OVER: Final = ".over"


class Unfinished:
    """Notes under `root`, each a file with hashes of photos; on the disk before `begin` returns."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_directories(root)

    def begin(self, hashes: Collection[str]) -> str:
        """Note that these photos are about to be sent; returns the note's name."""
        name = uuid4().hex
        descriptor = os.open(self.root / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private.FILE)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(hashes))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self.root)
        return name

    def settle(self, names: Iterable[str]) -> None:
        """Forget notes: their photos stand in an inspection now, or are removed again."""
        for name in names:
            for path in (self.root / name, self.root / f"{name}{_OVER}"):
                path.unlink(missing_ok=True)

    def give_up(self, names: Iterable[str]) -> set[str]:
        """Note that nobody needs these photos for the items that they were sent for; returns their hashes."""
        found: set[str] = set()
        for name in names:
            with suppress(FileNotFoundError):
                (self.root / name).rename(self.root / f"{name}{_OVER}")
            found |= self.hashes(name)
        return found

    def hashes(self, name: str) -> set[str]:
        """The photos of a note; none where it is gone."""
        for path in (self.root / f"{name}{_OVER}", self.root / name):
            with suppress(FileNotFoundError):
                return set(path.read_text().split())
        return set()

    def names(self, *, older: float = 0.0) -> Iterator[str]:
        """Notes that were given up, and of others those that are `older` (in seconds)."""
        for path in sorted(self.root.iterdir()):
            if path.suffix == _OVER or not older or unused_for(path) > older:
                yield path.name.removesuffix(_OVER)
