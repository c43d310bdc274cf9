import random
import re
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade.serving.http.render import timings_out
from regrade.serving.telemetry.timings import PARTS, Timings, server_timing


def exact_sum(milliseconds: Mapping[str, float]) -> Decimal:
    """The sum of all parts, as decimals."""
    return sum((Decimal(str(milliseconds[part])) for part in PARTS), Decimal(0))


def test_parts_get_the_time_between_marks() -> None:
    timings = Timings(100.0)
    assert timings.mark("read", 100.25) == pytest.approx(0.25)
    timings.mark("queue", 100.5)
    timings.mark("store", 101.0)
    timings.mark("read", 101.125)  # a part may come again
    ms = timings.as_ms()
    assert (ms["read"], ms["queue"], ms["store"], ms["decode"]) == (375.0, 250.0, 500.0, 0.0)
    assert ms["total"] == 1125.0


def test_every_part_is_there_even_if_it_took_no_time() -> None:
    assert Timings(5.0).as_ms() == {**dict.fromkeys(PARTS, 0.0), "total": 0.0}


def test_side_by_side_work_shares_the_wall_time() -> None:
    timings = Timings(0.0)
    # Two photos on two cores: 1 s both decode, 1 s one decodes while the other is looked at, 2 s both are looked at.
    work = [("decode", 0.0, 1.0), ("infer", 1.0, 4.0), ("decode", 0.0, 2.0), ("infer", 2.0, 4.0)]
    timings.parallel(work, "queue", 4.0)
    assert timings.seconds("decode") == pytest.approx(1.5)
    assert timings.seconds("infer") == pytest.approx(2.5)
    assert timings.seconds("queue") == 0.0


def test_time_without_work_is_idle_time() -> None:
    timings = Timings(0.0)
    timings.mark("read", 1.0)
    timings.parallel([("decode", 2.0, 3.0), ("infer", 5.0, 6.0)], "queue", 7.0)
    assert timings.seconds("queue") == pytest.approx(4.0)
    assert timings.total == 7.0


def test_work_outside_the_time_shared_out_does_not_count() -> None:
    timings = Timings(10.0)
    timings.mark("read", 11.0)
    timings.parallel([("decode", 9.0, 12.0), ("infer", 12.0, 99.0), ("infer", 1.0, 2.0)], "queue", 13.0)
    assert (timings.seconds("decode"), timings.seconds("infer"), timings.total) == (1.0, 1.0, 3.0)


def test_no_work_at_all_is_idle_time() -> None:
    timings = Timings(0.0)
    timings.parallel([], "queue", 2.0)
    assert timings.seconds("queue") == 2.0


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_parts_add_up_to_the_total_whatever_happened(seed: int) -> None:
    rng = random.Random(seed)
    timings = Timings(now := rng.uniform(0, 1e6))
    for _ in range(rng.randrange(1, 30)):
        end = now + rng.expovariate(20)
        if rng.random() < 0.5:
            timings.mark(rng.choice(PARTS), end)
        else:
            starts = [rng.uniform(now - 0.01, end) for _ in range(rng.randrange(12))]
            work = [(rng.choice(PARTS), start, start + rng.expovariate(30)) for start in starts]
            timings.parallel(work, rng.choice(PARTS), end)
        now = end
    ms = timings.as_ms()
    assert exact_sum(ms) == Decimal(str(ms["total"]))
    assert ms["total"] == pytest.approx(timings.total * 1000, abs=0.06)
    assert all(ms[part] == pytest.approx(timings.seconds(part) * 1000, abs=0.1) for part in PARTS)


def test_many_small_parts_round_to_their_sum() -> None:
    timings = Timings(0.0)
    for step, part in enumerate(PARTS, 1):
        timings.mark(part, step * 0.00004)  # 0.04 ms each: every one alone would round to nothing
    ms = timings.as_ms()
    assert ms["total"] == 0.2
    assert sum(ms[part] for part in PARTS) == pytest.approx(0.2)


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(KeyError, match="thinking"):
        Timings(0.0).mark("thinking", 1.0)


def test_time_does_not_run_backwards() -> None:
    timings = Timings(5.0)
    with pytest.raises(ValueError, match="before"):
        timings.mark("read", 4.0)
    with pytest.raises(ValueError, match="before"):
        timings.parallel([], "queue", 4.0)
    assert timings.total == 0.0


def test_the_header_names_each_part() -> None:
    assert server_timing({"read": 1.25, "total": 30.0}) == "read;dur=1.2, total;dur=30.0"


def test_the_timings_of_an_answer_add_up(service: Any, render_photo: Any) -> None:
    before = time.perf_counter()
    made = service.post([render_photo(seed) for seed in range(4)]).json()
    elapsed = (time.perf_counter() - before) * 1000
    ms = made["timings_ms"]
    assert set(ms) == {*PARTS, "total"}
    assert exact_sum(ms) == Decimal(str(ms["total"]))
    assert ms["total"] <= elapsed
    assert min(ms["read"], ms["decode"], ms["infer"]) > 0


def test_the_answer_that_stored_an_item_also_says_how_long_storing_took(service: Any, photo: bytes) -> None:
    first = service.post([photo], key="one")
    stored, sent = first.json()["timings_ms"], dict(re.findall(r"(\w+);dur=([\d.]+)", first.headers["server-timing"]))
    whole = {name: float(value) for name, value in sent.items()}
    assert list(whole) == [*PARTS, "total"]
    assert exact_sum(whole) == Decimal(str(whole["total"]))
    assert whole["store"] > stored["store"]
    assert whole["total"] > stored["total"]


def test_a_repeated_answer_is_the_stored_one(service: Any, photo: bytes) -> None:
    first, again = service.post([photo], key="one"), service.post([photo], key="one")
    assert again.json() == first.json()
    assert "server-timing" not in again.headers


def test_inspections_stored_before_there_were_parts_add_up_too() -> None:
    shown = timings_out({"decode": 40.0, "infer": 100.5, "total": 150.0})
    assert (shown.decode, shown.infer, shown.other, shown.total) == (40.0, 100.5, 9.5, 150.0)
