"""Which stages a run does, in which order, and what happens when one is stopped or killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regrade.models.errors import RunError
from regrade.training.pipeline import WHAT, Body, StageChoice, execute, plan, stages_of
from regrade.training.run.run import STAGES, Run, RunConfig


def noted(name: str) -> Body:
    """A stage that appends its name, and what it draws, to a file of the run."""

    def body(run: Run) -> None:
        with run.path("notes.txt").open("a") as file:
            file.write(f"{name} {random.random():.6f} {np.random.random():.6f}\n")

    return body


BODIES: Mapping[str, Body] = {name: noted(name) for name in STAGES}


def notes(run: Run) -> list[str]:
    path = run.folder / "notes.txt"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def config(tiny_dataset: Path, tmp_path: Path) -> RunConfig:
    return RunConfig(category="packaging", data=tiny_dataset, out=tmp_path / "bundles", version="2026.1.1")


@pytest.fixture
def run(config: RunConfig, tmp_path: Path) -> Iterator[Run]:
    with Run.create(tmp_path / "run", config) as run:
        yield run


def test_every_stage_says_what_it_does() -> None:
    assert tuple(WHAT) == tuple(STAGES)


def test_a_run_does_all_stages_in_order_and_then_none(run: Run) -> None:
    execute(run, plan(run), BODIES)
    assert tuple(notes(run)) == tuple(STAGES)
    assert plan(run) == ()


def test_without_a_detector_there_is_no_stage_for_it(config: RunConfig, tmp_path: Path) -> None:
    config = replace(config, detector=False)
    assert "fit-detector" not in stages_of(config)
    with Run.create(tmp_path / "run", config) as run:
        execute(run, plan(run), BODIES)
        assert plan(run) == ()
        with pytest.raises(RunError, match="no stage 'fit-detector' in this run"):
            plan(run, StageChoice(only="fit-detector"))


def test_until_ends_early_and_the_rest_comes_later(run: Run) -> None:
    execute(run, plan(run, StageChoice(until="export")), BODIES)
    assert plan(run) == tuple(STAGES)[3:]


def test_from_does_a_stage_anew_and_what_rests_on_it_but_no_more(run: Run) -> None:
    execute(run, plan(run), BODIES)
    assert plan(run, StageChoice(start="calibrate")) == ("calibrate", "evaluate", "gate", "register")
    assert plan(run, StageChoice(start="fit-classifier", until="quantize")) == ("fit-classifier", "export", "quantize")


def test_one_stage_can_be_done_alone(run: Run) -> None:
    execute(run, plan(run), BODIES)
    execute(run, plan(run, StageChoice(only="evaluate")), BODIES)
    assert notes(run)[-1] == "evaluate"
    assert plan(run) == ("gate", "register")


@pytest.mark.parametrize("choice", [{"only": "export"}, {"start": "calibrate"}])
def test_a_stage_before_those_it_rests_on_is_refused(run: Run, choice: dict[str, str]) -> None:
    with pytest.raises(RunError, match="rests on"):
        plan(run, StageChoice(**choice))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"only": "bake"}, "its stages are fit-classifier"),
        ({"start": "gate", "until": "export"}, "comes after --until export"),
        ({"only": "gate", "until": "register"}, "leave out --from and --until"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(run: Run, choice: dict[str, str], message: str) -> None:
    with pytest.raises(RunError, match=message):
        plan(run, StageChoice(**choice))


def test_a_stage_draws_the_same_alone_as_after_others(run: Run) -> None:
    execute(run, plan(run), BODIES)
    execute(run, plan(run, StageChoice(only="evaluate")), BODIES)
    drawn = [line for line in (run.folder / "notes.txt").read_text().splitlines() if line.startswith("evaluate")]
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]


def test_a_stage_that_fails_is_not_done_and_is_logged(run: Run) -> None:
    def fail(_: Run) -> None:
        raise ValueError("no photo is left")

    with pytest.raises(ValueError, match="no photo is left"):
        execute(run, plan(run), {**BODIES, "export": fail})
    assert plan(run)[0] == "export"
    assert "export failed: ValueError: no photo is left" in (run.folder / "log.txt").read_text()


SLOW = """
import sys, time
from pathlib import Path
from regrade.models.files import write_atomically
from regrade.training.pipeline import execute, plan
from regrade.training.run.run import STAGES, Run

def body(name):
    def do(run):
        checkpoint = run.checkpoints(name) / "epoch.txt"
        first = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for epoch in range(first, 4):
            time.sleep(0.05)
            run.record(name, epoch=epoch)
            write_atomically(checkpoint, str(epoch + 1).encode())
    return do

with Run.resume(Path(sys.argv[1])) as run:
    execute(run, plan(run), {name: body(name) for name in STAGES})
"""


def _lines(folder: Path) -> list[tuple[str, int]]:
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return [(line["stage"], line["epoch"]) for line in found]


def test_a_run_killed_again_and_again_does_every_epoch_and_repeats_at_most_one_each_time(
    config: RunConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    Run.create(folder, config).close()
    command: list[str | Path] = [sys.executable, "-c", SLOW, folder]
    for after in (1, 9):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as killed:
            deadline = time.monotonic() + 60
            while len(_lines(folder)) < after and time.monotonic() < deadline:
                time.sleep(0.01)
            killed.send_signal(signal.SIGKILL)
        assert after <= len(_lines(folder)) < 4 * len(STAGES)
    subprocess.run(command, check=True, timeout=60, capture_output=True, env={**os.environ, "COLUMNS": "200"})
    done = _lines(folder)
    assert list(dict.fromkeys(done)) == [(name, epoch) for name in STAGES for epoch in range(4)]
    assert len(done) <= 4 * len(STAGES) + 2
