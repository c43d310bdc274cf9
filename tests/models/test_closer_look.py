"""Parts and detector are costly: they are run where the whole photo leaves a question that they can answer."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import load_bundle, sha256, shipped_root
from regrade.models.types import Photo

EXAMPLES = Path(__file__).parents[2] / "serving" / "examples" / "photos"
ALWAYS = {"share": 0.6, "low": 0.0, "high": 1.0, "sharpness": 0.25}
Changed = Callable[..., Grader]


@pytest.fixture(scope="module")
def carton() -> Photo:
    return open_photo((EXAMPLES / "carton-torn-1.jpg").read_bytes())


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """A grader whose packaging bundle has these constants in its calibration, the others being as shipped."""

    def make(**constants: Any) -> Grader:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        shutil.copytree(shipped_root(), root, symlinks=True)
        bundle = load_bundle(root, "packaging")
        data = json.dumps({**json.loads((bundle.folder / "calibration.json").read_text()), **constants}).encode()
        (bundle.folder / "calibration.json").write_bytes(data)
        manifest = json.loads((bundle.folder / "manifest.json").read_text())
        manifest["files"]["calibration.json"] = sha256(data)
        (bundle.folder / "manifest.json").write_text(json.dumps(manifest))
        return Grader.load(root)

    return make


def test_a_bundle_without_parts_looks_at_the_whole_alone(carton: Photo) -> None:
    assert Grader.load().look(carton, "packaging").parts == {}


def test_parts_are_looked_at_and_move_damage_alone(changed: Changed, carton: Photo) -> None:
    whole, closer = Grader.load(), changed(parts=ALWAYS)
    (seen,) = closer.look(carton, "packaging").parts.values()
    assert len(seen[0]) == 4
    before, after = (g.grade([carton], "packaging").grade for g in (whole, closer))
    assert before is not None
    assert after is not None
    assert before.probabilities["damaged"] != after.probabilities["damaged"]
    ratio = before.probabilities["used"] / before.probabilities["opened"]
    assert after.probabilities["used"] / after.probabilities["opened"] == pytest.approx(ratio, rel=0.01)


def test_what_the_whole_is_sure_of_costs_no_parts(changed: Changed, carton: Photo) -> None:
    assert changed(parts={**ALWAYS, "low": 0.0, "high": 1e-6}).look(carton, "packaging").parts == {}


def test_an_item_without_a_declared_category_gets_the_parts_of_what_it_looks_like(
    changed: Changed, carton: Photo
) -> None:
    grader = changed(parts=ALWAYS)
    assert grader.grade([carton]).grade == grader.grade([carton], "packaging").grade


def test_a_detector_that_only_boxes_is_not_run_on_an_undamaged_photo(changed: Changed, carton: Photo) -> None:
    boxes = {"detector": None, "defect_thresholds": {"hole": 0.2}, "box_sources": {"hole": "detector"}}
    assert changed(**boxes, detector_from=0.0).look(carton, "packaging").detections
    assert not changed(**boxes, detector_from=1.0).look(carton, "packaging").detections


def test_a_detector_with_a_say_that_is_not_asked_counts_as_having_found_nothing(
    changed: Changed, carton: Photo
) -> None:
    detector = {"weight": 0.5, "offset": -1.0, "types": ["tear"]}
    asked, not_asked, mute = (
        changed(detector=detector, detector_from=0.0),
        changed(detector=detector, detector_from=1.0),
        changed(detector=None, detector_from=0.0),
    )
    assert asked.look(carton, "packaging").detections
    assert not not_asked.look(carton, "packaging").detections
    grades = [g.grade([carton], "packaging").grade for g in (not_asked, mute)]
    assert grades[0] is not None
    assert grades[1] is not None
    assert grades[0].probabilities["damaged"] < grades[1].probabilities["damaged"]


def test_a_detector_that_can_change_nothing_is_not_even_loaded(changed: Changed, carton: Photo) -> None:
    grader = changed(detector=None, defect_thresholds={}, box_sources={})
    assert grader.look(carton, "packaging").detections == {}
    assert grader.grade([carton], "packaging").defects == ()
