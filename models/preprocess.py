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
    image = Image.fromarray(rgb).resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image, dtype=np.uint8)
