import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regrade.serving.planning.capacity import (
    Cost,
    Load,
    LoadError,
    Plan,
    Targets,
    at,
    calibrated,
    lost,
    most_items_per_s,
    plan,
)

SAMPLE = np.random.default_rng(0).normal(0.05, 0.005, 60).clip(0.03)
COST = Cost(SAMPLE, 0.02)
DAY = Load(30_000, 4, 10, 3)
CALM = Targets(0.7, 1.0)


def planned(items: float = 30_000, cores: int = 2, targets: Targets = CALM, cost: Cost = COST) -> Plan:
    return plan(replace(DAY, items_per_day=items), cost, cores, targets)


def test_the_peak_hour_has_its_share_of_the_day() -> None:
    assert DAY.average_items_per_s == pytest.approx(30_000 / 36_000)
    assert DAY.peak_items_per_s == pytest.approx(2.5)
    assert DAY.peak_items_per_s * 3600 + DAY.other_items_per_s * 9 * 3600 == pytest.approx(30_000)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"items_per_day": 0}, "items"),
        ({"items_per_day": -5}, "items"),
        ({"items_per_day": math.nan}, "items"),
        ({"items_per_day": math.inf}, "items"),
        ({"photos": 0}, "photos"),
        ({"hours": 0}, "hours"),
        ({"hours": -1}, "hours"),
        ({"hours": 25}, "24"),
        ({"peak": 0.5}, "at least 1"),
        ({"peak": math.nan}, "at least 1"),
        ({"peak": 11}, "whole day"),
        ({"hours": 0.5, "peak": 2}, "whole day"),
    ],
)
def test_a_load_that_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(LoadError, match=said):
        replace(DAY, **wrong)


@pytest.mark.parametrize("wrong", [{"utilisation": 0}, {"utilisation": 1}, {"p99_s": 0}, {"p99_s": math.inf}])
def test_targets_that_cannot_be_met_by_any_machine_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(LoadError):
        replace(CALM, **wrong)


def test_utilisation_is_rate_times_cost_over_cores() -> None:
    assert at(2.5, COST, 4, 3).utilisation == pytest.approx(2.5 * 4 * SAMPLE.mean() / 3)


def test_a_machine_that_is_overrun_has_no_percentile() -> None:
    point = at(20, COST, 4, 2)
    assert point.utilisation > 1
    assert (point.p50_s, point.p99_s) == (None, None)
    assert not point.within(CALM)


def test_an_idle_machine_takes_the_photos_and_the_wait() -> None:
    point = at(0.001, COST, 4, 4)
    assert point.p50_s is not None
    assert SAMPLE.mean() < point.p50_s - COST.wait_s < SAMPLE.max()


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_the_plan_meets_its_targets_and_one_less_does_not(cores: int) -> None:
    found = planned(200_000, cores)
    assert found.cores is not None
    assert found.replicas is not None
    peak = DAY.peak_items_per_s * 200 / 30
    assert at(peak, COST, 4, found.cores).within(CALM)
    assert not at(peak, COST, 4, found.cores - 1).within(CALM)
    assert found.each is not None
    assert found.each.within(CALM)
    assert found.most_items_per_s * (found.replicas - 1) < peak <= found.most_items_per_s * found.replicas * (1 + 1e-9)


def test_doubling_the_load_never_needs_less() -> None:
    plans = [planned(5000 * 2**n) for n in range(7)]
    cores, replicas = [p.cores or 0 for p in plans], [p.replicas or 0 for p in plans]
    assert cores == sorted(cores)
    assert replicas == sorted(replicas)
    assert cores[-1] > cores[0] > 0


def test_a_stricter_percentile_never_needs_less() -> None:
    needed = [planned(100_000, targets=Targets(0.7, p99)).cores or 0 for p99 in (2.0, 0.3, 0.15, 0.1)]
    assert needed == sorted(needed)
    assert needed[0] < needed[-1]


def test_the_percentile_can_ask_for_more_than_the_utilisation() -> None:
    busy, quick = planned(targets=Targets(0.7, 60)), planned(targets=Targets(0.7, 0.12))
    assert busy.cores == math.ceil(2.5 * 4 * SAMPLE.mean() / 0.7)
    assert (quick.cores or 0) > (busy.cores or 0)


def test_what_one_machine_carries_is_within_the_targets_and_a_little_more_is_not() -> None:
    most = most_items_per_s(COST, 4, 2, Targets(0.7, 0.3))
    assert at(most, COST, 4, 2).within(Targets(0.7, 0.3))
    assert not at(most * 1.02, COST, 4, 2).within(Targets(0.7, 0.3))


def test_utilisation_limits_where_time_does_not() -> None:
    assert most_items_per_s(COST, 4, 2, Targets(0.7, 60)) == pytest.approx(0.7 * 2 / (4 * SAMPLE.mean()))


def test_a_percentile_below_one_photo_is_out_of_reach() -> None:
    found = planned(targets=Targets(0.7, 0.05))
    assert (found.cores, found.replicas, found.each, found.lost) == (None, None, None, None)
    assert found.most_items_per_s == 0
    assert found.fastest_p99_s > 0.05
    assert not found.suffices


def test_more_machines_do_not_help_an_item_that_needs_more_cores() -> None:
    found = planned(cores=1, targets=Targets(0.7, 0.15))
    assert found.replicas is None
    assert found.cores is not None


def test_a_small_load_needs_one_core_and_this_machine_suffices() -> None:
    found = planned(1000)
    assert (found.cores, found.replicas, found.suffices, found.lost) == (1, 1, True, None)
    assert found.each == found.here


def test_with_one_machine_less_the_rest_take_its_share() -> None:
    day = lost(DAY, COST, 2, 3)
    assert day.replicas == 2
    assert day.utilisation == pytest.approx(2.5 * 4 * SAMPLE.mean() / 4)
    assert (day.backlog, day.catch_up_h) == (0, 0)


def test_a_peak_that_overruns_the_rest_leaves_a_backlog_that_the_day_works_off() -> None:
    heavy = replace(DAY, items_per_day=150_000)
    day = lost(heavy, COST, 2, 2)
    carried = 2 / (4 * SAMPLE.mean())
    assert day.p99_s is None
    assert day.backlog == pytest.approx((12.5 - carried) * 3600)
    assert day.catch_up_h == pytest.approx(day.backlog / (carried - heavy.other_items_per_s) / 3600)


def test_a_day_that_overruns_the_rest_is_never_caught_up() -> None:
    assert lost(replace(DAY, items_per_day=900_000), COST, 2, 2).catch_up_h is None


def test_what_the_service_spends_beyond_looking_is_spread_over_the_photos() -> None:
    cost = calibrated(SAMPLE, 0.06, np.array([0.2]), 4, 2)
    assert cost.core_s == pytest.approx(0.06)
    assert cost.photo_s.std() == pytest.approx(SAMPLE.std())


def test_a_service_that_seems_cheaper_than_its_photos_is_not_believed() -> None:
    assert calibrated(SAMPLE, 0.01, np.array([0.2]), 4, 2).core_s == pytest.approx(SAMPLE.mean())


def test_what_an_item_takes_beyond_its_work_is_waiting() -> None:
    photo = np.full(10, 0.05)
    assert calibrated(photo, 0.05, np.array([0.12, 0.13, 9.0]), 4, 2).wait_s == pytest.approx(0.03)
    assert calibrated(photo, 0.05, np.array([0.01]), 4, 2).wait_s == 0
