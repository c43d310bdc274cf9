"""What an item is expected to cost, and how the expectation follows what was spent."""

import random
from typing import Any

import pytest
from odd_photos import encoded, picture
from PIL import Image

from regrade.models.photos.intake import open_photo
from regrade.serving.grading.workload import CostModel, Prices, Work, measure, work_of


def test_work_is_read_off_the_headers(render_photo: Any) -> None:
    photos = [render_photo(0), render_photo(1, size=(2000, 1000))]
    work = work_of(photos)
    assert (work.photos, work.bytes) == (2, sum(map(len, photos)))
    assert work.megapixels == pytest.approx(0.64 * 0.48 + 2.0)


def test_pixels_that_cannot_be_decoded_small_count_as_more(render_photo: Any) -> None:
    kinds = ("JPEG", "PNG", "AVIF", "WEBP", "HEIF")
    works = [work_of([render_photo(0, kind=kind)]) for kind in kinds]
    worth = [work.megapixels + work.slow_megapixels for work in works]
    assert worth[0] > 0
    assert worth == sorted(worth)


def test_slow_photos_are_work_of_their_own() -> None:
    quick, slow = encoded(picture()), encoded(Image.new("RGB", (3000, 3000)), "WEBP", method=0)
    work = work_of([quick, slow, quick])
    assert (work.photos, work.slow, work.bytes, work.slow_bytes) == (3, (1,), 2 * len(quick), len(slow))
    model = CostModel(Prices(photo=0.1, megapixel=0.01, megabyte=0.02))
    assert model.estimate(work) < 0.4
    assert model.estimate_slow(work) == pytest.approx(2.7 + len(slow) * 2e-8)
    assert model.estimate_slow(work_of([quick])) == 0


def test_what_is_no_photo_is_no_reason_to_fail() -> None:
    assert work_of([b"", b"GIF89a", b"\xff\xd8\xffgarbage"]).megapixels == 0
    assert CostModel().estimate(Work(0, 0.0, 0)) > 0


def test_an_item_costs_by_its_photos_pixels_and_bytes() -> None:
    model = CostModel(Prices(photo=0.1, megapixel=0.01, megabyte=0.02))
    assert model.estimate(Work(4, 48.0, 12_000_000)) == pytest.approx(0.4 + 0.48 + 0.24)


@pytest.mark.parametrize("pace", [0.3, 1.0, 4.0])
def test_the_estimate_comes_to_what_is_spent(pace: float) -> None:
    model, source = CostModel(), random.Random(0)
    for _ in range(100):
        work = Work(source.randint(1, 12), source.uniform(1, 100), 1_000_000)
        model.learn(work, model.prices.of(work) * pace * source.uniform(0.8, 1.25))
    assert model.factor == pytest.approx(pace, rel=0.1)


def test_a_single_outlier_moves_the_estimate_little() -> None:
    model, work = CostModel(), Work(4, 48.0, 12_000_000)
    model.learn(work, 1000 * model.prices.of(work))
    assert model.factor < 1.1
    model.learn(work, model.prices.of(work) / 1000)
    model.learn(work, 0.0)  # nothing was measured
    assert 0.9 < model.factor < 1.1


def test_it_finds_back_from_any_pace() -> None:
    model, work = CostModel(), Work(4, 48.0, 12_000_000)
    for _ in range(500):
        model.learn(work, 1e6)
    assert model.factor == pytest.approx(20)
    for _ in range(100):
        model.learn(work, model.prices.of(work))
    assert model.factor <= 1.05


def test_prices_are_measured_on_photos_that_are_looked_at(grader: Any) -> None:
    from regrade.serving.grading import workload

    for size, grain in (((640, 480), 20), ((1600, 1200), 40)):
        assert grader.look(open_photo(workload._photo(*size, grain))).quality.ok
    prices = measure(grader)
    assert prices.photo > 0
    assert prices.megapixel > 0
    assert prices.megabyte >= 0
    assert prices.photo > prices.megapixel  # the networks, against a million pixels decoded at an eighth
