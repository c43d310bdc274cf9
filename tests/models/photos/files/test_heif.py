"""HEIC and AVIF: told apart, turned once, refused in words where they cannot be read."""

import io
from collections.abc import Iterator

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.files import heif
from regrade.models.photos.intake import IntakeLimits, open_photo, readable_types, sniff, survey

pillow_heif.register_heif_opener()
RED, BLUE = (220, 30, 30), (30, 30, 220)


def left_and_right(size: tuple[int, int] = (320, 240)) -> Image.Image:
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def encoded(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or left_and_right()).save(out, kind, **{"quality": 90, **options})
    return out.getvalue()


def exif(orientation: int) -> bytes:
    written = Image.Exif()
    written[0x112] = orientation
    return written.tobytes()


def code_of(data: bytes, limits: IntakeLimits | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        open_photo(data, limits=limits or IntakeLimits())
    return caught.value.code


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(heif, "find_spec", lambda name: None)
    for asked in (heif.is_installed, heif._has_heic):
        asked.cache_clear()
    yield
    for asked in (heif.is_installed, heif._has_heic):
        asked.cache_clear()


@pytest.mark.parametrize(("kind", "media_type"), [("HEIF", "image/heic"), ("AVIF", "image/avif")])
def test_both_are_read(kind: str, media_type: str) -> None:
    photo = open_photo(encoded(kind))
    assert (photo.media_type, photo.width, photo.height) == (media_type, 320, 240)
    assert np.abs(photo.rgb[120, 40].astype(int) - RED).max() < 12
    assert np.abs(photo.rgb[120, 280].astype(int) - BLUE).max() < 12
    assert media_type in readable_types()


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_turned_photo_is_turned_once(kind: str) -> None:
    # On its side: what is left in the file is at the top.
    photo = open_photo(encoded(kind, exif=exif(6)))
    assert (photo.width, photo.height, photo.rgb.shape) == (240, 320, (320, 240, 3))
    assert np.abs(photo.rgb[40, 120].astype(int) - RED).max() < 12


def test_a_large_one_is_reduced_like_any_other() -> None:
    photo = open_photo(encoded("HEIF", left_and_right((1600, 1200))))
    assert (photo.width, photo.height) == (1600, 1200)
    assert max(photo.rgb.shape) < 832


def test_of_several_pictures_the_primary_one_is_the_photo() -> None:
    small = left_and_right((100, 80))
    assert open_photo(encoded("HEIF", save_all=True, append_images=[small])).width == 320
    assert open_photo(encoded("HEIF", save_all=True, append_images=[small], primary_index=1)).width == 100


def test_sequences_are_refused() -> None:
    assert code_of(encoded("AVIF", save_all=True, append_images=[left_and_right().rotate(90)])) == "animated"
    still = encoded("HEIF")
    assert code_of(still[:8] + b"msf1" + still[12:]) == "animated"


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_limits_hold_before_any_decoder_looks_at_it(kind: str) -> None:
    data = encoded(kind)
    found = survey(data)
    assert found is not None
    assert (found.width, found.height) == (320, 240)
    assert code_of(data, IntakeLimits(max_pixels=10_000)) == "too_many_pixels"
    liar = data.replace(b"ispe\0\0\0\0\0\0\1\x40\0\0\0\xf0", b"ispe\0\0\0\0\0\0\xff\xff\0\0\xff\xff")
    assert liar != data
    assert code_of(liar) == "too_many_pixels"


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_damaged_one_is_refused(kind: str) -> None:
    data = encoded(kind)
    for broken in (data[: len(data) // 2], data[:40], data[:12]):
        assert code_of(broken) in ("unreadable", "truncated", "bad_dimensions", "unsupported_type")


def test_exif_and_xmp_are_kept_from_the_decoders() -> None:
    for kind in ("HEIF", "AVIF"):
        data = encoded(kind, exif=exif(1), xmp=b"<x/>")
        hidden = heif.without_metadata(data)
        assert len(hidden) == len(data)
        assert "xmp" not in Image.open(io.BytesIO(hidden)).info
        assert not Image.open(io.BytesIO(hidden)).info.get("exif")


def test_films_and_other_boxes_are_no_photos() -> None:
    for brand in (b"isom", b"qt  ", b"crx ", b"mp42"):
        with pytest.raises(PhotoError, match="not a JPEG, PNG, WebP, HEIC or AVIF image"):
            sniff(b"\0\0\0\x18ftyp" + brand + bytes(4) + brand + b"mp41")


def test_without_the_extra_the_refusal_names_the_cameras_setting(without_the_extra: None) -> None:
    with pytest.raises(PhotoError, match="Settings > Camera > Formats > Most Compatible") as caught:
        open_photo(encoded("HEIF"))
    assert caught.value.code == "heic_unsupported"
    assert "image/heic" not in readable_types()
    assert open_photo(encoded("AVIF")).width == 320
