"""Codes read in photos: every format, within a bound, and nothing that a code says does more than stand there."""

import logging
import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from regrade.models.codes import reader
from regrade.models.codes.reader import SECONDS, read_codes
from tests.models.codes.conftest import Codes, photo


@pytest.mark.parametrize(
    ("kind", "text", "name", "read"),
    [
        ("EAN13", "4006381333931", "ean_13", "4006381333931"),
        ("EAN8", "96385074", "ean_8", "96385074"),
        ("UPCA", "036000291452", "ean_13", "0036000291452"),
        ("Code128", "SN-4711", "code_128", "SN-4711"),
        ("QRCode", "https://example.org/x", "qr_code", "https://example.org/x"),
        ("DataMatrix", "A1B2", "data_matrix", "A1B2"),
    ],
)
def test_a_code_is_read_with_its_format_and_place(photo_of: Codes, kind: str, text: str, name: str, read: str) -> None:
    one = photo_of(kind, text)
    (code,) = read_codes(one) or ()
    assert (code.text, code.format, code.source, code.photo, code.cut) == (read, name, "barcode", 0, False)
    assert code.polygon is not None
    assert all(30 <= x <= one.width - 30 and 30 <= y <= one.height - 30 for x, y in code.polygon)


def test_boxes_are_in_pixels_of_the_whole_photo(photo_of: Codes) -> None:
    small = photo_of("QRCode", "x")
    (code,) = read_codes(small) or ()
    (same,) = read_codes(type(small)(0, "", "", small.width * 4, small.height * 4, small.rgb)) or ()
    assert code.polygon is not None
    assert same.polygon is not None
    assert same.polygon[0] == pytest.approx(tuple(4 * side for side in code.polygon[0]), abs=0.5)


@pytest.mark.parametrize("text", ["=cmd|'/c calc'!A1", "<script>alert(1)</script>", "a\u202eb", "\x1b[2J", "𝔘nicode"])
def test_what_a_hostile_code_says_is_text_that_can_be_seen(photo_of: Codes, text: str) -> None:
    (code,) = read_codes(photo_of("QRCode", text)) or ()
    assert all(one.isprintable() for one in code.text)
    assert "\u202e" not in code.text


def test_a_large_code_is_cut_and_says_so(photo_of: Codes) -> None:
    (code,) = read_codes(photo_of("QRCode", "x" * 2_900, pixels=4)) or ()
    assert (len(code.text), code.cut) == (512, True)


def test_a_photo_full_of_patterns_stays_within_its_time() -> None:
    finder = np.full((9, 9), 255)
    finder[1:8, 1:8] = 0
    finder[2:7, 2:7] = 255
    finder[3:6, 3:6] = 0
    random = np.random.default_rng(0)
    patterns = (
        np.tile(finder.repeat(2, 0).repeat(2, 1), (60, 60)),
        np.repeat(random.integers(0, 2, (1, 800)) * 255, 1200, 0).repeat(2, 1),
        random.integers(0, 256, (1200, 1600)),
    )
    for pattern in patterns:
        begun = time.perf_counter()
        assert read_codes(photo(pattern)) is not None
        assert time.perf_counter() - begun < 10 * SECONDS


def test_what_takes_too_long_is_cut_off_and_the_next_photo_is_read(
    photo_of: Codes, caplog: pytest.LogCaptureFixture
) -> None:
    noise = photo(np.random.default_rng(0).integers(0, 256, (1200, 1600)))
    with caplog.at_level(logging.WARNING, "regrade"):
        assert read_codes(noise, seconds=0.005) is None
    assert "codes of photo hash were not read" in caplog.text
    assert read_codes(photo_of("QRCode", "x")) is not None


def test_a_reader_that_was_killed_costs_one_photo_its_codes(photo_of: Codes, caplog: pytest.LogCaptureFixture) -> None:
    reader.close()
    assert read_codes(photo_of("QRCode", "x"))
    (child,) = [
        one for one in psutil.Process().children() if b"reader_main" in Path(f"/proc/{one.pid}/cmdline").read_bytes()
    ]
    os.kill(child.pid, signal.SIGKILL)
    child.wait(5) if child.is_running() else None
    assert read_codes(photo_of("QRCode", "x")) is None
    assert read_codes(photo_of("QRCode", "x"))


def test_codes_are_in_no_log(photo_of: Codes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        read_codes(photo_of("Code128", "SECRET-SERIAL"))
    assert "SECRET-SERIAL" not in caplog.text
