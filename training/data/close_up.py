"""Cutting a picture with boxes down to a part of it, so that every box left is one that can be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.types import Box

Boxed = tuple[str, Box]
"""A type and where it is, in pixels of the picture."""
SHARES: Final = (0.30, 0.75)
"""Sides of a close-up as shares of the picture's."""
KEPT: Final = 0.35
"""A box of which less is left is dropped."""
_TRIES: Final = 12
_ROOM: Final = 1.15


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture, `rgb` uint8 (h, w, 3), with the boxes of its items and of its defects."""

    rgb: NDArray[np.uint8]
    items: tuple[Boxed, ...] = ()
    defects: tuple[Boxed, ...] = ()


def close_up(picture: Labelled, targets: Sequence[Boxed], rng: np.random.Generator) -> Labelled | None:
    """A crop of `SHARES` of the picture around one of `targets`, its boxes clipped; None where none is to be had.

    A crop never shows a part of a defect whose box it drops: that would be damage labelled as background.
    """
    if not targets:
        return None
    _, target = targets[int(rng.integers(len(targets)))]
    for _ in range(_TRIES):
        found = cut(picture, _window(picture.rgb.shape[:2], target, rng))
        if found is not None:
            return found
    return None


def cut(picture: Labelled, window: tuple[int, int, int, int]) -> Labelled | None:
    """What lies in `window` (x1, y1, x2, y2), in whole pixels; None where it cuts a defect below `KEPT`."""
    x1, y1, x2, y2 = window
    defects = [(kind, box, clipped(box, window)) for kind, box in picture.defects]
    for _, box, left in defects:
        if left is not None and area(left) < KEPT * area(box):
            return None
    items = ((kind, box, clipped(box, window)) for kind, box in picture.items)
    return Labelled(
        picture.rgb[y1:y2, x1:x2],
        tuple((k, left) for k, box, left in items if left is not None and area(left) >= KEPT * area(box)),
        tuple((k, left) for k, _, left in defects if left is not None),
    )


def clipped(box: Box, window: tuple[int, int, int, int]) -> Box | None:
    """What of `box` lies in `window`, in the window's pixels; None for nothing."""
    x1, y1 = max(box[0], window[0]) - window[0], max(box[1], window[1]) - window[1]
    x2, y2 = min(box[2], window[2]) - window[0], min(box[3], window[3]) - window[1]
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def area(box: Box) -> float:
    """In square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def _window(size: tuple[int, int], target: Box, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A window that holds `target` with some room, or that lies in it where it is larger than a close-up may be."""
    height, width = size
    share = float(rng.uniform(*SHARES))
    need = max((target[2] - target[0]) / width, (target[3] - target[1]) / height) * _ROOM
    share = max(share, min(need, SHARES[1]))
    left, right = _span(width, share, target[0], target[2], rng)
    top, bottom = _span(height, share, target[1], target[3], rng)
    return left, top, right, bottom


def _span(length: int, share: float, low: float, high: float, rng: np.random.Generator) -> tuple[int, int]:
    reach = max(1, round(length * share))
    # The target inside the window, or, where it is longer, the window inside the target.
    first, last = sorted((high - reach, low))
    start = round(float(rng.uniform(first, last)))
    start = min(max(start, 0), length - reach)
    return start, start + reach
