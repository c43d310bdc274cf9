"""`regrade train` and `regrade runs`: what they refuse, and how a run is stopped and gone on with."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from regrade.datasets.category import load_categories
from regrade.models.errors import RegradeError
from regrade.training.data.preflight import check_photos, notices
from regrade.training.run.config import option_name, options_of_train
from regrade.training.run.run import STAGES, Run, RunConfig
from regrade.training.run_start import latest_run, next_version
from tests.commands import run_command


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "240")


def run(*arguments: object) -> str:
    """What the command prints on standard output; its errors are raised."""
    return run_command(*arguments).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["toys"], r"Defined are apparel, electronics, footwear, packaging; 'all'"),
        (["footwear"], r"no photo of category footwear; it has electronics, packaging"),
        (["packaging", "--leave-out", "attic"], r"Sources are rendered"),
        (["packaging", "--leave-out", "rendered"], r"in split train"),
        (["packaging", "--seed", "-1"], r"^--seed: -1 is not legal"),
        (["packaging", "--detector-epochs", "0"], r"^--detector-epochs: 0 is not legal"),
        (["packaging", "--until", "bake"], r"its stages are fit-classifier"),
        (["packaging", "--stage", "gate"], r"gate rests on evaluate"),
        (["packaging", "--from", "gate", "--until", "export"], r"gate rests on|comes after"),
        (["packaging", "--resume"], r"no run of packaging in runs"),
        (["packaging", "--run", "here", "--resume"], r"here holds no run"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_folder_is_made(
    tiny_dataset: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(RegradeError, match=message):
        run("train", *arguments, "--data", tiny_dataset, "--out", "bundles")
    assert not list(tmp_path.iterdir())


def manifest(tmp_path: Path, tiny_dataset: Path, **changes: dict[str, object]) -> Path:
    """The tiny dataset's manifest, beside its photos, with fields of some photos changed, by the start of their id."""
    rows = [json.loads(line) for line in (tiny_dataset / "bench.jsonl").read_text().splitlines()]
    for row in rows:
        for start, fields in changes.items():
            row.update(fields if row["id"].startswith(start.replace("_", "-")) else {})
    path = tiny_dataset / f"{tmp_path.name}.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def test_all_that_a_dataset_lacks_is_said_at_once_before_a_folder_is_made(tiny_dataset: Path, tmp_path: Path) -> None:
    data = manifest(tmp_path, tiny_dataset, packaging={"split": "val"}, packaging_used={"condition": None, "votes": []})
    with pytest.raises(RegradeError) as refused:
        run("train", "packaging", "--data", data, "--out", "bundles")
    for part in ("no graded photo of packaging in split train", "in split test", "no photo in split train for the det"):
        assert part in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_photos_too_small_to_be_graded_are_left_out_by_name_unless_kept(tiny_dataset: Path, tmp_path: Path) -> None:
    data = manifest(tmp_path, tiny_dataset, packaging_used={"width": 199}, packaging_opened_0={"height": 100})
    config = RunConfig(category="packaging", data=data, out=Path("bundles"), version="2026.1.1", detector=False)
    known = load_categories()["packaging"]
    small, learned, unpromised = notices(config, {"packaging": known})
    assert (
        "21 photos are smaller than 200 pixels, which serving sends back: packaging-opened-0, packaging-used-0" in small
    )
    assert "no photo of packaging in train or val is used" in learned
    assert "44 photos of packaging in train and val suffice to train, but not to promise anything" in unpromised
    kept = replace(config, keep_small=True)
    check_photos(kept, {"packaging": known})
    assert "trained and tested on all the same" in notices(kept, {"packaging": known})[0]


def test_photos_left_out_as_too_small_are_named_where_too_few_are_left(tiny_dataset: Path, tmp_path: Path) -> None:
    small: dict[str, dict[str, object]] = {f"packaging_{c}": {"width": 199} for c in ("used", "opened", "damaged")}
    data = manifest(tmp_path, tiny_dataset, **small)
    with pytest.raises(RegradeError, match=r"15 graded photos .* at least 20 .*; 60 photos .*--keep-small"):
        run("train", "packaging", "--data", data, "--out", "bundles")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"condition": "used", "votes": []}, "all photos of packaging in train and val are used"),
        ({"group": "one"}, "are of 1 groups; 3 are needed to hold some out"),
    ],
)
def test_photos_that_nothing_can_be_learned_from_are_refused_before_the_first_stage(
    tiny_dataset: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    data = manifest(tmp_path, tiny_dataset, packaging=changes)
    with pytest.raises(RegradeError, match=said):
        run("train", "packaging", "--data", data, "--no-detector", "--out", "bundles")


def test_folds_by_source_need_as_many_sources(tiny_dataset: Path, tmp_path: Path) -> None:
    data = manifest(tmp_path, tiny_dataset)
    with pytest.raises(RegradeError, match="--folds source needs 3 sources or more in train and val, and there are 1"):
        run("train", "packaging", "--data", data, "--no-detector", "--folds", "source", "--out", "bundles")


def test_every_setting_with_a_help_text_is_an_option_and_nothing_else_is_missing_from_the_help() -> None:
    shown = run("train", "--help")
    assert all(option_name(name) in shown for name in options_of_train())
    assert "Epochs of the classifier. Default: by device, fewer without a GPU." in shown
    assert "--no-synthesis" in shown
    assert "--side" not in shown


def begun(folder: Path, data: Path, category: str = "packaging", version: str = "2026.1.1") -> Path:
    Run.create(folder, RunConfig(category=category, data=data, out=Path("bundles"), version=version)).close()
    return folder


def test_a_run_is_not_begun_over_another(tiny_dataset: Path) -> None:
    begun(Path("runs/packaging-2026.1.1"), tiny_dataset)
    with pytest.raises(RegradeError, match="--resume"):
        run("train", "packaging", "--version", "2026.1.1", "--data", tiny_dataset)


def test_a_run_is_not_resumed_with_another_setting(tiny_dataset: Path) -> None:
    begun(Path("runs/packaging-2026.1.1"), tiny_dataset)
    with pytest.raises(RegradeError, match=r"alpha: 0\.05, not 0\.1"):
        run("train", "packaging", "--resume", "--alpha", "0.1")
    with pytest.raises(RegradeError, match=r'category: "packaging", not "electronics"'):
        run("train", "electronics", "--resume", "--run", "runs/packaging-2026.1.1")


def test_the_latest_run_of_a_category_is_the_one_last_worked_on(tiny_dataset: Path) -> None:
    first, second = begun(Path("runs/a"), tiny_dataset), begun(Path("runs/b"), tiny_dataset)
    begun(Path("runs/c"), tiny_dataset, category="electronics")
    assert latest_run("packaging") == second
    with Run.open(first) as opened:
        opened.mark("fit-classifier")
    assert latest_run("packaging") == first


def test_a_version_that_a_run_has_taken_is_not_given_again(tiny_dataset: Path) -> None:
    begun(Path("runs/packaging-2026.01.1"), tiny_dataset, version="2026.01.1")
    assert next_version(Path("bundles"), date(2026, 1, 5)) == "2026.01.2"


def test_runs_are_listed_and_shown(tiny_dataset: Path) -> None:
    folder = begun(Path("runs/packaging-2026.1.1"), tiny_dataset)
    with Run.open(folder) as opened:
        opened.mark("fit-classifier", 75.0)
        assert f"process {os.getpid()}" in run("runs", "list")
    assert re.search(r"packaging-2026\.1\.1 .*1 of 8 .*fit-detector", run("runs", "list"))
    shown = run("runs", "show", folder)
    assert re.search(r"fit-classifier .*done .*0:01:15", shown)
    assert "regrade train packaging --run runs/packaging-2026.1.1 --resume" in shown
    assert all(name in shown for name in STAGES)


def test_a_folder_without_runs_says_how_to_begin_one() -> None:
    with pytest.raises(RegradeError, match="regrade train CATEGORY"):
        run("runs", "list")


SLOW_STAGES = """
import sys, time, types
from regrade.models.errors import GateRefusedError
from regrade.training.run.run import STAGES

def body(name):
    def do(run):
        run.log.info("in %s", name)
        run.path("reached").write_text(name)
        time.sleep(30 if name == "export" and not run.path("quick").exists() else 0)
        if name == "gate" and run.path("worse").exists():
            raise GateRefusedError("macro-F1 0.80 -> 0.60")
    return do

stages = types.ModuleType("regrade.training.stages")
for name in STAGES:
    setattr(stages, name.replace("-", "_"), body(name))
sys.modules["regrade.training.stages"] = stages
from regrade.serving.cli.main import main
main()
"""


def command(*arguments: object) -> list[str]:
    """The command line with stages that only wait."""
    return [sys.executable, "-c", SLOW_STAGES, *(str(one) for one in arguments)]


def stopped(arguments: list[str], folder: Path, how: signal.Signals) -> tuple[int, list[str]]:
    """Exit status and lines on standard error of a command that is sent a signal once it has reached `export`."""
    reached = folder / "reached"
    reached.unlink(missing_ok=True)
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (reached.exists() and reached.read_text() == "export") and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(how)
        _, errors = process.communicate(timeout=30)
    return process.returncode, errors.splitlines()


def test_a_stopped_run_says_in_one_line_how_to_go_on(tiny_dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    first = command("train", "packaging", "--data", tiny_dataset, "--out", "bundles", "--run", "r", "--device", "cpu")
    again = command("train", "packaging", "--run", "r", "--resume")
    for arguments, how, expected in ((first, signal.SIGINT, 130), (again, signal.SIGTERM, 143)):
        status, errors = stopped(arguments, folder, how)
        assert status == expected
        assert errors[-1] == "Stopped. Go on with: regrade train packaging --run r --resume"
        assert not any("Traceback" in line for line in errors)
    (folder / "quick").touch()
    done = subprocess.run(again, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with Run.open(Path("r"), lock=False) as looked:
        assert all(looked.done(name) for name in STAGES)
        assert looked.state["fit-classifier"]["seconds"] < 10


def test_a_refused_candidate_ends_with_status_3_and_the_numbers(tiny_dataset: Path, tmp_path: Path) -> None:
    folder = begun(tmp_path / "r", tiny_dataset)
    (folder / "quick").touch()
    (folder / "worse").touch()
    done = subprocess.run(
        command("train", "packaging", "--run", "r", "--resume", "--out", "bundles", "--device", "cpu"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3
    assert "macro-F1 0.80 -> 0.60" in done.stderr
    with Run.open(folder, lock=False) as looked:
        assert looked.done("evaluate")
        assert not looked.done("gate")
