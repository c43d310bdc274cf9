"""What a station posts, as it came: nothing of it is read yet."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Upload:
    """The parts of a request: the item's JSON and the photos' files, as they were sent. Where photos are added to an
    item that is stored, there is no `item`, and `replace` is what was said of the photos that they replace.

    Of photos that were sent ahead, `hashes` are known (SHA-256, hex), and `files` are where each lies, durably.
    """

    item: bytes
    photos: tuple[bytes, ...]
    hashes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    replace: tuple[bytes, ...] = ()
