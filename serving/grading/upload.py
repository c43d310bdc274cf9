"""What a station posts, as it came: nothing of it is read yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upload:
    """The parts of a request: the item's JSON and the photos' files, as they were sent."""

    item: bytes
    photos: tuple[bytes, ...]
