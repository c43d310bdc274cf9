"""The grader with the shipped bundles, on the photos that the project ships."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regrade.models.errors import UnknownCategoryError
from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import ROUTER, load_bundle, shipped_root
from regrade.models.types import CONDITIONS, Photo

DEMO = Path(__file__).parents[2] / "serving" / "examples" / "photos"
Shots = Callable[[str], list[Photo]]


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader.load()


@pytest.fixture(scope="module")
def shots() -> Shots:
    """The demo photos of an item, such as `carton-torn`, in order."""

    def load(item: str) -> list[Photo]:
        paths = sorted(DEMO.glob(f"{item}-*.jpg"))
        assert paths, f"no demo photos of {item}"
        return [open_photo(path.read_bytes(), i) for i, path in enumerate(paths)]

    return load


@pytest.mark.parametrize(
    ("item", "category"),
    [("carton-sealed", "packaging"), ("phone-intact", "electronics"), ("shirt-stained", "apparel")],
)
def test_it_tells_what_category_an_item_is_of(grader: Grader, shots: Shots, item: str, category: str) -> None:
    call = grader.grade(shots(item)).category
    assert call is not None
    assert (call.name, call.source) == (category, "predicted")
    assert call.confidence > 0.5


def test_a_grade_is_a_distribution_with_its_best_as_condition(grader: Grader, shots: Shots) -> None:
    grade = grader.grade(shots("carton-torn"), "packaging").grade
    assert grade is not None
    assert tuple(grade.probabilities) == CONDITIONS
    assert sum(grade.probabilities.values()) == pytest.approx(1)
    assert grade.confidence == max(grade.probabilities.values()) == grade.probabilities[grade.condition]
    assert grade.condition in grade.prediction_set


def test_a_declared_category_is_used_and_the_models_own_guess_is_kept(grader: Grader, shots: Shots) -> None:
    call = grader.grade(shots("phone-intact"), "packaging").category
    assert call is not None
    assert (call.name, call.source, call.best_guess) == ("packaging", "declared", "electronics")
    assert call.confidence < 0.5


def test_an_unknown_category_lists_the_known_before_anything_is_run(grader: Grader) -> None:
    with pytest.raises(UnknownCategoryError, match="apparel, electronics, footwear, packaging"):
        grader.grade([], "toys")


def test_an_item_needs_a_photo(grader: Grader) -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        grader.grade([])


def test_one_bad_photo_means_retake_and_no_grade(grader: Grader, shots: Shots) -> None:
    good, other = shots("carton-sealed")[:2]
    dark = replace(other, rgb=(other.rgb // 12).astype(np.uint8))
    result = grader.grade([good, dark], "packaging")
    assert result.retake
    assert result.grade is None
    assert result.defects == ()
    assert [q.issues for q in result.quality] == [(), ("too_dark",)]


def test_looking_and_concluding_apart_is_the_same_as_grading(grader: Grader, shots: Shots) -> None:
    photos = shots("carton-torn")
    apart = grader.conclude([grader.look(photo) for photo in photos], "packaging")
    assert apart.grade == grader.grade(photos, "packaging").grade


def test_defect_boxes_lie_on_their_photo_in_its_full_size(grader: Grader, shots: Shots) -> None:
    photos = [replace(p, width=p.width * 3, height=p.height * 3) for p in shots("carton-torn")]
    for defect in grader.grade(photos, "packaging").defects:
        x1, y1, x2, y2 = defect.box
        photo = photos[defect.photo]
        assert 0 <= x1 < x2 <= photo.width
        assert 0 <= y1 < y2 <= photo.height
        assert 0 <= defect.score <= 1
        assert defect.severity in ("minor", "major")


def test_it_says_which_bundle_spoke(grader: Grader, shots: Shots) -> None:
    result = grader.grade(shots("shirt-stained"), "apparel")
    active = {info.category: info.version for info in grader.describe() if info.active}
    assert result.models == {"apparel": active["apparel"]}


def test_a_photo_is_run_once_for_all_bundles(grader: Grader, shots: Shots) -> None:
    """Bundles of one release share a backbone; a second pass of it would double the cost of a photo."""
    names = (ROUTER, *grader.categories)
    backbones = {load_bundle(shipped_root(), name).backbones["int8"] for name in names}
    assert set(grader.look(shots("carton-sealed")[0]).seen) == backbones
    assert len(backbones) < len(names)
