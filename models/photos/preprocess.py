"""Photo → model input. Defined once; training, calibration, benchmarks and serving all come through here.

Normalisation is not here: it is the first layer of the exported graph, so that it cannot be done twice.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def model_input(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Squeeze an upright sRGB photo, uint8 (h, w, 3), to uint8 (side, side, 3), by bilinear filtering.

    The whole photo is used, whatever its aspect: a crop could cut the damage off, and bars of a letterbox
    cost a quarter of the pixels.
    """
    if rgb.shape[:2] == (side, side):
        return rgb
    return resized(rgb, side, side)


def reduced(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """`rgb`, uint8 (h, w, 3), with its long side reduced to `side` pixels; itself where it is no longer than that."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1.0:
        return rgb
    return resized(rgb, max(1, round(width * scale)), max(1, round(height * scale)))


def resized(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """`rgb`, uint8 (h, w, 3), filtered bilinearly to uint8 (height, width, 3).

    What is more than twice as large is first averaged down by a whole factor (Pillow's `reducing_gap`): filtering all
    of a camera's pixels would cost far more.
    """
    image = Image.fromarray(rgb).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.uint8)
