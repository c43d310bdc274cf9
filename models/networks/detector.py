"""The detector at run time: which defects and items lie where on a photo."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.networks.runtime import Model
from regrade.models.photos.preprocess import resized
from regrade.models.types import Box

SCORE_FLOOR: Final = 0.01
_GREY: Final = 114


@dataclass(frozen=True, slots=True)
class Detection:
    """Something found: `score` in [0, 1], `box` in pixels of the upright full-size photo."""

    type: str
    score: float
    box: Box


class Detector:
    """A detector network with its input side, in pixels, and its classes in the order of its outputs."""

    def __init__(self, model: Model, side: int, classes: tuple[str, ...]) -> None:
        self.model, self.side, self.classes = model, side, classes

    def detect(self, rgb: NDArray[np.uint8], width: int, height: int) -> tuple[Detection, ...]:
        """What lies on `rgb`, uint8 (h, w, 3), a photo whose full size is `width` × `height`; surest first.

        Everything with a score of `SCORE_FLOOR` or more; what to report is for the caller to say.
        """
        pixels, scale, left, top = letterbox(rgb, self.side)
        (rows,) = self.model.run({"pixels": pixels[np.newaxis]}, ("boxes",))
        up_x, up_y = width / rgb.shape[1], height / rgb.shape[0]
        found = []
        for x1, y1, x2, y2, score, kind in np.asarray(rows[0], dtype=np.float64).tolist():
            if score < SCORE_FLOOR:
                continue
            box = (
                min(max((x1 - left) / scale * up_x, 0.0), float(width)),
                min(max((y1 - top) / scale * up_y, 0.0), float(height)),
                min(max((x2 - left) / scale * up_x, 0.0), float(width)),
                min(max((y2 - top) / scale * up_y, 0.0), float(height)),
            )
            if box[2] > box[0] and box[3] > box[1]:
                found.append(Detection(self.classes[round(kind)], score, box))
        return tuple(sorted(found, key=lambda d: -d.score))


def letterbox(rgb: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float, int, int]:
    """Fit `rgb` into a grey square of `side` pixels: the square, the scale, and the photo's left and top in it."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    image = rgb
    if (h, w) != (height, width):
        image = resized(rgb, w, h)
    square = np.full((side, side, 3), _GREY, dtype=np.uint8)
    left, top = (side - w) // 2, (side - h) // 2
    square[top : top + h, left : left + w] = image
    return square, scale, left, top
