import random
from decimal import Decimal

import pytest

from regrade.serving.timings import PARTS, Timings, server_timing


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


@pytest.mark.parametrize("seed", range(20))
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
    assert sum(Decimal(str(ms[part])) for part in PARTS) == Decimal(str(ms["total"]))
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
