"""The quality gate: a usable photo passes, and each fault is called by its name."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from regrade.models.photos.quality import ISSUES, assess, blur_by_axis
from regrade.models.types import Photo
from regrade.serving.base.i18n import text


def photo_of(image: Image.Image, width: int = 1600, height: int = 1200) -> Photo:
    return Photo(0, "0" * 64, "image/jpeg", width, height, np.asarray(image.convert("RGB")))


@pytest.fixture
def parcel() -> Image.Image:
    """A brown parcel with a printed label on a grey bench, with sensor noise."""
    rng = np.random.default_rng(1)
    pixels = np.full((480, 640, 3), (150, 150, 155), dtype=np.float32)
    pixels[90:400, 120:520] = (170, 125, 80)
    pixels[140:260, 200:380] = 235
    for line in range(150, 250, 12):
        pixels[line : line + 4, 210 : 210 + int(rng.integers(80, 160))] = 40
    return Image.fromarray(np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8))


def test_a_sharp_well_lit_photo_passes(parcel: Image.Image) -> None:
    quality = assess(photo_of(parcel))
    assert quality.ok
    assert quality.issues == ()


def test_a_defocused_photo_is_blurry(parcel: Image.Image) -> None:
    assert assess(photo_of(parcel.filter(ImageFilter.GaussianBlur(8)))).issues == ("blurry",)


def test_motion_along_one_axis_is_blurry_too(parcel: Image.Image) -> None:
    pixels = np.asarray(parcel, dtype=np.float32)
    moved = np.mean([np.roll(pixels, shift, axis=1) for shift in range(24)], axis=0).astype(np.uint8)
    assert assess(photo_of(Image.fromarray(moved))).issues == ("blurry",)


def test_a_photo_in_the_dark_is_too_dark_and_not_also_blurry(parcel: Image.Image) -> None:
    assert assess(photo_of(parcel.point(lambda v: v // 8))).issues == ("too_dark",)


def test_an_overexposed_photo_is_too_bright(parcel: Image.Image) -> None:
    assert assess(photo_of(parcel.point(lambda v: min(255, v + 225)))).issues == ("too_bright",)


def test_a_bare_bench_shows_no_item() -> None:
    noise = np.random.default_rng(0).normal(150, 3, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    assert assess(photo_of(Image.fromarray(noise))).issues == ("no_item",)


def test_a_thumbnail_is_too_small(parcel: Image.Image) -> None:
    assert assess(photo_of(parcel.resize((160, 120)), 160, 120)).issues == ("too_small",)


def test_every_issue_has_advice() -> None:
    assert set(ISSUES) == {"blurry", "too_dark", "too_bright", "too_small", "no_item"}
    assert all(text(f"advice.{issue}", "en").endswith(".") for issue in ISSUES)


def test_blur_grows_with_blurring(parcel: Image.Image) -> None:
    values = [
        max(blur_by_axis(np.asarray(parcel.convert("L").filter(ImageFilter.GaussianBlur(s)), dtype=np.int16)))
        for s in (0, 1, 2, 4)
    ]
    assert values == sorted(values)
    assert all(0 <= v <= 1 for v in values)


def test_a_darker_and_bluer_lamp_shows_in_the_measures_of_the_light(parcel: Image.Image) -> None:
    before = assess(photo_of(parcel)).measures
    red, green, blue = parcel.split()
    dimmed = Image.merge("RGB", (red.point(lambda v: v * 0.75), green.point(lambda v: v * 0.8), blue))
    after = assess(photo_of(dimmed)).measures
    assert after["brightness"] < 0.9 * before["brightness"]
    assert after["warmth"] < before["warmth"] - 20
    assert set(before) == set(after) > {"brightness", "warmth", "tint", "sharpness"}


def test_grey_has_neither_warmth_nor_tint() -> None:
    measures = assess(photo_of(Image.new("RGB", (640, 480), (120, 120, 120)))).measures
    assert (measures["brightness"], measures["warmth"], measures["tint"]) == (120.0, 0.0, 0.0)
    green = assess(photo_of(Image.new("RGB", (640, 480), (100, 140, 100)))).measures
    assert (green["warmth"], green["tint"]) == (0.0, 40.0)


def test_a_blurred_photo_is_less_sharp(parcel: Image.Image) -> None:
    sharp, soft = assess(photo_of(parcel)), assess(photo_of(parcel.filter(ImageFilter.GaussianBlur(8))))
    assert 0 <= soft.measures["sharpness"] < sharp.measures["sharpness"] <= 1
