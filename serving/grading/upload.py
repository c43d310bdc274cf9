"""What a station posts, as it came: nothing of it is read yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """The parts of a request: the item's JSON and the photos' files, as they were sent. Where photos are added to an
    item that is stored, there is no `item`, and `replace` is what was said of the photos that they replace."""

    item: bytes
    photos: tuple[bytes, ...]
    replace: tuple[bytes, ...] = ()
