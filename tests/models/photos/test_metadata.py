"""Photos without what their files tell beside the picture: nothing of it is left, and no pixel is changed."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from regrade.models.photos.intake import open_photo
from regrade.models.photos.metadata import bare

SECRET = b"31 deg 14' N, J. Smith"
PICTURE = Image.effect_noise((96, 64), 60).convert("RGB")


def encoded(kind: str, image: Image.Image = PICTURE, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def exif_segment(directory: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + directory)


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def exif() -> bytes:
    told = Image.Exif()
    told[0x13B] = SECRET.decode()  # the artist
    told.get_ifd(0x8825).update({1: "N", 2: (31.0, 14.0, 5.5), 3: "E", 4: (121.0, 28.0, 9.0)})
    return told.tobytes()


def with_segments(jpeg: bytes) -> bytes:
    thumbnail = encoded("JPEG", PICTURE.resize((32, 24)), comment=SECRET)
    told = (
        segment(0xE0, b"JFXX\0\x10" + thumbnail),
        segment(0xE1, exif()),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRET + b"</x>"),
        segment(0xED, b"Photoshop 3.0\0" + SECRET),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01" + SECRET),
        segment(0xE5, SECRET),
        segment(0xFE, SECRET),
    )
    scan = jpeg.index(b"\xff\xda")
    return jpeg[:2] + b"".join(told) + jpeg[2:scan] + segment(0xFE, SECRET) + jpeg[scan:] + thumbnail


def with_chunks(png: bytes) -> bytes:
    told: tuple[bytes, ...] = (chunk(b"eXIf", exif()[6:]), chunk(b"tEXt", b"Author\0" + SECRET), chunk(b"prVt", SECRET))
    told += (chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)), chunk(b"iTXt", b"a\0\0\0\0\0" + SECRET))
    at, end = png.index(b"IDAT") - 4, png.index(b"IEND") - 4
    return png[:at] + b"".join(told) + png[at:end] + chunk(b"tIME", bytes(7)) + png[end:] + SECRET


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: with_segments(encoded("JPEG", quality=90)),
    "progressive JPEG": lambda: with_segments(encoded("JPEG", quality=90, progressive=True)),
    "grey JPEG": lambda: with_segments(encoded("JPEG", PICTURE.convert("L"))),
    "JPEG with restarts": lambda: with_segments(encoded("JPEG", restart_marker_rows=1)),
    "two pictures": lambda: encoded("MPO", save_all=True, append_images=[PICTURE.rotate(180)], comment=SECRET),
    "PNG": lambda: with_chunks(encoded("PNG")),
    "PNG of 16 colours": lambda: with_chunks(encoded("PNG", PICTURE.quantize(16))),
    "WebP": lambda: encoded("WEBP", quality=90, exif=exif(), xmp=SECRET) + SECRET,
    "WebP without loss": lambda: encoded("WEBP", lossless=True, exif=exif(), xmp=SECRET),
}


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_told_any_more_and_no_pixel_is_changed(name: str) -> None:
    data = FILES[name]()
    left = bare(data)
    assert left is not None
    assert SECRET in data
    assert SECRET not in left
    assert (pixels(left) == pixels(data)).all()
    image = Image.open(io.BytesIO(left))
    assert not image.getexif()
    assert {"exif", "xmp", "comment", "photoshop", "mp"}.isdisjoint(image.info)
    assert getattr(image, "n_frames", 1) == 1
    assert bare(left) == left


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_profile_stays_for_it_says_what_the_colours_are(kind: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    left = bare(encoded(kind, icc_profile=profile))
    assert left is not None
    assert Image.open(io.BytesIO(left)).info["icc_profile"] == profile


def test_cmyk_keeps_what_says_how_its_numbers_are_meant() -> None:
    data = encoded("JPEG", PICTURE.convert("CMYK"))
    left = bare(with_segments(data)[: len(with_segments(data))])
    assert left is not None
    assert (np.asarray(Image.open(io.BytesIO(left))) == np.asarray(Image.open(io.BytesIO(data)))).all()


def test_the_embedded_thumbnail_of_jfif_goes() -> None:
    data = encoded("JPEG", quality=90)
    app0 = data.index(b"JFIF\0")
    with_thumbnail = data[:2] + segment(0xE0, data[app0 : app0 + 12] + b"\2\2" + bytes(12)) + data[app0 + 14 :]
    assert bare(with_thumbnail) == data


def test_a_file_that_ends_in_its_pixels_is_left_to_the_decoder() -> None:
    data = encoded("JPEG", quality=90)
    assert bare(data[: len(data) // 2]) is None
    assert bare(b"\xff\xd8\xff") is None
    assert bare(encoded("AVIF")) is None


ODD_SEGMENTS = {
    "places that lead nowhere": segment(0xE1, b"Exif\0\0II*\0" + bytes(range(200))),
    "a directory that points to itself": exif_segment(b"\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"),
    "a profile without a number": segment(0xE2, b"ICC_PROFILE\0"),
    "a profile cut short": segment(0xE2, b"ICC_PROFILE\0\1\1rubbish"),
    "pictures that are not there": segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\1\xb0\1\0\4\0\0\0\1\xff\xff\xff\xff\0\0\0\0"),
    "an Adobe segment cut short": segment(0xEE, b"Adobe\0"),
    "JFIF cut short": segment(0xE0, b"JFIF"),
    "settings of Photoshop cut short": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\xff"),
    "empty segments": segment(0xE1, b"") + segment(0xEE, b"") + segment(0xFE, b""),
    "rubbish between segments": b"\0\1\2\3",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD_SEGMENTS)
def test_no_metadata_fails_a_jpeg(name: str) -> None:
    plain = encoded("JPEG", quality=90)
    odd = plain[:2] + segment(0xFE, b"hi") + ODD_SEGMENTS[name] + plain[2:]
    assert (open_photo(odd).rgb == open_photo(plain).rgb).all()


ODD_CHUNKS = {
    "EXIF that is none": chunk(b"eXIf", b"rubbish"),
    "EXIF with a wrong checksum": chunk(b"eXIf", exif()[6:])[:-1] + b"!",
    "a text of 20 MB": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000))),
    "a text without an end": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)[:-6]),
    "a profile of 20 MB": chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(20_000_000))),
    "a profile that is none": chunk(b"iCCP", b"icc\0\0rubbish"),
    "a profile packed by nobody knows what": chunk(b"iCCP", b"icc\0\7" + zlib.compress(b"profile")),
    "colours cut short": chunk(b"gAMA", b"\1") + chunk(b"cHRM", b"\1") + chunk(b"sRGB", b"") + chunk(b"pHYs", b"\1"),
}


@pytest.mark.parametrize("name", ODD_CHUNKS)
def test_no_metadata_fails_a_png(name: str) -> None:
    plain = encoded("PNG")
    odd = plain[:33] + ODD_CHUNKS[name] + plain[33:]
    assert (open_photo(odd).rgb == open_photo(plain).rgb).all()
    assert bare(odd) == plain
