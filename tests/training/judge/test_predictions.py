"""Photos are graded one by one, by any version, and each is graded once."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regrade.datasets.manifest import Record
from regrade.models.errors import BundleError, DatasetError
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import active_version, load_bundle, shipped_root
from regrade.models.types import Photo
from regrade.training.judge.prediction_cache import PredictionCache, fingerprint
from regrade.training.judge.predictions import Predictions, open_grader, predict


def test_predictions_are_those_of_serving(cartons: list[Record], graded: Predictions) -> None:
    serving = Grader.load()
    for i, record in enumerate(cartons[:3]):
        result = serving.grade([open_photo(record.file.read_bytes())], "packaging")
        assert result.grade is not None
        assert dict(zip(graded.labels, graded.probabilities[i], strict=True)) == dict(result.grade.probabilities)
        assert tuple(np.array(graded.labels)[graded.sets[i]]) == tuple(
            label for label in graded.labels if label in result.grade.prediction_set
        )
        assert graded.defects[i] == result.defects


def test_what_is_known_of_the_photos_stands_beside_it(cartons: list[Record], graded: Predictions) -> None:
    assert graded.ids == tuple(r.id for r in cartons)
    assert [graded.labels[t] for t in graded.truth] == [r.condition for r in cartons]
    assert (graded.votes.sum(axis=1) == 1).all()
    assert set(graded.sources) == {"rendered"}


def test_a_photo_without_a_majority_is_graded_and_not_labelled(any_grader: Grader, cartons: list[Record]) -> None:
    open_question = dataclasses.replace(cartons[0], condition=None, votes=("used", "opened"))
    found = predict(any_grader, [open_question, cartons[1]], "packaging")
    assert found.truth[0] == -1
    assert found.votes[0].tolist() == [0.0, 0.5, 0.5, 0.0]
    assert found.labelled.ids == (cartons[1].id,)


def test_a_photo_that_serving_would_refuse_is_graded_and_told(
    any_grader: Grader, cartons: list[Record], tmp_path: Path
) -> None:
    path = tmp_path / "black.png"
    Image.new("RGB", (240, 240)).save(path)
    found = predict(any_grader, [dataclasses.replace(cartons[0], file=path)], "packaging")
    assert found.issues == (("too_dark",),)
    assert found.probabilities.sum() == pytest.approx(1.0)


def test_a_grader_with_a_gate_is_refused(cartons: list[Record]) -> None:
    def grey(photo: Photo, _record: Record) -> Photo:
        return dataclasses.replace(photo, rgb=np.full_like(photo.rgb, 100))

    with pytest.raises(ValueError, match="open_grader"):
        predict(Grader.load(), cartons[:1], "packaging", edit=grey)


def test_an_interrupted_run_goes_on_from_its_cache(any_grader: Grader, cartons: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "grades.jsonl"
    seen: list[Any] = []

    def counting(photo: Photo, record: Record) -> Photo:
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(record.id)
        return photo

    with pytest.raises(KeyboardInterrupt):
        predict(any_grader, cartons[:6], "packaging", edit=counting, cache=PredictionCache(path, "x"))
    with path.open("a") as file:
        file.write('{"made_by": "x", "photo": "cut o')
    seen.clear()
    seen.append("as if two more were allowed")
    again = PredictionCache(path, "x")
    assert len(again) == 3
    found = predict(any_grader, cartons[:5], "packaging", edit=counting, cache=again)
    assert seen[1:] == [r.id for r in cartons[3:5]]
    fresh = predict(any_grader, cartons[:5], "packaging")
    assert (found.probabilities == fresh.probabilities).all()
    assert (found.defects, found.issues) == (fresh.defects, fresh.issues)
    assert len(PredictionCache(path, "x")) == 5


def test_the_cache_of_another_bundle_precision_or_edit_is_not_used(tmp_path: Path) -> None:
    bundles = [load_bundle(shipped_root(), name) for name in ("packaging", "apparel")]
    prints = {fingerprint(b, precision, edit) for b in bundles for precision in ("int8", "fp32") for edit in ("", "e")}
    assert len(prints) == 8
    path = tmp_path / "grades.jsonl"
    path.write_text(json.dumps({"made_by": "other", "photo": "0", "graded": {}}) + "\n")
    assert len(PredictionCache(path, "mine")) == 0


def test_a_version_that_is_not_active_can_be_evaluated_with_a_borrowed_router(tmp_path: Path) -> None:
    source, version = shipped_root(), active_version(shipped_root(), "footwear")
    shutil.copytree(source / "footwear" / version, tmp_path / "footwear" / version)
    shutil.copytree(source / "_shared", tmp_path / "_shared")
    assert open_grader(tmp_path, version=version).categories == ("footwear",)
    with pytest.raises(BundleError, match="No category is active"):
        open_grader(tmp_path)
    with pytest.raises(BundleError, match=f"no.* version 9.*There are: {version}|has version 9. There are: {version}"):
        open_grader(tmp_path, version="9")


def test_no_photo_an_unreadable_one_and_an_unknown_label_are_refused(
    any_grader: Grader, cartons: list[Record], tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match="no photo of category footwear"):
        predict(any_grader, cartons, "footwear")
    gone = dataclasses.replace(cartons[0], file=tmp_path / "gone.jpg")
    with pytest.raises(DatasetError, match=r"gone\.jpg cannot be read"):
        predict(any_grader, [gone], "packaging")
    (tmp_path / "text.jpg").write_text("not a photo")
    with pytest.raises(DatasetError, match="not a JPEG"):
        predict(any_grader, [dataclasses.replace(cartons[0], file=tmp_path / "text.jpg")], "packaging")
    with pytest.raises(DatasetError, match="'mint', which the bundle of packaging does not know"):
        predict(any_grader, [dataclasses.replace(cartons[0], condition="mint")], "packaging")
