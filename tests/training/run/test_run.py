"""Run folders: what they remember, what they refuse, and what survives a kill."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from regrade.datasets.category import SHIPPED
from regrade.models.errors import RunError
from regrade.training.run.config import option_name
from regrade.training.run.run import STAGES, Run, RunConfig, resting_on

MakeConfig = Callable[..., RunConfig]


@pytest.fixture
def make_config(tiny_dataset: Path, tmp_path: Path) -> MakeConfig:
    def make(**changes: Any) -> RunConfig:
        base = RunConfig(category="packaging", data=tiny_dataset, out=tmp_path / "bundles", version="2026.1.1")
        return replace(base, **changes)

    return make


@pytest.fixture
def folder(make_config: MakeConfig, tmp_path: Path) -> Path:
    """A run that was begun and left."""
    folder = tmp_path / "runs" / "x"
    Run.create(folder, make_config()).close()
    return folder


def do(run: Run, *stages: str) -> None:
    for name in stages:
        with run.stage(name):
            pass


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "Pack aging"),
        ("version", "../1"),
        ("seed", -1),
        ("alpha", 0.0),
        ("delta", 0.6),
        ("side", 321),
        ("detector_side", 32),
        ("epochs", 0),
        ("detector_epochs", -2),
        ("tune", 0),
        ("tune", 6),
        ("draws", 0),
        ("folds", "photo"),
        ("leave_out", ("a", "a")),
        ("device", "gpu"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(make_config: MakeConfig, field: str, value: Any) -> None:
    with pytest.raises(RunError, match=f"^{option_name(field)}: "):
        make_config(**{field: value})


def test_settings_of_a_detector_that_is_off_are_refused(make_config: MakeConfig) -> None:
    with pytest.raises(RunError, match="without a detector"):
        make_config(detector=False, detector_epochs=3)


def test_settings_survive_json(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config(
        leave_out=("shop", "fair"), detector_weights=tmp_path / "w.pt", epochs=3, cache=tmp_path / "cache"
    )
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("change", [{"colour": 1}, {"epochs": "many"}])
def test_settings_that_are_not_understood_are_refused(make_config: MakeConfig, change: dict[str, Any]) -> None:
    with pytest.raises(RunError, match=f"{next(iter(change))}|not understood"):
        RunConfig.from_json({**make_config().to_json(), **change})


def test_a_run_remembers_its_settings_and_the_versions_it_was_begun_with(folder: Path, make_config: MakeConfig) -> None:
    with Run.open(folder) as run:
        assert run.config.to_json() == make_config().to_json()
        assert run.read_json("versions.json")["torch"]
    assert "begun" in (folder / "log.txt").read_text()


def test_a_folder_with_a_run_is_not_begun_again(folder: Path, make_config: MakeConfig) -> None:
    with pytest.raises(RunError, match="--resume"):
        Run.create(folder, make_config())
    Run.resume(folder).close()


def test_a_folder_without_a_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        Run.open(tmp_path)


def test_other_settings_are_refused_by_name(folder: Path, make_config: MakeConfig) -> None:
    with pytest.raises(RunError, match=r"--seed: 0, not 7; --synthesis: true, not false"):
        Run.resume(folder, make_config(seed=7, synthesis=False))
    Run.resume(folder, make_config()).close()


def test_another_device_may_go_on_with_a_run(folder: Path, make_config: MakeConfig) -> None:
    with Run.resume(folder, make_config(device="cpu")) as run:
        do(run, "fit-classifier")
    with Run.resume(folder) as run:
        assert run.config.device == "cpu"
        assert run.device == "cpu"
        assert run.done("fit-classifier")


def test_a_changed_manifest_is_refused(tiny_dataset: Path, make_config: MakeConfig, tmp_path: Path) -> None:
    manifest = tmp_path / "bench.jsonl"
    text = (tiny_dataset / "bench.jsonl").read_text()
    manifest.write_text(text)
    Run.create(tmp_path / "run", make_config(data=manifest)).close()
    manifest.write_text(text.replace('"split": "val"', '"split": "train"'))
    with pytest.raises(RunError, match="the manifest changed"):
        Run.resume(tmp_path / "run")


def test_weights_that_are_not_there_are_named(make_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none\.pt"):
        Run.create(tmp_path / "run", make_config(detector_weights=tmp_path / "none.pt"))


def test_all_means_every_category_that_is_defined_and_photographed(make_config: MakeConfig, tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", make_config(category="all")) as run:
        assert list(run.categories) == ["electronics", "packaging"]


def test_own_category_definitions_are_used_and_watched(make_config: MakeConfig, tmp_path: Path) -> None:
    own = tmp_path / "categories"
    own.mkdir()
    text = (SHIPPED / "packaging.yaml").read_text()
    (own / "packaging.yaml").write_text(text)
    with Run.create(tmp_path / "run", make_config(categories=own)) as run:
        assert list(run.categories) == ["packaging"]
    (own / "packaging.yaml").write_text(text + "# changed\n")
    with pytest.raises(RunError, match="the category definition changed"):
        Run.resume(tmp_path / "run")


@pytest.mark.skipif(torch.cuda.device_count() > 16, reason="has as many")
def test_a_device_that_is_not_there_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    with (
        Run.create(tmp_path / "run", make_config(device="cuda:16")) as run,
        pytest.raises(RunError, match="PyTorch sees"),
    ):
        assert run.device


def test_the_same_run_is_not_opened_twice(folder: Path) -> None:
    with Run.open(folder), pytest.raises(RunError, match="in use by process"):
        Run.open(folder)
    Run.open(folder).close()


def test_a_run_in_use_can_be_looked_at(folder: Path) -> None:
    with Run.open(folder) as run:
        do(run, "fit-classifier")
        with Run.open(folder, lock=False) as looked:
            assert looked.done("fit-classifier")


def test_stages_are_in_order() -> None:
    seen: set[str] = set()
    for name, needs in STAGES.items():
        assert set(needs) <= seen
        seen.add(name)


def test_a_stage_done_anew_takes_those_that_rest_on_it_with_it(folder: Path) -> None:
    assert resting_on("calibrate") == ("evaluate", "gate", "register")
    with Run.open(folder) as run:
        do(run, "fit-classifier", "fit-detector", "export", "quantize", "fit-classifier")
        assert [name for name in STAGES if run.done(name)] == ["fit-classifier", "fit-detector"]


def test_an_interrupted_stage_keeps_its_checkpoints_and_one_done_anew_does_not(folder: Path) -> None:
    with Run.open(folder) as run:
        with suppress(KeyboardInterrupt), run.stage("fit-classifier"):
            (run.checkpoints("fit-classifier") / "last.pt").write_bytes(b"half")
            raise KeyboardInterrupt
        assert not run.done("fit-classifier")
        with run.stage("fit-classifier"):
            assert (run.checkpoints("fit-classifier") / "last.pt").read_bytes() == b"half"
        with run.stage("fit-classifier"):
            assert not list(run.checkpoints("fit-classifier").iterdir())


def test_seconds_of_interrupted_sessions_count(folder: Path) -> None:
    with Run.open(folder) as run:
        run.mark("export", 2.0)
        run.mark("export", 3.5)
        assert run.state["export"]["seconds"] == 5.5


def test_a_stage_done_with_other_settings_does_not_count(folder: Path) -> None:
    with Run.open(folder) as run:
        do(run, "fit-classifier")
        entry = run.state["fit-classifier"]
        run.write_json("state.json", {"fit-classifier": {**entry, "config_sha256": "0" * 64}})
        assert not run.done("fit-classifier")


def test_an_unknown_stage_lists_the_known(folder: Path) -> None:
    with Run.open(folder) as run, pytest.raises(RunError, match="fit-classifier, fit-detector, export"):
        run.done("bake")


def test_a_missing_result_says_what_to_do(folder: Path) -> None:
    with Run.open(folder) as run, pytest.raises(RunError, match="Run the stage that writes it first"):
        run.read_json("metrics.json")


def test_nan_is_never_written(folder: Path) -> None:
    with Run.open(folder) as run:
        with pytest.raises(ValueError, match="JSON"):
            run.write_json("metrics.json", {"loss": float("nan")})
        assert not (folder / "metrics.json").exists()


def test_a_torn_line_of_a_crash_spoils_no_other(folder: Path) -> None:
    with Run.open(folder) as run:
        run.record("fit-classifier", epoch=1, loss=0.5)
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"at": "2026')
        run.record("fit-classifier", epoch=2, loss=0.4)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(lines[0])["epoch"], json.loads(lines[2])["epoch"]] == [1, 2]


HOLD = """
import os, sys, time
from pathlib import Path
from regrade.training.run.run import Run
run = Run.open(Path(sys.argv[1]))
if os.fork() == 0:
    time.sleep(30)
print("held", flush=True)
time.sleep(30)
"""


def test_a_killed_process_leaves_the_run_free_though_its_child_lives(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"process {process.pid}"):
            Run.open(folder)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        Run.open(folder).close()

        os.killpg(process.pid, signal.SIGKILL)


def test_a_setting_at_its_default_does_not_count(make_config: MakeConfig) -> None:
    assert make_config(draws=1).sha256() == make_config().sha256() != make_config(draws=2).sha256()


def test_a_run_of_a_release_without_a_setting_goes_on(make_config: MakeConfig) -> None:
    before = {k: v for k, v in make_config(tune=3).to_json().items() if k not in ("draws", "folds")}
    assert RunConfig.from_json(before).sha256() == make_config(tune=3).sha256()
