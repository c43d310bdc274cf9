"""Stations against their own past: steady ones raise no alarm, changed ones do, in words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from regrade.serving.review.quality.drift import LEAST_DAYS, alarms, charts
from regrade.serving.review.quality.station_days import Day, station_days

FIRST = date(2026, 9, 14)
USUAL = {"brightness": 130.0, "sharpness": 0.7, "warmth": 8.0, "tint": 1.0, "confidence": 0.9}
NOISE = {"brightness": 2.0, "sharpness": 0.01, "warmth": 1.0, "tint": 0.5, "confidence": 0.01}


def days(count: int = 70, *, seed: int = 0, grades: list[int] | None = None) -> list[Day]:
    """Days of a steady station, each of 40 items."""
    random = np.random.default_rng(seed)
    means = [{name: float(random.normal(mean, NOISE[name])) for name, mean in USUAL.items()} for _ in range(count)]
    return [
        Day(FIRST + timedelta(days=index), 40, one, list(grades or [10, 10, 15, 5])) for index, one in enumerate(means)
    ]


def shifted(found: list[Day], since: int, until: int | None = None, **by: float) -> list[Day]:
    for day in found[since:until]:
        for measure, change in by.items():
            day.means[measure] += change
    return found


def test_steady_stations_raise_no_alarm() -> None:
    assert [alarm for seed in range(100) for alarm in alarms("LA-07", days(seed=seed))] == []


def test_another_lamp_is_told_in_both_languages_with_its_day() -> None:
    (alarm,) = alarms("LA-07", shifted(days(), 58, brightness=-23.4, warmth=-9.0))
    assert (alarm.kind, alarm.since) == ("light", FIRST + timedelta(days=58))
    english, chinese = alarm.message.to("en"), alarm.message.to("zh-CN")
    assert english.startswith("Photos from LA-07 have changed since 2026-11-11: they are 18% darker and bluer.")
    assert "变暗 18%、偏蓝" in chinese


def test_a_change_is_seen_on_its_second_day() -> None:
    assert alarms("LA-07", shifted(days(60), 58, brightness=-40.0)) != []
    assert alarms("LA-07", shifted(days(59), 58, brightness=-40.0)) == []


def test_one_odd_day_and_a_mended_lamp_raise_no_alarm() -> None:
    assert alarms("LA-07", shifted(days(), 60, 61, brightness=-60.0)) == []
    assert alarms("LA-07", shifted(days(), 48, 54, brightness=-30.0)) == []


def test_a_change_too_small_to_matter_raises_no_alarm() -> None:
    assert alarms("LA-07", shifted(days(), 55, brightness=-3.0)) == []


def test_a_less_sure_model_and_other_grades_are_told() -> None:
    found = shifted(days(), 58, confidence=-0.1)
    for day in found[62:]:
        day.grades = [8, 8, 12, 12]
    less_sure, graded = alarms("LA-07", found)
    assert (less_sure.kind, graded.kind) == ("confidence", "grades")
    assert "less sure since 2026-11-11: 80% on average, 90% before" in less_sure.message.to("en")
    assert "more items are graded “damaged”" in graded.message.to("en")


def test_a_young_station_is_compared_with_its_first_days() -> None:
    assert charts("LA-07", days(LEAST_DAYS)) == []
    young = shifted(days(14), 10, warmth=12.0)
    assert {chart.baseline_until for chart in charts("LA-07", young)} == {FIRST + timedelta(days=LEAST_DAYS - 1)}
    assert [alarm.since for alarm in alarms("LA-07", young)] == [FIRST + timedelta(days=10)]


def test_days_of_few_items_and_unmeasured_photos_do_not_count() -> None:
    found = shifted(days(), 58, brightness=-40.0)
    for day in found[58:]:
        day.items = 4
    assert alarms("LA-07", found) == []
    for day in found:
        day.means = {}
    assert charts("LA-07", found) == []


def test_the_database_sums_up_stations_and_days(make_kit: Any) -> None:
    kit = make_kit()
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    for station, condition, hours in (("s1", "used", 0), ("s1", "damaged", 11), ("s1", "used", 12), (None, "used", 0)):
        kit.add(station=station, condition=condition, created_at=noon + timedelta(hours=hours), seller="acme")
    found = station_days(kit.database, noon)
    assert {name: [(day.day.day, day.items, day.grades) for day in of] for name, of in found.items()} == {
        "s1": [(20, 2, [0, 0, 1, 1]), (21, 1, [0, 0, 1, 0])]
    }
    assert found["s1"][0].means == {"brightness": 120.0, "warmth": 0.1, "confidence": pytest.approx(0.4)}
    assert station_days(kit.database, noon, seller="other") == {}
    assert len(station_days(kit.database, noon + timedelta(hours=12), category="footwear")["s1"]) == 1
