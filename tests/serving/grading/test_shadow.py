"""A candidate in shadow judges every item that was graded, nobody is told, and no item waits or fails for it."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.registry import trials
from regrade.serving.access.audit import since
from regrade.serving.grading import shadow
from regrade.serving.storage.tables import shadow_grades

pytestmark = pytest.mark.slow

NEW = "2099.2.2"
PACKAGING = {"rma": "1", "category": "packaging", "station": "LA-01"}


@pytest.fixture
def root(with_candidate: Path) -> Path:
    """Bundles with a candidate whose head sees everything damaged, on the active one's backbone."""
    return with_candidate


@pytest.fixture
def own(serve: Any, root: Path, grader: Grader) -> Any:
    """A service on these bundles."""
    return serve(grader=Grader.load(root, reuse=grader), bundles_dir=root)


def try_out(service: Any, version: str = NEW) -> Any:
    return service.client.post("/v1/models/packaging/shadow", json={"version": version})


def rows(service: Any) -> list[Any]:
    assert service.runtime.shadow.settle(180)
    with service.runtime.database.read() as connection:
        return list(connection.execute(select(shadow_grades).order_by(shadow_grades.c.at)).all())


def trail(service: Any) -> list[Any]:
    with service.runtime.database.read() as connection:
        return [entry for entry in since(connection, None) if entry.action in ("shadow", "activate")]


def test_what_the_candidate_would_have_said_is_kept_and_told_to_nobody(own: Any, photo: bytes) -> None:
    before = own.post([photo], PACKAGING).json()
    assert try_out(own).json() | {"since": ""} == {
        "category": "packaging",
        "version": NEW,
        "active": before["models"]["packaging"],
        "phase": "shadow",
        "since": "",
        "by": try_out(own).json()["by"],
        "reason": "",
        "proposed": None,
    }
    answer = own.post([photo], PACKAGING | {"rma": "2"})
    assert answer.status_code == 201
    assert answer.json()["grade"] == before["grade"]
    (row,) = rows(own)
    assert (row.inspection_id, row.version, row.condition) == (answer.json()["id"], NEW, "damaged")
    assert row.probabilities["damaged"] > row.probabilities["opened"]
    assert (row.action != "relist", row.alone, row.closer_missed) == (True, False, False)
    assert row.loss >= 0
    assert NEW not in own.as_role("station").get(f"/v1/inspections/{answer.json()['id']}").text
    assert [(entry.name, entry.detail["version"]) for entry in trail(own)] == [(own_name(own), NEW)]


def own_name(service: Any) -> str:
    return str(try_out(service).json()["by"].split(" (")[0])


def test_other_categories_and_photos_to_be_taken_again_have_no_shadow(own: Any, photo: bytes) -> None:
    try_out(own)
    own.post([photo], PACKAGING | {"category": "apparel"})
    assert rows(own) == []


def test_the_trial_goes_on_after_a_restart_and_ends_when_it_is_ended(
    serve: Any, root: Path, grader: Grader, photo: bytes
) -> None:
    first = serve(grader=Grader.load(root, reuse=grader), bundles_dir=root)
    try_out(first)
    first.stop()
    again = serve(first.settings.data_dir, grader=Grader.load(root, reuse=grader), bundles_dir=root)
    again.post([photo], PACKAGING)
    assert len(rows(again)) == 1
    assert again.client.get("/v1/models/packaging/shadow").json()["version"] == NEW
    assert [again.client.delete("/v1/models/packaging/shadow").status_code for _ in range(2)] == [204, 204]
    assert again.client.get("/v1/models/packaging/shadow").status_code == 404
    again.post([photo], PACKAGING | {"rma": "2"})
    assert len(rows(again)) == 1


def test_activating_the_candidate_ends_its_trial_and_another_version_begins_it_anew(own: Any, photo: bytes) -> None:
    try_out(own)
    own.client.post("/v1/models/packaging/activate", json={"version": "2099.1.1"})
    anew = own.client.get("/v1/models/packaging/shadow").json()
    assert (anew["version"], anew["active"], anew["by"]) == (NEW, "2099.1.1", "by rule")
    own.post([photo], PACKAGING)
    assert len(rows(own)) == 1
    own.client.post("/v1/models/packaging/activate", json={"version": NEW})
    assert own.client.get("/v1/models/packaging/shadow").status_code == 404
    assert [entry.action for entry in trail(own)] == ["shadow", "activate", "activate"]


@pytest.mark.parametrize(
    ("category", "version", "status", "slug"),
    [
        ("packaging", "2001.1.1", 404, "not-found"),
        ("toys", NEW, 404, "not-found"),
        ("packaging", "", 422, "invalid-request"),
        ("_router", "2026.11.1", 409, "no-trial-possible"),
    ],
)
def test_what_cannot_be_tried_is_refused(own: Any, category: str, version: str, status: int, slug: str) -> None:
    answer = own.client.post(f"/v1/models/{category}/shadow", json={"version": version})
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:regrade:problem:{slug}")


def test_the_active_version_cannot_be_in_its_own_shadow(own: Any) -> None:
    answer = try_out(own, own.runtime.grader.versions["packaging"])
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:regrade:problem:no-trial-possible")
    assert "own shadow" in answer.json()["detail"]
    assert "activated" not in answer.json()["detail"]


def test_a_candidate_that_fails_is_stopped_and_no_request_fails(
    own: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a broken head")

    try_out(own)
    monkeypatch.setattr(Grader, "second_opinion", broken)
    for n in range(shadow.FAILURES + 2):
        assert own.post([photo], PACKAGING | {"rma": str(n)}).status_code == 201
    assert rows(own) == []
    deadline = time.monotonic() + 10
    while own.client.get("/v1/models/packaging/shadow").json()["phase"] != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "a broken head" in own.client.get("/v1/models/packaging/shadow").json()["reason"]
    text = own.client.get("/metrics").text
    assert (
        f'regrade_shadow_items_total{{category="packaging",outcome="failed",version="{NEW}"}} {shadow.FAILURES}.0'
        in text
    )
    assert 'regrade_trials_total{category="packaging",step="stopped"} 1.0' in text
    assert trail(own)[-1].name == "by rule trial.failing"


def test_a_candidate_that_cannot_be_loaded_is_no_reason_not_to_grade(
    serve: Any, root: Path, grader: Grader, photo: bytes
) -> None:
    first = serve(grader=Grader.load(root, reuse=grader), bundles_dir=root)
    try_out(first)
    first.stop()
    for folder in (root, first.settings.data_dir / "bundles"):
        (folder / "packaging" / NEW / "head.onnx").write_bytes(b"spoilt")
    again = serve(first.settings.data_dir, grader=Grader.load(root, reuse=grader), bundles_dir=root)
    assert again.post([photo], PACKAGING).status_code == 201
    assert rows(again) == []
    assert again.client.get("/v1/models/packaging/shadow").json()["phase"] == "stopped"


@pytest.mark.parametrize(("share", "looked"), [(1.0, 1), (0.0, 0)])
def test_one_with_another_backbone_looks_anew_at_a_share_of_items(
    serve: Any, tmp_path: Path, grader: Grader, photo: bytes, share: float, looked: int
) -> None:
    service = serve(shadow_share=share)
    assert service.client.post("/v1/models/packaging/shadow", json={"version": "2026.11.1"}).status_code in (200, 409)
    found = trials.trial_of(service.runtime.graders.store, "packaging")
    assert found is not None
    candidate, active = (
        service.runtime.graders.store.load("packaging", version).backbones for version in (found.version, found.active)
    )
    assert candidate != active
    service.post([photo], PACKAGING)
    assert len(rows(service)) == looked


def test_what_an_erased_item_was_expected_to_lose_goes(own: Any, photo: bytes) -> None:
    try_out(own)
    answer = own.post([photo], PACKAGING).json()
    assert rows(own)[0].loss is not None
    assert own.client.delete(f"/v1/inspections/{answer['id']}").status_code in (200, 204)
    (row,) = rows(own)
    assert (row.loss, row.condition) == (None, "damaged")


def test_the_same_features_make_the_same_grade_as_looking_anew(root: Path, grader: Grader, photo: bytes) -> None:
    from regrade.models.photos.intake import IntakeLimits, open_photo

    active = Grader.load(root, reuse=grader)
    candidate = Grader.load(root, versions=dict(active.versions) | {"packaging": NEW}, reuse=active)
    seen = [active.look(open_photo(photo, 0, IntakeLimits(working_side=active.working_side)), "packaging")]
    result = active.conclude(seen, "packaging")
    made, lacks = candidate.second_opinion(seen, result)
    anew = candidate.grade([open_photo(photo, 0, IntakeLimits(working_side=candidate.working_side))], "packaging")
    assert (made.grade, made.models, lacks) == (anew.grade, {"packaging": NEW}, False)
    with pytest.raises(ValueError, match="nothing"):
        candidate.second_opinion([], result)


def test_what_is_spoilt_is_never_on_trial(root: Path, tmp_path: Path) -> None:
    from regrade.models.registry.store import BundleStore

    (root / "packaging" / NEW / "head.onnx").write_bytes(b"spoilt")
    store = BundleStore(site=tmp_path / "site", base=root)
    with pytest.raises(BundleError):
        trials.begin(store, "packaging", NEW, by="ann")
    shutil.rmtree(root)
