"""What a photo's file says of itself, read before a pixel is decoded, in time that its length alone bounds."""

from dataclasses import dataclass
from typing import Final

from regrade.models.errors import PhotoError

QUICK: Final = 240.0
"""The most work that is done on a thread, which cannot be ended; what is more is decoded in a process that can.

How long that is on a core, whatever the file: benchmarks/results/intake_bounds.json."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What a file is made of.

    `width` and `height` are in pixels, unturned. `work` is what decoding costs, in megapixels of a baseline JPEG, and
    `bounded` whether the structure shows that it costs no more. `channels` is 1, 3 or 4 for a JPEG, and 0 where its
    decoder says. `icc` is the colour profile, empty where it has none. `fault` is why the file is refused, unless its
    size is reason enough; None where it is whole and in proportion.
    """

    width: int
    height: int
    work: float
    bounded: bool = True
    channels: int = 0
    icc: bytes = b""
    fault: PhotoError | None = None

    @property
    def quick(self) -> bool:
        """Whether it may be decoded on a thread, which cannot be ended."""
        return self.bounded and self.work <= QUICK
