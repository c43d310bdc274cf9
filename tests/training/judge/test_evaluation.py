"""Evaluation of the shipped bundles on rendered photos: what is chosen, what is known of a source, what is written."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.manifest import Record, read_manifest
from regrade.models.errors import DatasetError
from regrade.models.estimates import Estimate
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.training.judge.evaluation import (
    ELSEWHERE,
    FITTED,
    HELD_OUT,
    ONLY_HERE,
    UNSEEN,
    Evaluation,
    EvaluationConfig,
    choose,
    evaluate_bundles,
    familiarity,
    left_out,
    plain,
)


def test_every_category_with_photos_is_scored_by_source(evaluated: Evaluation) -> None:
    assert list(evaluated.categories) == ["electronics", "packaging"]
    packaging = evaluated.categories["packaging"]
    assert packaging.whole.n == packaging.sources["rendered"].figures.n == 20
    assert packaging.sources["rendered"].familiarity == ELSEWHERE
    assert packaging.leave_out == ()
    assert packaging.whole.ceiling is not None
    assert packaging.whole.ceiling.macro_f1.value == 1.0


def test_the_json_holds_every_figure_and_no_nan(evaluated: Evaluation) -> None:
    text = json.dumps(evaluated.to_json(), allow_nan=False)
    found = json.loads(text)["categories"]["packaging"]
    assert found["whole"]["estimates"]["macro_f1"]["n"] == 20
    assert len(found["whole"]["risk"]) == 19
    assert "predictions" not in text


def test_a_second_run_grades_nothing_anew(tiny_dataset: Path, tmp_path: Path) -> None:
    config = EvaluationConfig(
        out=tmp_path, data=tiny_dataset, categories=("packaging",), resamples=100, shortcuts=False
    )
    steps: list[str] = []

    def watch(what: str, count: int) -> Callable[[], None]:
        steps.append(f"{what}, {count}")
        return lambda: None

    first = evaluate_bundles(config, watch)
    size = (tmp_path / "grades.jsonl").stat().st_size
    assert evaluate_bundles(config).to_json() == first.to_json()
    assert (tmp_path / "grades.jsonl").stat().st_size == size
    assert steps == ["packaging: grading, 20"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": ("toys",)}, "unknown category toys; there are: electronics, packaging"),
        ({"sources": ("nowhere",)}, "unknown source nowhere; there are: rendered"),
        ({"splits": ("tset",)}, "unknown split tset; there are: train, val, test, all"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_there_are(
    tiny_dataset: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    config = dataclasses.replace(EvaluationConfig(out=tmp_path), **change)
    with pytest.raises(DatasetError, match=message):
        choose(read_manifest(tiny_dataset), config, ("electronics", "packaging"))


def test_photos_without_a_label_alone_cannot_be_evaluated_on(cartons: list[Record], tmp_path: Path) -> None:
    unlabelled = [dataclasses.replace(r, condition=None) for r in cartons]
    with pytest.raises(DatasetError, match="no labelled photo is left"):
        choose(unlabelled, EvaluationConfig(out=tmp_path), ("packaging",))


def test_all_splits_can_be_asked_for(tiny_dataset: Path, tmp_path: Path) -> None:
    records = read_manifest(tiny_dataset)
    config = EvaluationConfig(out=tmp_path, splits=("all",), categories=("packaging",))
    assert len(choose(records, config, ("packaging", "electronics"))) == 80


def test_the_sources_that_a_bundle_was_trained_without_are_read_from_its_metrics() -> None:
    assert left_out({"leave_out": ["fuyi"]}) == ("fuyi",)
    assert left_out({"settings": {"leave_out": ["fuyi", "ecoera"]}}) == ("fuyi", "ecoera")
    assert left_out({"settings": {}}) == left_out({}) == ()


def test_how_well_a_bundle_knows_a_source_is_told(tiny_dataset: Path) -> None:
    records = read_manifest(tiny_dataset)
    stranger = dataclasses.replace(records[3], source="stranger", split="test")
    shipped = load_bundle(shipped_root(), "packaging")
    bundle = dataclasses.replace(shipped, metrics={"manifest_sha256": "m", "leave_out": ["away"]})

    def told(source: str, splits: tuple[str, ...] = ("test",), digest: str = "m") -> str:
        return familiarity([*records, stranger], bundle, digest, splits)(source)

    assert told("rendered") == HELD_OUT
    assert told("rendered", ("test", "val")) == FITTED
    assert told("stranger") == ONLY_HERE
    assert told("away") == UNSEEN
    assert told("rendered", digest="of other photos") == ELSEWHERE


def test_json_has_null_for_nan_and_refuses_what_it_has_no_word_for() -> None:
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    assert plain({"a": [nothing, float("nan"), (1, "b")]}) == {"a": [nothing.to_json(), None, [1, "b"]]}
    with pytest.raises(TypeError, match="bytes"):
        plain(b"")
