"""What benchmarks compute and write down about their runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from day_log import DayLog, slope_mb_per_hour
from rig import bootstrap_ratio, percentiles, write


def test_percentiles_of_nothing_are_nothing() -> None:
    assert percentiles([]) == {}
    assert percentiles([1.0, 2.0, 3.0], (50,)) == {"p50": 2.0, "max": 3.0}


def test_the_ratio_is_of_pairs_and_lies_within_its_interval() -> None:
    median, low, high = bootstrap_ratio([9, 20, 31], [10, 20, 30])
    assert median == 1
    assert 0.9 <= low <= 1 <= high <= 31 / 30


def test_runs_that_are_not_paired_are_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        bootstrap_ratio([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="paired"):
        bootstrap_ratio([], [])


def test_results_are_written_with_date_command_commit_and_machine(tmp_path: Path) -> None:
    path = write({"found": [[1, 2.5], [3, 4]]}, "thing", out=tmp_path)
    text = path.read_text()
    assert {"date", "command", "commit", "machine", "found"} == json.loads(text).keys()
    assert "[ 1, 2.5 ]" in text


def test_a_slope_of_memory_is_found_within_its_interval() -> None:
    seconds = np.arange(1200.0)
    noise = np.random.default_rng(0).normal(0, 5, 1200)
    found = slope_mb_per_hour(np.stack([seconds, 300 + 60 * seconds / 3600 + noise], axis=1))
    assert found is not None
    slope, low, high = found
    assert low < slope < high
    assert low < 60 < high


def test_too_short_a_replay_has_no_slope_of_memory() -> None:
    assert slope_mb_per_hour(np.zeros((5, 2))) is None


def test_a_log_of_the_same_day_goes_on_and_one_of_another_day_does_not(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = DayLog.open(path, {"minutes": 1})
    log.add(300.0, 1.5, [(0.5, 0.7, 201, 3, 42)], midnight=0.0)
    with path.open("a") as file:
        file.write('{"second": 9, "rss')  # killed while it was writing
    again = DayLog.open(path, {"minutes": 1})
    assert again.answers == [(0.5, 0.7, 201, 3, 42)]
    assert again.resumed == [log.second]
    assert DayLog.open(path, {"minutes": 2}).answers == []
