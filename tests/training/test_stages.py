"""A whole training run, from a manifest to bundles that serving loads."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from regrade.models.arch.grading_backbone import GradingBackbone
from regrade.models.errors import DatasetError, RunError
from regrade.models.grader import Grader
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import active_version, load_bundle
from regrade.training.calibrate.features import extract_features
from regrade.training.data import pictures as corpus
from regrade.training.fit import networks
from regrade.training.pipeline import execute, plan
from regrade.training.run.run import Run, RunConfig
from regrade.training.ship import candidate, golden_outputs

SIDE = 96

# One worker trains for all of them; on a busy machine it takes minutes.
pytestmark = [pytest.mark.xdist_group("stages"), pytest.mark.timeout(1200)]


def config_of(data: Path, folder: Path, **settings: object) -> RunConfig:
    values = {
        "category": "all",
        "data": data,
        "out": folder / "bundles",
        "version": "2026.1.1",
        "side": SIDE,
        "epochs": 1,
        "detector": False,
        "synthesis": False,
        "device": "cpu",
        "cache": folder / "cache",
    }
    return RunConfig(**{**values, **settings})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def trained(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    folder = tmp_path_factory.mktemp("stages")
    config = config_of(tiny_dataset, folder)
    with Run.create(folder / "run", config) as run:
        execute(run, plan(run))
    return config


def test_it_learns_what_is_there_to_be_learned(trained: RunConfig) -> None:
    metrics = load_bundle(trained.out, "packaging").metrics
    assert metrics["test"]["macro_f1"]["value"] > 0.7
    assert load_bundle(trained.out, "_router").metrics["test"]["accuracy"]["value"] > 0.9


def test_the_bundles_are_active_and_grade_a_photo_never_seen(trained: RunConfig, tiny_dataset: Path) -> None:
    assert active_version(trained.out, "electronics") == "2026.1.1"
    grader = Grader.load(trained.out)
    lines = [json.loads(line) for line in (tiny_dataset / "bench.jsonl").read_text().splitlines()]
    held_out = [r for r in lines if r["split"] == "test" and r["category"] == "packaging"]
    grades = [grader.grade([open_photo((tiny_dataset / r["file"]).read_bytes())]).grade for r in held_out]
    assert (
        np.mean([g is not None and g.condition == r["condition"] for g, r in zip(grades, held_out, strict=True)]) > 0.7
    )


def test_serving_computes_what_training_scored(trained: RunConfig) -> None:
    """One preprocessing for all: the evaluation through the grader finds the score that is in the card."""
    bundle = load_bundle(trained.out, "packaging")
    report = json.loads((trained.out.parent / "run" / "evaluation" / "evaluation.json").read_text())
    scored = report["categories"]["packaging"]["whole"]["estimates"]["macro_f1"]["value"]
    assert bundle.metrics["test"]["macro_f1"]["value"] == pytest.approx(scored, abs=1e-3)
    assert f"| Condition macro-F1 | {bundle.metrics['cv']['macro_f1']['value']:.2f}" in bundle.card


def test_what_decided_is_kept_in_the_run(trained: RunConfig) -> None:
    folder = trained.out.parent / "run"
    assert [g["passed"] for g in json.loads((folder / "gate.json").read_text())] == [True, True]
    assert json.loads((folder / "quantize.json").read_text())["backbone"]["cosine"] > 0.9


@pytest.fixture
def again(trained: RunConfig, tmp_path: Path) -> Path:
    """A copy of the run, to go on with."""
    return Path(shutil.copytree(trained.out.parent / "run", tmp_path / "run"))


def test_calibrating_again_asks_no_network_but_for_golden_photos_and_finds_the_same(
    again: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_network, add_golden = Model.run, golden_outputs.add_golden

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a network was asked again")

    def ask_for_golden_photos(root: Path, names: Sequence[str], version: str) -> None:
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(Model, "run", run_network)
            add_golden(root, names, version)

    monkeypatch.setattr(candidate, "add_golden", ask_for_golden_photos)
    monkeypatch.setattr(Model, "run", refuse)
    monkeypatch.setattr(GradingBackbone, "upper", refuse)
    files = sorted((again / "candidate").glob("*/*/*.json"))
    before = [path.read_bytes() for path in files]
    with Run.open(again) as run:
        execute(run, ("calibrate",))
    assert [path.read_bytes() for path in files] == before


def test_another_network_is_asked_and_only_that(again: Path) -> None:
    with Run.open(again) as run:
        old, _ = extract_features(run)
        run.write_bytes(networks.BACKBONE_INT8, networks.read(run, networks.BACKBONE_FP32))
        new, _ = extract_features(run)
        test = [r.split == "test" for r in new.records]
        # It is the FP32 network now, whose features of the test photos are known.
        np.testing.assert_array_equal(new.final.photos[test], old.fp32[test])
        assert not np.array_equal(new.final.pictures, old.final.pictures)
        for a, b in zip(new.folds, old.folds, strict=True):
            np.testing.assert_array_equal(a.photos, b.photos)


def test_pictures_made_by_another_release_are_not_mixed_in(again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "_RECIPE", 999)
    with Run.open(again) as run, pytest.raises(RunError, match="--from fit-classifier"):
        extract_features(run)


def test_a_source_left_out_must_be_one_that_there_is(tiny_dataset: Path, tmp_path: Path) -> None:
    config = config_of(tiny_dataset, tmp_path, leave_out=("nowhere",))
    with Run.create(tmp_path / "run", config) as run, pytest.raises(DatasetError, match="sources are rendered"):
        execute(run, plan(run))


def test_a_new_category_keeps_the_networks_that_have_not_seen_it(tiny_dataset: Path, tmp_path: Path) -> None:
    lines = (tiny_dataset / "bench.jsonl").read_text().splitlines()
    (tiny_dataset / "electronics.jsonl").write_text("\n".join(r for r in lines if '"electronics"' in r) + "\n")
    first = config_of(tiny_dataset / "electronics.jsonl", tmp_path)
    with Run.create(tmp_path / "first", first) as run:
        execute(run, plan(run))
    second = config_of(tiny_dataset, tmp_path, category="packaging", version="2026.1.2", synthesis=True)
    with Run.create(tmp_path / "second", second) as run:
        execute(run, plan(run))
    old, new = load_bundle(first.out, "electronics"), load_bundle(first.out, "packaging")
    assert new.backbones == old.backbones
    assert new.metrics["networks"] == {"kept_from": "2026.1.1"}
    assert new.metrics["test"]["macro_f1"]["value"] > 0.4


def test_thirty_photos_train_a_category_that_promises_nothing(
    trained: RunConfig, tiny_dataset: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained.out, tmp_path / "bundles")
    rows = [json.loads(line) for line in (tiny_dataset / "bench.jsonl").read_text().splitlines()]
    kept = [r for r in rows if r["category"] == "packaging" and int(r["id"].split("-")[-1]) < 8][:30]
    few = [{**row, "category": "footwear", "item_type": "shoes"} for row in kept]
    (tiny_dataset / "few.jsonl").write_text("\n".join(map(json.dumps, few)) + "\n")
    config = config_of(tiny_dataset / "few.jsonl", tmp_path, category="footwear", version="2026.1.2")
    with Run.create(tmp_path / "run", config) as run:
        execute(run, plan(run))
    made = load_bundle(config.out, "footwear")
    assert made.calibration.selective.threshold is None
    assert "only 2" in made.calibration.selective.note
