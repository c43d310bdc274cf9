"""Files that are out of proportion are refused by their structure, before a decoder sees them."""

import os
import struct
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from odd_photos import ahead_of_pixels, behind_start, chunk, encoded, many_scans, picture, png_of, segment
from PIL import Image

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import open_photo, survey

JPEG, PNG, WEBP = (encoded(picture(), kind) for kind in ("JPEG", "PNG", "WEBP"))


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


HOSTILE = {
    "a thousand scans": many_scans(1600, 1200, 1000),
    "scans of many pixels": many_scans(7064, 7064, 63, in_order=True),
    "empty segments": behind_start(JPEG, segment(0xE5, b"") * 500_000),
    "empty comments": behind_start(JPEG, segment(0xFE, b"") * 500_000),
    "segments between scans": encoded(picture(), progressive=True)[:-2] + segment(0xE5, b"") * 500_000 + b"\xff\xd9",
    "text chunks": ahead_of_pixels(PNG, chunk(b"tEXt", b"k\0v") * 100_000),
    "unknown chunks": ahead_of_pixels(PNG, chunk(b"abCd", b"") * 100_000),
    "chunks behind the pixels": PNG[:-12] + chunk(b"tEXt", b"k\0v") * 100_000 + PNG[-12:],
    "empty pixel chunks": ahead_of_pixels(PNG, chunk(b"IDAT", b"") * 100_000),
    "RIFF chunks": riff(WEBP[12:], b"JUNK\0\0\0\0" * 100_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_of_too_many_parts_is_refused_at_once(name: str) -> None:
    began = time.thread_time()
    with pytest.raises(PhotoError, match="far more than a camera writes") as caught:
        open_photo(HOSTILE[name])
    assert caught.value.code == "too_complex"
    assert time.thread_time() - began < 0.5  # of computing, whatever else the machine does; it takes some 20 ms


@pytest.mark.parametrize("filler", [b"\xff", b"\0", b"\xff\0", b"\xaa", b"\xff\xd0"])
@pytest.mark.parametrize("where", ["ahead of the photo", "behind its pixels"])
def test_megabytes_of_filler_cost_no_more_than_a_look(filler: bytes, where: str) -> None:
    data = encoded(picture(), progressive=True)
    at = 2 if where == "ahead of the photo" else len(data) - 2
    began = time.thread_time()
    survey(data[:at] + filler * 5_000_000 + data[at:])
    assert time.thread_time() - began < 1.0  # a search that goes back on itself would take hours


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_what_inflates_to_gigabytes_is_never_inflated(kind: bytes) -> None:
    bomb = zlib.compress(bytes(50_000_000), 9)
    head = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"profile\0\0"}[kind]
    tracemalloc.start()
    open_photo(ahead_of_pixels(PNG, chunk(kind, head + bomb)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_second_header_does_not_change_the_size_behind_our_back() -> None:
    huge = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    with pytest.raises(PhotoError) as caught:
        open_photo(ahead_of_pixels(PNG, chunk(b"IHDR", huge)))
    assert caught.value.code == "unreadable"


def test_a_photo_with_maps_and_descriptions_of_many_megabytes_is_in_proportion() -> None:
    parts = [segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + os.urandom(60_000)) for _ in range(150)]
    assert open_photo(behind_start(JPEG, *parts)).width == 400


def test_a_png_of_many_small_chunks_of_pixels_is_in_proportion() -> None:
    raw = b"".join(b"\0" + os.urandom(3 * 1000) for _ in range(1000))
    whole = png_of(1000, 1000, raw)
    at, end = whole.index(b"IDAT") + 4, len(whole) - 16
    small = b"".join(chunk(b"IDAT", whole[n : min(n + 1024, end)]) for n in range(at, end, 1024))
    assert open_photo(whole[: at - 8] + small + chunk(b"IEND", b"")).width == 1000


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"subsampling": 0}])
def test_ordinary_jpegs_are_quick(options: dict[str, Any]) -> None:
    found = survey(encoded(picture(), **options))
    assert found is not None
    assert found.quick


def test_a_progressive_photo_of_50_megapixels_is_in_proportion_but_not_quick() -> None:
    found = survey(encoded(Image.new("RGB", (8000, 6000), "white"), progressive=True))
    assert found is not None
    assert not found.quick


def test_work_grows_with_scans_rows_and_interlacing() -> None:
    plain, progressive = (survey(encoded(picture(), progressive=p)) for p in (False, True))
    assert plain is not None
    assert progressive is not None
    assert plain.work == pytest.approx(0.12)
    assert progressive.work > 4 * plain.work
    rows, passes = (survey(png_of(400, 300, b"", interlace=n)) for n in (0, 1))
    assert rows is not None
    assert passes is not None
    assert passes.work > rows.work


def test_what_is_no_photo_has_no_structure() -> None:
    for data in (b"", b"GIF89a", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", b"RIFF\4\0\0\0WEBP"):
        assert survey(data) is None


def test_size_and_profile_are_found() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        found = survey(encoded(picture(), kind, icc_profile=b"p" * 70_000))
        assert found is not None
        assert (found.width, found.height, found.icc) == (400, 300, b"p" * 70_000)
