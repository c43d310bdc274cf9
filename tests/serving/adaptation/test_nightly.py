"""Heads are adapted once a night, by a process that gives way, and that ends with the service however that ends."""

import os
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path

import pytest

from regrade.serving.adaptation.nightly import Nightly
from regrade.serving.adaptation.quiet_hours import QuietHours
from regrade.serving.base.errors import SettingsError
from regrade.serving.base.settings import Settings, load_settings

NIGHT, DAY = datetime(2026, 11, 29, 2), datetime(2026, 11, 29, 12)
PRINTS = 'import json; print(json.dumps([{"category": "packaging", "kind": "kept", "told": "the head stays"}]))'


def wait_for(found: list[str], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not found and time.monotonic() < end:
        time.sleep(0.02)


def nightly(tmp_path: Path, found: list[str], script: str, now: datetime = NIGHT, *, adapt: bool = True) -> Nightly:
    settings = Settings(data_dir=tmp_path, adapt=adapt)
    return Nightly(settings, found.append, ("-c", script), lambda: now)


def test_at_night_heads_are_adapted_and_the_outcome_is_told(tmp_path: Path) -> None:
    found: list[str] = []
    running = nightly(tmp_path, found, PRINTS)
    running.start()
    wait_for(found)
    running.stop()
    assert found == ["kept"]


@pytest.mark.parametrize(("now", "adapt"), [(DAY, True), (NIGHT, False)])
def test_by_day_or_switched_off_nothing_runs(tmp_path: Path, now: datetime, adapt: bool) -> None:
    found: list[str] = []
    running = nightly(tmp_path, found, PRINTS, now, adapt=adapt)
    running.start()
    time.sleep(0.3)
    running.stop()
    assert found == []


def test_a_run_that_fails_is_told_and_harms_nothing(tmp_path: Path) -> None:
    found: list[str] = []
    running = nightly(tmp_path, found, "raise SystemExit(2)")
    running.start()
    wait_for(found)
    running.stop()
    assert found == ["failed"]


def test_the_run_under_way_ends_with_the_service_and_gives_way_to_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"import os, time; open({str(pid)!r} + '.new', 'w').write(str(os.getpid()));"
    script += f"os.rename({str(pid)!r} + '.new', {str(pid)!r}); time.sleep(600)"
    running = nightly(tmp_path, [], script)
    running.start()
    end = time.monotonic() + 30
    while not pid.exists() and time.monotonic() < end:
        time.sleep(0.02)
    number = int(pid.read_text())
    assert os.getpriority(os.PRIO_PROCESS, number) == 19
    running.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_an_attended_run_ends_when_whoever_started_it_is_gone() -> None:
    code = "from regrade.labeling.adapt.cli import _end_with_parent; import time; _end_with_parent();"
    code += "print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(30) == 1


def test_a_night_over_midnight_is_one_night() -> None:
    hours = QuietHours.parse("22:30-05:00")
    assert (
        hours.night_of(datetime(2026, 11, 29, 23))
        == hours.night_of(datetime(2026, 11, 30, 4, 59))
        == date(2026, 11, 29)
    )
    assert hours.night_of(datetime(2026, 11, 30, 5)) is None


@pytest.mark.parametrize("hours", ["", "1-5", "25:00-03:00"])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(SettingsError, match="REGRADE_QUIET_HOURS"):
        load_settings(quiet_hours=hours)
