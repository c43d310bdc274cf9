"""Demo photos at a camera's size: enlarged, with the noise of a sensor, so that they weigh what a phone's weigh."""

import io
import math

from PIL import Image, ImageChops

from regrade.serving.examples.items import PHOTOS

NAMES = ("carton-torn-1.jpg", "phone-cracked-1.jpg", "shirt-stained-1.jpg", "shoes-clean-1.jpg")
NOISE = 7.0
"""Standard deviation of the luminance, of 255. With `QUALITY` it makes about 0.3 bytes a pixel at any size."""
QUALITY = 90


def camera_photo(index: int, megapixels: float) -> bytes:
    """A JPEG of about `megapixels` million pixels; `index` chooses what it shows, of four things in turn.

    12 megapixels weigh 3 to 4 MB. The noise differs from call to call.
    """
    with Image.open(PHOTOS / NAMES[index % len(NAMES)]) as photo:
        scale = math.sqrt(megapixels * 1e6 / (photo.width * photo.height))
        size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        luminance, *colours = photo.convert("YCbCr").resize(size, Image.Resampling.BICUBIC).split()
    noisy = ImageChops.add(luminance, Image.effect_noise(size, NOISE), scale=1, offset=-128)
    out = io.BytesIO()
    Image.merge("YCbCr", (noisy, *colours)).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
