"""Half a photo is refused, whatever end was put behind it; a whole one is taken, whatever follows it."""

import re
import struct
from typing import Any

import numpy as np
import pytest
from odd_photos import (
    ADAM7,
    ahead_of_pixels,
    behind_start,
    chunk,
    encoded,
    entropy_start,
    mended_png,
    mended_webp,
    picture,
    png_of,
    segment,
)
from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import open_photo

END = b"\xff\xd9"
JPEGS = {
    "baseline": encoded(picture()),
    "optimised": encoded(picture(), optimize=True),
    "progressive": encoded(picture(), progressive=True),
    "with restarts": encoded(picture(), restart_marker_blocks=8),
    "grey": encoded(picture().convert("L")),
    "CMYK": encoded(picture().convert("CMYK")),
    "fine": encoded(picture(), subsampling=0, quality=97),
    "large": encoded(picture(2000, 1500)),
}


def code_of(data: bytes) -> str | None:
    """The code with which `data` is refused; None where it is taken."""
    try:
        open_photo(data)
    except PhotoError as error:
        return error.code
    return None


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 0.9, 0.99])
def test_a_jpeg_cut_short_is_truncated_whatever_is_put_behind_it(name: str, share: float) -> None:
    whole = JPEGS[name]
    begin = entropy_start(whole)
    part = whole[: begin + int((len(whole) - begin) * share)]
    part = part[:-1] if part.endswith(b"\xff") else part
    tails = (b"", END, b"\0" + END, END + bytes(5000), segment(0xFE, b"comment") + END, part[begin:][:100] + END)
    assert {code_of(part + tail) for tail in tails} == {"truncated"}


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_whose_end_was_never_written_is_truncated(name: str) -> None:
    whole = JPEGS[name]
    half = (entropy_start(whole) + len(whole)) // 2
    zeros = bytes(len(whole) - half)
    assert code_of(whole[:half] + zeros) == "truncated"
    assert code_of(whole[:half] + zeros + END) in ("truncated", "unreadable")
    assert code_of(whole[:half] + b"\xff" * len(zeros) + END) == "truncated"


@pytest.mark.parametrize("name", ["baseline", "optimised", "with restarts", "fine"])
def test_a_gap_of_zeros_within_a_jpeg_is_refused(name: str) -> None:
    whole = JPEGS[name]
    middle = (entropy_start(whole) + len(whole)) // 2
    assert code_of(whole[:middle] + bytes(2000) + whole[middle + 2000 :]) in ("truncated", "unreadable")


def test_a_jpeg_that_lacks_restart_intervals_is_truncated() -> None:
    whole = JPEGS["with restarts"]
    at = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", whole)]
    assert code_of(whole[: at[10]] + whole[at[11] :]) == "truncated"  # one, whose number is missed
    assert code_of(whole[: at[10]] + whole[at[18] :]) == "truncated"  # eight: the numbers fit again
    assert code_of(whole[: (at[10] + at[11]) // 2] + whole[at[11] :]) == "truncated"  # half of one


def test_a_progressive_jpeg_without_its_last_scan_is_truncated() -> None:
    whole = JPEGS["progressive"]
    assert code_of(whole[: whole.rindex(b"\xff\xda")] + END) == "truncated"


def test_a_jpeg_whose_components_come_in_scans_of_their_own_needs_all_of_them() -> None:
    # Three scans of a sequential file: the frame and tables of one, with each component's data from a grey file.
    grey = encoded(picture().convert("L"), quality=88)
    begin = entropy_start(grey)
    head = grey[: grey.index(b"\xff\xda")].replace(
        segment(0xC0, struct.pack(">BHHB", 8, 300, 400, 1) + b"\1\x11\0"),
        segment(0xC0, struct.pack(">BHHB", 8, 300, 400, 3) + b"\1\x11\0\2\x11\0\3\x11\0"),
    )
    scans = [segment(0xDA, bytes([1, n, 0, 0, 63, 0])) + grey[begin:-2] for n in (1, 2, 3)]
    assert code_of(head + b"".join(scans) + END) is None
    assert code_of(head + b"".join(scans[:2]) + END) == "truncated"


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}])
@pytest.mark.parametrize("ground", ["white", "black", (200, 10, 10)])
def test_a_plain_background_is_no_gap(options: dict[str, Any], ground: object) -> None:
    image = Image.new("RGB", (1200, 900), ground)  # type: ignore[arg-type]
    image.paste(picture(), (300, 50))
    assert code_of(encoded(image, **options)) is None


TAILS = {
    "rubbish": b"\x01\x02\xff\x03" * 1000,
    "zeros": bytes(100_000),
    "another photo": JPEGS["grey"],
    "text": b"SEFH",
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("name", JPEGS)
def test_what_follows_a_whole_jpeg_does_not_matter(name: str, tail: str) -> None:
    assert code_of(JPEGS[name] + TAILS[tail]) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_half_a_photo_that_was_saved_anew_is_truncated(kind: str) -> None:
    # What programs make of half a JPEG: its lower half in the grey of coefficients that are all zero.
    saved = picture().copy()
    saved.paste((128, 128, 128), (0, 180, 400, 300))
    assert code_of(encoded(saved, kind, **({"lossless": True} if kind == "WEBP" else {}))) == "truncated"


def test_a_photo_in_a_grey_frame_is_whole() -> None:
    framed = Image.new("RGB", (500, 400), (128, 128, 128))
    framed.paste(picture(), (50, 50))
    assert code_of(encoded(framed)) is None
    assert code_of(encoded(Image.new("RGB", (100, 100), (128, 128, 128)))) is None


def test_what_some_cameras_leave_in_their_files_does_not_matter() -> None:
    whole = JPEGS["baseline"]
    assert code_of(whole[:-2] + bytes(5) + END) is None  # a few bytes ahead of the end
    assert code_of(behind_start(whole, b"\xff" * 20)) is None  # fill bytes
    assert code_of(whole[:20] + b"junk" + whole[20:]) is None  # bytes between segments
    assert code_of(whole.replace(b"JFIF\0\1\1", b"JFIF\0\3\1")) is None  # a revision that nobody knows
    assert code_of(behind_start(whole, segment(0xE2, b"ICC_PROFILE\0\1\3...") * 2)) is None  # parts of a profile


def test_tables_of_the_first_scan_that_announce_no_coefficients_do_not_matter() -> None:
    whole = JPEGS["baseline"]
    begin = entropy_start(whole)
    assert code_of(whole[: begin - 3] + b"\0\0\0" + whole[begin:]) is None
    assert code_of(whole[: begin - 3] + b"\0\0\0" + whole[begin:-5000] + END) == "truncated"


@pytest.mark.parametrize("process", [0xC3, 0xC5, 0xC9, 0xCA, 0xCF])
def test_a_jpeg_of_a_process_that_no_browser_shows_is_refused(process: int) -> None:
    assert code_of(JPEGS["baseline"].replace(b"\xff\xc0", bytes([0xFF, process]), 1)) in ("unreadable", "truncated")


def test_a_jpeg_without_its_pixels_is_truncated() -> None:
    whole = JPEGS["baseline"]
    assert code_of(whole[: whole.index(b"\xff\xda")] + END) == "truncated"
    assert code_of(whole[: entropy_start(whole)] + END) == "truncated"


PNGS = {
    "RGB": encoded(picture(), "PNG"),
    "RGBA": encoded(picture().convert("RGBA"), "PNG"),
    "palette": encoded(picture().quantize(64), "PNG"),
    "grey": encoded(picture().convert("L"), "PNG"),
    "16 bits": encoded(Image.fromarray(np.asarray(picture().convert("L"), np.uint16) * 257), "PNG"),
}


@pytest.mark.parametrize("name", PNGS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.95])
def test_a_png_that_lacks_pixels_is_truncated(name: str, share: float) -> None:
    assert code_of(PNGS[name]) is None
    assert code_of(mended_png(PNGS[name], share)) == "truncated"
    assert code_of(PNGS[name][: int(len(PNGS[name]) * max(share, 0.2))]) == "truncated"


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("height", [99, 100])
def test_a_png_that_lacks_rows_is_truncated(interlace: int, height: int) -> None:
    passes = ADAM7 if interlace else ((0, 0, 1, 1),)
    size = sum(-(-(height - y) // down) * (1 + 3 * -(-(100 - x) // across)) for x, y, across, down in passes)
    assert code_of(png_of(100, height, bytes(size), interlace=interlace)) is None
    assert code_of(png_of(100, height, bytes(size - 301), interlace=interlace)) == "truncated"
    assert code_of(png_of(100, height, bytes(size // 2), interlace=interlace)) == "truncated"


def test_a_png_that_ends_black_is_whole() -> None:
    assert code_of(png_of(100, 100, bytes(301 * 100))) is None


def test_a_png_with_a_part_that_was_never_written_is_truncated() -> None:
    whole = PNGS["RGB"]
    assert code_of(whole[:20_000] + bytes(len(whole) - 20_000 - 16) + whole[-16:]) == "truncated"


def test_a_png_without_pixels_is_truncated() -> None:
    assert code_of(ahead_of_pixels(PNGS["RGB"], chunk(b"IEND", b""))) == "truncated"


def test_a_png_whose_pixels_do_not_match_their_checksum_is_unreadable() -> None:
    broken = bytearray(PNGS["RGB"])
    broken[5000] ^= 1
    assert code_of(bytes(broken)) == "unreadable"


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 0.95])
def test_a_webp_cut_short_is_refused_though_its_lengths_fit(lossless: bool, share: float) -> None:
    whole = encoded(picture(1000, 800), "WEBP", lossless=lossless)
    assert code_of(mended_webp(whole, 1.0)) is None
    assert code_of(mended_webp(whole, share)) == "truncated"
    assert code_of(whole[: int(len(whole) * share)]) == "truncated"


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_whose_end_was_never_written_is_truncated(lossless: bool) -> None:
    whole = encoded(picture(1000, 800), "WEBP", lossless=lossless)
    assert code_of(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)) == "truncated"


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_with_a_plain_background_is_whole(lossless: bool) -> None:
    image = Image.new("RGB", (2000, 1500), "white")
    for content in (None, picture()):
        if content:
            image.paste(content, (300, 50))
        for quality in (0, 30, 80):
            assert code_of(encoded(image, "WEBP", lossless=lossless, quality=quality, method=0)) is None


def test_a_blank_grey_webp_is_whole() -> None:
    assert code_of(encoded(Image.new("RGB", (1600, 1200), (128, 128, 128)), "WEBP", quality=30)) is None
