"""Intake: every way a photo file can be odd either ends in the right pixels or in an error that says what to do."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import DEFAULT_LIMITS, IntakeLimits, open_photo, sniff

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 160, 40), (40, 60, 200), (128, 128, 128)


def four_corners(width: int = 400, height: int = 300) -> Image.Image:
    """Red, green / blue, grey quarters: any turn or mirror shows in which colour is where."""
    image = Image.new("RGB", (width, height))
    for x, y, colour in ((0, 0, RED), (1, 0, GREEN), (0, 1, BLUE), (1, 1, GREY)):
        image.paste(colour, (x * width // 2, y * height // 2, (x + 1) * width // 2, (y + 1) * height // 2))
    return image


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **{"quality": 95, **options} if kind != "PNG" else options)
    return buffer.getvalue()


def corners(rgb: np.ndarray) -> list[tuple[int, int, int]]:
    h, w = rgb.shape[:2]
    return [
        (int(rgb[y, x, 0]), int(rgb[y, x, 1]), int(rgb[y, x, 2]))
        for y, x in ((h // 8, w // 8), (h // 8, -w // 8), (-h // 8, w // 8), (-h // 8, -w // 8))
    ]


def assert_close(found: list[tuple[int, int, int]], expected: list[tuple[int, int, int]], tolerance: int = 8) -> None:
    assert np.abs(np.array(found) - np.array(expected)).max() <= tolerance, (found, expected)


def code_of(data: bytes, limits: IntakeLimits | None = None) -> str:
    with pytest.raises(PhotoError) as caught:
        open_photo(data, 3, limits or IntakeLimits())
    assert caught.value.photo == 3
    assert str(caught.value).count(".") >= 1  # a sentence that says what to do
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_each_allowed_kind_gives_the_same_pixels(kind: str) -> None:
    photo = open_photo(encoded(four_corners(), kind))
    assert photo.rgb.dtype == np.uint8
    assert photo.rgb.shape == (300, 400, 3)
    assert photo.media_type == f"image/{kind.lower()}"
    assert_close(corners(photo.rgb), [RED, GREEN, BLUE, GREY])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = four_corners()
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = open_photo(encoded(stored, exif=exif))
    assert (photo.width, photo.height) == (400, 300)
    assert_close(corners(photo.rgb), [RED, GREEN, BLUE, GREY])


def test_an_impossible_orientation_is_taken_as_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 42
    assert_close(corners(open_photo(encoded(four_corners(), exif=exif)).rgb), [RED, GREEN, BLUE, GREY])


def test_a_large_jpeg_is_decoded_small_but_keeps_its_size_in_words() -> None:
    photo = open_photo(encoded(four_corners(4000, 3000)))
    assert (photo.width, photo.height) == (4000, 3000)
    assert photo.rgb.shape == (375, 500, 3)  # an eighth: still no less than the networks want
    assert_close(corners(photo.rgb), [RED, GREEN, BLUE, GREY])


def test_a_greyscale_jpeg_becomes_rgb() -> None:
    rgb = open_photo(encoded(four_corners().convert("L"))).rgb
    assert rgb.shape == (300, 400, 3)
    assert (rgb[..., 0] == rgb[..., 2]).all()


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    assert_close(corners(open_photo(encoded(four_corners().convert("CMYK"))).rgb), [RED, GREEN, BLUE, GREY], 12)


def test_a_palette_png_keeps_its_colours() -> None:
    assert_close(corners(open_photo(encoded(four_corners().quantize(16), "PNG")).rgb), [RED, GREEN, BLUE, GREY])


def test_a_one_bit_png_is_black_and_white() -> None:
    rgb = open_photo(encoded(Image.new("1", (64, 64), 1), "PNG")).rgb
    assert (rgb == 255).all()


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (64, 1)))
    rgb = open_photo(encoded(image, "PNG")).rgb
    assert abs(int(rgb[32, 128, 0]) - 128) <= 1
    assert rgb[32, 255, 0] == 255
    assert rgb[32, 0, 0] == 0


def test_transparency_is_laid_on_white() -> None:
    image = four_corners().convert("RGBA")
    image.putalpha(0)
    assert (open_photo(encoded(image, "PNG")).rgb == 255).all()


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("P", (64, 64), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    assert (open_photo(encoded(image, "PNG", transparency=0)).rgb == 255).all()


def test_a_broken_colour_profile_does_not_cost_the_photo() -> None:
    photo = open_photo(encoded(four_corners(), icc_profile=b"no profile at all"))
    assert_close(corners(photo.rgb), [RED, GREEN, BLUE, GREY])


def test_an_embedded_profile_is_applied() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile of another name whose red and blue primaries are swapped must swap red and blue.
    other = srgb.replace("sRGB".encode("utf-16-be"), "BGRs".encode("utf-16-be"))
    other = other.replace(b"rXYZ", b"####").replace(b"bXYZ", b"rXYZ").replace(b"####", b"bXYZ")
    red, _, blue, _ = corners(open_photo(encoded(four_corners(), icc_profile=other)).rgb)
    assert red[2] > 150 > 100 > red[0]
    assert blue[0] > 150 > 100 > blue[2]


def test_no_bytes_is_said_to_be_empty() -> None:
    assert code_of(b"") == "empty"


@pytest.mark.parametrize(
    "data", [b"just some text in a file called .jpg", b"GIF89a" + bytes(64), b"%PDF-1.7", b"\xff\xd8"]
)
def test_anything_but_jpeg_png_webp_is_refused(data: bytes) -> None:
    assert code_of(data) == "unsupported_type"


def test_sniff_believes_the_bytes_and_not_a_name() -> None:
    assert sniff(encoded(four_corners(), "WEBP")) == "image/webp"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_a_truncated_photo_is_refused(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    assert code_of(data[: int(len(data) * share)]) == "truncated"


def test_a_jpeg_header_followed_by_rubbish_is_unreadable() -> None:
    assert code_of(b"\xff\xd8\xff" + bytes(500)) == "unreadable"


def test_an_error_speaks_of_the_photo_and_not_of_the_program() -> None:
    with pytest.raises(PhotoError) as caught:
        open_photo(b"\xff\xd8\xff" + bytes(100))
    assert "BytesIO" not in str(caught.value)


def test_an_animated_png_is_refused() -> None:
    frames = [Image.new("RGB", (64, 64), c) for c in (RED, GREEN)]
    assert code_of(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])) == "animated"


def test_an_animated_webp_is_refused() -> None:
    frames = [Image.new("RGB", (64, 64), c) for c in (RED, GREEN)]
    assert code_of(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])) == "animated"


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing: what a decompression bomb looks like at first."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


def test_a_bomb_of_many_pixels_is_refused_by_its_header() -> None:
    assert code_of(png_header(30_000, 30_000)) == "too_many_pixels"


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1), (4, 4)])
def test_absurd_dimensions_are_refused(size: tuple[int, int]) -> None:
    assert code_of(png_header(*size)) == "bad_dimensions"


def test_a_file_above_the_limit_is_refused_before_it_is_decoded() -> None:
    assert code_of(encoded(four_corners()), IntakeLimits(max_bytes=100)) == "too_large"


def test_a_palette_with_transparency_in_bytes_is_opened_without_a_word() -> None:
    image = Image.new("P", (64, 64), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    photo = open_photo(encoded(image, "PNG", transparency=bytes([0] + [255] * 255)))
    assert (photo.rgb == 255).all()


@pytest.mark.parametrize(("width", "decoded"), [(4032, 504), (3264, 408), (1632, 408), (1500, 750), (400, 400)])
def test_a_photo_is_decoded_no_larger_than_the_networks_want(width: int, decoded: int) -> None:
    for kind in ("JPEG", "PNG"):
        assert max(open_photo(encoded(four_corners(width, width * 3 // 4), kind)).rgb.shape) <= decoded


def test_who_needs_a_side_in_full_gets_it() -> None:
    data = encoded(four_corners(1632, 1224))
    assert open_photo(data, limits=DEFAULT_LIMITS.reaching(416)).rgb.shape == (612, 816, 3)
