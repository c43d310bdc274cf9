"""Damaged files of 17 kinds go through intake: each becomes a photo or a refusal, and none takes longer than it may.

`benchmarks/fuzz_intake.py` does the same a million times.
"""

import time

import pytest
from fuzz_files import damaged, files
from fuzz_intake import CHUNK, Tally, input_of, run, run_apart

from regrade.models.photos.intake import open_photo


def test_a_sample_of_damaged_files_becomes_photos_or_refusals() -> None:
    tally = run(seed=0, first=0, count=2_000)
    assert tally.clean, vars(tally)
    assert tally.outcomes["photo"] > 100  # the damage is not all fatal
    assert {"truncated", "unreadable", "unsupported_type", "too_many_pixels"} <= tally.outcomes.keys()


def test_the_undamaged_files_are_photos() -> None:
    for data in files().values():
        assert open_photo(data).rgb.shape in ((54, 72, 3), (72, 54, 3))


def test_an_input_is_the_same_bytes_whenever_it_is_made() -> None:
    assert input_of(3, 7) == input_of(3, 7) == damaged(3, 7)
    assert input_of(3, 7) != input_of(4, 7)


def test_what_is_run_apart_is_counted_alike() -> None:
    apart, here = run_apart(seed=0, first=1, count=40), run(seed=0, first=1, count=40)
    assert (apart.outcomes, apart.clean) == (here.outcomes, here.clean)


@pytest.mark.long
@pytest.mark.timeout(2 * 3600)
def test_an_hour_of_damaged_files_becomes_photos_or_refusals() -> None:
    tally, seed, end = Tally(), int(time.time()), time.monotonic() + 3600
    while time.monotonic() < end:
        tally.add(run_apart(seed, tally.inputs, CHUNK))
    assert tally.clean, (seed, vars(tally))
