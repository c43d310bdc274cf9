"""Where a run registers what it made: with the service of the installation, and never in the installed code."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from regrade.models.registry.adoption import shipped_bundles
from regrade.models.registry.bundle import DefectType, active_version, load_bundle, shipped_root
from regrade.models.registry.changes import history
from regrade.models.registry.files import write_bundle
from regrade.models.registry.store import BundleStore, site_store
from regrade.serving.cli.main import build_app
from regrade.training import stages
from regrade.training.fit import networks
from regrade.training.pipeline import StageChoice
from regrade.training.run.config import RunConfig
from regrade.training.run.run import Run
from regrade.training.run_start import Wanted, next_version, open_run

VERSION = "2026.1.1"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("REGRADE_DATA_DIR", "REGRADE_BUNDLES_DIR"):
        monkeypatch.delenv(name, raising=False)


def begin(data: Path, **given: object) -> Run:
    """A run of packaging that has trained nothing yet."""
    return open_run(Wanted("packaging", Path("run"), False, StageChoice(None, None, None), {"data": data, **given}))


def with_a_candidate(run: Run) -> Run:
    """As if all stages before `register` had been done: the shipped bundle under another version, which passed."""
    old = load_bundle(shipped_root(), "packaging")
    names = ("head.onnx", "calibration.json", "metrics.json", "card.md")
    write_bundle(
        run.folder / "candidate",
        "packaging",
        run.config.version,
        files={name: (old.folder / name).read_bytes() for name in names},
        backbones={"int8": old.backbone_path("int8").read_bytes()},
        labels=old.labels,
        defects=(DefectType("tear", "major"),),
        input_side=old.input_side,
    )
    run.write_json("gate.json", [{"category": "packaging", "passed": True}])
    return run


def test_a_run_registers_with_the_service_and_leaves_the_package_as_it_is(tiny_dataset: Path, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in shipped_root().rglob("*"))
    with with_a_candidate(begin(tiny_dataset, version=VERSION)) as run:
        stages.register(run)
    site = BundleStore(tmp_path / "data" / "bundles", shipped_root())
    assert (site.active("packaging"), site.chosen("packaging")) == (VERSION, VERSION)
    assert [(one.after, one.by) for one in history(site)] == [(VERSION, "regrade train")]
    assert sorted((path, path.stat().st_mtime_ns) for path in shipped_root().rglob("*")) == before


def test_a_run_is_compared_with_what_the_service_grades_with(tiny_dataset: Path) -> None:
    with begin(tiny_dataset) as run:
        assert networks.active(run, "packaging") == active_version(shipped_root(), "packaging")
        assert run.config.store == site_store(run.config.out.parent)


def test_a_folder_of_bundles_is_one_by_itself(tiny_dataset: Path, tmp_path: Path) -> None:
    with with_a_candidate(begin(tiny_dataset, out=tmp_path / "own", version=VERSION)) as run:
        assert networks.active(run, "packaging") is None
        stages.register(run)
    assert active_version(tmp_path / "own", "packaging") == VERSION
    assert not (tmp_path / "data").exists()


def test_the_data_directory_of_another_service_can_be_named(
    tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGRADE_DATA_DIR", "warehouse")
    with begin(tiny_dataset) as run:
        assert run.config.out == Path("warehouse/bundles").absolute()


def test_a_run_that_an_older_release_began_does_not_write_into_the_package(tiny_dataset: Path, tmp_path: Path) -> None:
    config = RunConfig(category="packaging", data=tiny_dataset, out=shipped_root(), version=VERSION)
    old = {name: value for name, value in config.to_json().items() if name != "over_defaults"}
    with Run.create(tmp_path / "run", config) as run:
        run.write_json("config.json", {**run.read_json("config.json"), "config": old})
    with Run.resume(tmp_path / "run") as run:
        assert run.config.sha256() == config.sha256()
        stages.register(with_a_candidate(run))
    assert active_version(tmp_path / "data" / "bundles", "packaging") == VERSION


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", shipped_root()), "never changed"),
        (("--out", "here", "--data-dir", "there"), "give one of them"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(
    tiny_dataset: Path, tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    command = ["train", "packaging", "--data", tiny_dataset, *arguments]
    result = CliRunner().invoke(build_app(), [str(one) for one in command], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert message in result.output
    assert not list(tmp_path.iterdir())


def test_a_version_is_new_to_the_site_and_to_the_release(tmp_path: Path) -> None:
    site, day = BundleStore(tmp_path / "data" / "bundles", shipped_root()), date(2026, 11, 28)
    released = [version for entry in shipped_bundles().values() for version in entry.versions]
    newest = max(int(version.rpartition(".")[2]) for version in released)
    assert next_version(site, day, runs=tmp_path) == f"2026.11.{newest + 1}"
    own = tmp_path / "data" / "bundles" / "toys" / f"2026.11.{newest + 1}"
    own.mkdir(parents=True)
    (own / "manifest.json").write_text(json.dumps({}))
    assert next_version(site, day, runs=tmp_path) == f"2026.11.{newest + 2}"
