"""Odd and hostile photos over HTTP: each answered in time and in words, with the next station served meanwhile."""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from odd_photos import (
    ahead_of_pixels,
    behind_start,
    chunk,
    encoded,
    entropy_start,
    many_scans,
    mended_png,
    mended_webp,
    picture,
    png_of,
    segment,
)
from PIL import Image

pytestmark = pytest.mark.slow

END = b"\xff\xd9"
PNG = encoded(picture(), "PNG")
SLOW = many_scans(4000, 4000, 63, in_order=True)
"""Half a second of decoding in 3 KB; blank, so that it is never graded."""


def half(data: bytes, tail: bytes = END) -> bytes:
    return data[: (entropy_start(data) + len(data)) // 2] + tail


COMPLEX, TRUNCATED = "photo-too-complex", "photo-truncated"
ODD: dict[str, tuple[Callable[[bytes], bytes], str | None]] = {
    "1,000 scans": (lambda good: many_scans(1600, 1200, 1000), COMPLEX),
    "1,000 scans of 50 megapixels": (lambda good: many_scans(7064, 7064, 1000), COMPLEX),
    "empty segments": (lambda good: behind_start(good, segment(0xE5, b"") * 2_000_000), COMPLEX),
    "text chunks": (lambda good: ahead_of_pixels(PNG, chunk(b"tEXt", b"k\0v") * 400_000), COMPLEX),
    "half with an end": (half, TRUNCATED),
    "half with zeros": (lambda good: half(good, bytes(len(good) // 2)), TRUNCATED),
    "half with zeros and an end": (lambda good: half(good, bytes(len(good) // 2) + END), TRUNCATED),
    "half, progressive": (lambda good: half(encoded(picture(), progressive=True)), TRUNCATED),
    "half a PNG": (lambda good: mended_png(PNG, 0.5), TRUNCATED),
    "half a WebP": (lambda good: mended_webp(encoded(picture(), "WEBP"), 0.5), TRUNCATED),
    "rubbish behind the end": (lambda good: good + b"\xff\x00\xaa" * 2000, None),
    "a preview behind the end": (lambda good: good + encoded(picture(160, 120)), None),
    "empty segments, few": (lambda good: behind_start(good, segment(0xE5, b"") * 500), None),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_photo_is_answered_in_words(service: Any, photo: bytes, name: str) -> None:
    make, slug = ODD[name]
    answer = service.post([make(photo)])
    document = answer.json()
    assert answer.status_code == (201 if slug is None else 422), document
    assert document.get("type") == (slug and f"urn:regrade:problem:{slug}")
    if slug is not None:
        service.assert_nothing_stored()


LARGE: dict[str, Callable[[], bytes]] = {
    "interlaced": lambda: png_of(6000, 6000, bytes(18001 * 6000 + 200_000), interlace=1),
    "without a small scale": lambda: encoded(Image.new("RGB", (5000, 5000), "grey"), "WEBP", method=0),
    "as many scans as it may have": lambda: SLOW,
    "a video codec": lambda: encoded(picture(800, 600), "AVIF", speed=10),
}


@pytest.mark.parametrize("name", LARGE)
def test_meanwhile_another_station_is_served(service: Any, photo: bytes, name: str) -> None:
    slow = LARGE[name]()
    service.post([photo])  # what is made at first use is made
    with ThreadPoolExecutor(1) as station:
        hostile = station.submit(service.post, [slow] * 2, client=service.as_role("station"))
        waits = []
        while not hostile.done():
            began = time.perf_counter()
            assert service.post([photo]).status_code == 201
            waits.append(time.perf_counter() - began)
    assert hostile.result().status_code in (201, 422)
    # Less than the second that is promised on a free machine, more where all tests run at once.
    assert max(waits, default=0) < 5
    assert sorted(waits)[len(waits) // 2] < 2 if waits else True


def test_a_photo_that_takes_too_long_is_refused_and_logged_by_its_hash(
    serve: Any, photo: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    service = serve(photo_seconds=0.05)
    answer = service.post([photo, SLOW])
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:photo-too-slow")
    assert answer.json()["photo"] == 1
    assert f"photo {hashlib.sha256(SLOW).hexdigest()} was cut off" in capsys.readouterr().err
    service.assert_nothing_stored()


def test_slow_photos_must_be_decoded_by_the_deadline(serve: Any) -> None:
    service = serve(deadline=0.4, workers=1)
    began = time.perf_counter()
    answer = service.post([SLOW] * 8)
    assert answer.status_code in (422, 503)
    assert answer.json()["type"].endswith(("photo-too-slow", "busy"))
    assert time.perf_counter() - began < 20  # and not the sum of eight, on however slow a machine


def test_a_slow_photo_is_graded_like_a_quick_one_of_the_same_pixels(service: Any) -> None:
    image = picture().resize((3200, 2600))
    slow, quick = (
        service.post([encoded(image, kind, **options)]).json()
        for kind, options in (("WEBP", {"lossless": True, "method": 0, "quality": 0}), ("PNG", {"compress_level": 1}))
    )
    for one in (slow, quick):
        assert (one["photos"][0]["width"], one["photos"][0]["height"]) == (3200, 2600)
    assert (slow["status"], slow["grade"], slow["defects"]) == (quick["status"], quick["grade"], quick["defects"])


def test_what_a_slow_photo_took_stands_in_the_timings(service: Any) -> None:
    photo = encoded(picture().resize((3200, 2600)), "WEBP", method=0)
    answer = service.post([photo])
    assert answer.status_code == 201
    timings = answer.json()["timings_ms"]
    assert timings["decode"] > 20
    assert sum(v for k, v in timings.items() if k != "total") == pytest.approx(timings["total"])


def test_a_slow_photo_does_not_wait_for_twelve_of_another_item(serve: Any) -> None:
    service = serve(workers=1)
    one = encoded(picture(), "AVIF", speed=10)
    service.post([one])
    with ThreadPoolExecutor(1) as station:
        twelve = station.submit(service.post, [SLOW] * 12)
        wait_until_begun(service)
        answer = service.post([one])
        assert (answer.status_code, twelve.done()) == (201, False), answer.text


def wait_until_begun(service: Any) -> None:
    end = time.monotonic() + 20
    while not service.runtime.admission.pending:
        assert time.monotonic() < end
        time.sleep(0.005)
