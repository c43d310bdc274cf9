"""Parts of a photo: crops that are looked at beside the whole, so that what is small in a large frame is seen larger.

Damage that covers a few pixels of the backbone's input covers almost three times as many where 60% of each side fill
that input.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.photos.preprocess import model_input


@dataclass(frozen=True, slots=True)
class Part:
    """A crop: `left`, `top`, and the `share` of both sides that it covers, all in [0, 1] of the photo's sides."""

    left: float
    top: float
    share: float


WHOLE: Final = Part(0.0, 0.0, 1.0)
_FILLED: Final = 0.98


def corners(share: float) -> tuple[Part, ...]:
    """Four parts of that `share` of each side, at the corners: from a half on they cover all of the photo."""
    rest = 1.0 - share
    return Part(0.0, 0.0, share), Part(rest, 0.0, share), Part(0.0, rest, share), Part(rest, rest, share)


def working_side(side: int, share: float) -> int:
    """The long side, in pixels, that a photo should be decoded for, where parts of that `share` fill an input of
    `side`. A little less, just so that 12 megapixels are still decoded at an eighth, as for the whole alone.
    """
    return round(_FILLED * side / share)


def part_input(rgb: NDArray[np.uint8], part: Part, side: int) -> NDArray[np.uint8]:
    """That part of an upright photo, uint8 (h, w, 3), as the backbone sees it: uint8 (side, side, 3)."""
    if part == WHOLE:
        return model_input(rgb, side)
    height, width = rgb.shape[:2]
    h, w = max(1, round(height * part.share)), max(1, round(width * part.share))
    top, left = round((height - h) * _place(part.top, part)), round((width - w) * _place(part.left, part))
    return model_input(rgb[top : top + h, left : left + w], side)


def _place(offset: float, part: Part) -> float:
    """Where the crop lies in the room that it leaves, 0 to 1: so that rounding never moves it beyond the edge."""
    return offset / (1.0 - part.share) if part.share < 1.0 else 0.0
