"""Photos with codes on them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from regrade.models.types import Photo

Codes = Callable[..., Photo]


@pytest.fixture(scope="session")
def photo_of() -> Codes:
    """Makes a photo of one code, `text` in `kind` (as ZXing calls it), upright on white; `pixels` a module."""

    def make(kind: str, text: str, pixels: int = 3) -> Photo:
        drawn = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
        grey: NDArray[Any] = np.array(drawn.to_image(scale=pixels, add_quiet_zones=True))
        return photo(np.pad(grey, 40, constant_values=255))

    return make


def photo(grey: NDArray[Any]) -> Photo:
    """A photo of grey pixels."""
    rgb = np.repeat(grey[:, :, np.newaxis].astype(np.uint8), 3, axis=2)
    return Photo(0, "hash", "image/png", grey.shape[1], grey.shape[0], rgb)
