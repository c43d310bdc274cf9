"""What was looked for is told from what is not there, and a grade names what it rests on."""

from typing import Any

import pytest

from regrade.models.grader import Grader
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.serving.base.i18n import LANGUAGES, text
from regrade.serving.examples.items import PHOTOS, demo_items
from regrade.serving.inspections.examined import basis_words, examined_words
from regrade.serving.storage.records import RESULT


@pytest.mark.parametrize("category", ["packaging", "electronics", "footwear", "apparel"])
def test_types_without_a_proven_threshold_are_not_looked_for(grader: Grader, category: str) -> None:
    photo = open_photo((PHOTOS / "carton-torn-1.jpg").read_bytes())
    seen = grader.grade([photo], category).examination
    assert seen is not None
    (types,) = seen.defect_types
    assert set(types) <= set(load_bundle(shipped_root(), category).calibration.defect_thresholds)
    assert seen.basis[0] == "photo"


def test_a_grade_says_what_was_looked_for_on_each_photo_and_what_it_rests_on(service: Any) -> None:
    photos = [(PHOTOS / name).read_bytes() for name in ("carton-torn-1.jpg", "carton-torn-2.jpg")]
    answer = service.post(photos, {"rma": "1", "category": "packaging"}).json()
    assert [one["photo"] for one in answer["defects_examined"]] == [0, 1]
    assert {defect["type"] for defect in answer["defects"]} <= set(answer["defects_examined"][0]["types"])
    assert answer["grade"]["based_on"][:2] == ["photo", "damage_map"]
    assert service.client.get(f"/v1/inspections/{answer['id']}").json() == answer


def test_a_human_decision_rests_on_the_review(service: Any, photo: bytes) -> None:
    service.post([photo], {"rma": "1", "category": "apparel"})
    claimed = service.client.post("/v1/reviews/claim").json()
    body = {"lease": claimed["lease"]["token"], "condition": "used"}
    answer = service.client.post(f"/v1/reviews/{claimed['inspection']['id']}", json=body).json()
    assert answer["grade"]["based_on"] == ["review"]


def test_what_was_stored_before_says_that_it_is_not_known(service: Any, photo: bytes) -> None:
    made = service.post([photo], {"rma": "1", "category": "packaging"}).json()
    stored = RESULT.dump_python(service.runtime.inspections.get(made["id"]).result, mode="json")
    del stored["examination"]
    assert RESULT.validate_python(stored).examination is None


def test_what_is_boxed_was_looked_for(grader: Grader) -> None:
    for one in demo_items():
        photos = [open_photo(path.read_bytes(), place) for place, path in enumerate(one.photos)]
        result = grader.grade(photos, one.item["category"])
        assert result.examination is not None
        assert all(defect.type in result.examination.defect_types[defect.photo] for defect in result.defects)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_words_take_not_looked_for_for_not_there(lang: str) -> None:
    assert examined_words((), found=(), lang=lang) == text("examined.nothing", lang)
    assert examined_words(None, found=(), lang=lang) == text("examined.unknown", lang)
    looked_for = examined_words(("tear", "hole"), found=(), lang=lang)
    assert text("defect.tear", lang) in looked_for
    assert looked_for != examined_words(("tear", "hole"), found=("tear",), lang=lang)
    assert text("basis.damage_map", lang) in basis_words(("photo", "damage_map"), lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_shown_is_never_said_to_have_been_not_looked_for(lang: str) -> None:
    words = examined_words(("tear",), found=("hole", "tear", "hole"), lang=lang)
    assert words == text("examined.also", lang, types=text("defect.tear", lang), also=text("defect.hole", lang))
    assert words.count(text("defect.hole", lang)) == 1
