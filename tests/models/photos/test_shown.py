"""A photo as others may see it: whatever was graded can be shown, upright and without metadata."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import open_photo, sniff
from regrade.models.photos.shown import untouched, whole_picture

PICTURE = Image.effect_noise((96, 64), 60).convert("RGB")


def encoded(kind: str, orientation: int = 1, **options: object) -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    exif[0x013B] = "J. Smith"
    PICTURE.save(out, kind, exif=exif.tobytes(), **options)
    return out.getvalue()


KINDS = {
    "JPEG": encoded("JPEG", quality=90),
    "progressive JPEG": encoded("JPEG", progressive=True, comment=b"J. Smith"),
    "JPEG on its side": encoded("JPEG", 8),
    "PNG": encoded("PNG"),
    "PNG on its side": encoded("PNG", 5),
    "WebP": encoded("WEBP", 6),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_whole_picture_is_what_was_graded(name: str) -> None:
    graded = open_photo(KINDS[name])
    shown = whole_picture(KINDS[name], graded.media_type, (graded.width, graded.height))
    assert sniff(shown.data) == shown.media_type
    pixels = np.asarray(Image.open(io.BytesIO(shown.data)).convert("RGB"), dtype=np.int16)
    assert np.abs(pixels - graded.rgb).mean() < 4
    assert b"J. Smith" not in shown.data


def test_what_needs_turning_or_was_graded_otherwise_is_not_left_untouched() -> None:
    assert untouched(KINDS["JPEG"], (96, 64)) is not None
    assert untouched(KINDS["JPEG"], (64, 96)) is None
    assert untouched(KINDS["JPEG on its side"], (64, 96)) is None
    assert untouched(b"no photo", (96, 64)) is None


def test_whatever_can_be_opened_can_be_shown() -> None:
    source, opened = random.Random(7), 0
    for _ in range(1500):
        data = bytearray(source.choice(list(KINDS.values())))
        for _ in range(source.choice((1, 2, 8))):
            data[source.randrange(min(len(data), 250))] = source.choice((0, 1, 6, 255, source.randrange(256)))
        try:
            graded = open_photo(bytes(data))
        except PhotoError:
            continue
        opened += 1
        shown = whole_picture(bytes(data), graded.media_type, (graded.width, graded.height))
        with Image.open(io.BytesIO(shown.data)) as image:
            image.load()
            assert image.size == (graded.width, graded.height)
            assert not image.getexif()
    assert opened > 300
