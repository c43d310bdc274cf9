"""`regrade train condition`, from a manifest to bundles that serving loads."""

import json
from pathlib import Path

import numpy as np
import pytest

from regrade.models.bundle import load_bundle
from regrade.models.errors import BundleError, DatasetError
from regrade.models.grader import Grader
from regrade.models.intake import open_photo
from regrade.training.condition import TrainConfig, Trained, train_condition
from regrade.training.report import write_report

SIDE = 96


@pytest.fixture(scope="session")
def config(tiny_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    folder = tmp_path_factory.mktemp("trained")
    return TrainConfig(tiny_dataset, folder / "bundles", "2026.1.1", side=SIDE, cache=folder / "cache")


@pytest.fixture(scope="session")
def trained(config: TrainConfig) -> dict[str, Trained]:
    return train_condition(config, lambda _: None)


def test_it_learns_what_is_there_to_be_learned(trained: dict[str, Trained]) -> None:
    assert trained["_router"].test.estimates["accuracy"].value > 0.9
    assert trained["packaging"].test.estimates["macro_f1"].value > 0.7


def test_the_bundles_grade_a_photo_that_no_head_was_fitted_on(
    trained: dict[str, Trained], config: TrainConfig, tiny_dataset: Path
) -> None:
    grader = Grader.load(config.out)
    held_out = [json.loads(line) for line in (tiny_dataset / "bench.jsonl").read_text().splitlines()]
    held_out = [r for r in held_out if r["split"] == "test" and r["category"] == "packaging"]
    photos = [open_photo((tiny_dataset / r["file"]).read_bytes()) for r in held_out]
    grades = [grader.conclude([grader.look(photo)]).grade for photo in photos]
    right = [g is not None and g.condition == r["condition"] for g, r in zip(grades, held_out, strict=True)]
    assert np.mean(right) > 0.7


def test_serving_computes_what_training_scored(trained: dict[str, Trained], config: TrainConfig) -> None:
    """One preprocessing for all: the share right through the grader is the test accuracy in the card."""
    bundle = load_bundle(config.out, "packaging")
    assert bundle.metrics["test"]["accuracy"]["value"] == pytest.approx(
        trained["packaging"].test.estimates["accuracy"].value, abs=1e-3
    )
    assert bundle.metrics["command"].startswith("regrade train condition --version 2026.1.1")


def test_the_card_names_sources_and_numbers(trained: dict[str, Trained], config: TrainConfig) -> None:
    card = load_bundle(config.out, "electronics").card
    assert "| rendered | 80 | CC0-1.0 |" in card
    assert str(trained["electronics"].test.estimates["macro_f1"]) in card


def test_too_little_data_promises_nothing(trained: dict[str, Trained]) -> None:
    selective = trained["packaging"].calibration.selective
    assert selective.threshold is None or selective.n >= 50


def test_an_existing_version_is_never_overwritten(trained: dict[str, Trained], config: TrainConfig) -> None:
    with pytest.raises(BundleError, match="immutable"):
        train_condition(config, lambda _: None)


def test_a_category_without_a_definition_says_which_file_to_add(config: TrainConfig, tmp_path: Path) -> None:
    manifest = config.data / "bench.jsonl"
    spoilt = tmp_path / "bench.jsonl"
    spoilt.write_text(manifest.read_text().replace('"category": "electronics"', '"category": "toys"'))
    with pytest.raises(DatasetError, match=r"toys\.yaml"):
        train_condition(TrainConfig(tmp_path, tmp_path / "out", "1", side=SIDE, cache=config.cache), lambda _: None)


def test_the_report_has_numbers_and_a_picture(trained: dict[str, Trained], tmp_path: Path) -> None:
    scores, picture = write_report(trained, tmp_path)
    assert set(json.loads(scores.read_text())) == {"_router", "electronics", "packaging"}
    assert picture.read_bytes().startswith(b"\x89PNG")
