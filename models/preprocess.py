"""Photo → model input. Defined once; training, calibration, benchmarks and serving all come through here.

Normalisation is not here: it is the first layer of the exported graph, so that it cannot be done twice.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.models.types import Photo


def model_input(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Squeeze an upright sRGB photo, uint8 (h, w, 3), to uint8 (side, side, 3), by bilinear filtering.

    The whole photo is used, whatever its aspect: a crop could cut the damage off, and bars of a letterbox
    cost a quarter of the pixels.
    """
    if rgb.shape[:2] == (side, side):
        return rgb
    image = Image.fromarray(rgb).resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.uint8)


def batch_input(photos: Sequence[Photo], side: int) -> NDArray[np.uint8]:
    """Stack `photos` to uint8 (n, side, side, 3), RGB, the layout that every exported backbone takes."""
    return np.stack([model_input(photo.rgb, side) for photo in photos])
