"""Decisions as others get them: plain values, the files of the photos, and the settled condition."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from regrade.serving.base.errors import DataDirError
from regrade.serving.review.settled import decisions

DEAR = {"rma": "R-1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}


def decide(service: Any, photo: bytes, name: str, **body: Any) -> str:
    made: str = service.post([photo], DEAR | {"rma": name}).json()["id"]
    reviewer = service.as_role("reviewer", "Ann")
    # Not the second look, blind, at an item of before, which the lot may have fallen on.
    lease = reviewer.post("/v1/reviews/claim?kind=unsure").json()["lease"]["token"]
    assert reviewer.post(f"/v1/reviews/{made}", json={"lease": lease, **body}).status_code == 200
    return made


def test_a_decision_comes_with_its_photos_its_votes_and_the_model_s_word(service: Any, photo: bytes) -> None:
    box = {"photo": 0, "type": "crack", "severity": "major", "box": [1, 2, 30, 40]}
    name = decide(service, photo, "R-1", condition="damaged", defects=[box], note="cracked")
    (found,) = decisions(service.settings.data_dir)
    assert json.loads(json.dumps(found)) == found
    assert (found["id"], found["category"], found["condition"]) == (name, "electronics", "damaged")
    (stored,) = found["photos"]
    assert hashlib.sha256(Path(stored["path"]).read_bytes()).hexdigest() == stored["sha256"]
    assert (stored["media_type"], stored["width"], stored["height"]) == ("image/jpeg", 640, 480)
    (look,) = found["looks"]
    assert (look["kind"], look["blind"], look["reviewer"], look["note"]) == ("unsure", False, "Ann", "cracked")
    assert found["defects"] == look["defects"] == [box | {"box": [1.0, 2.0, 30.0, 40.0], "score": 1.0}]
    assert set(found["model"]["probabilities"]) == {"unopened", "opened", "used", "damaged"}
    assert found["item"]["rma"] == "R-1"


def test_only_what_was_decided_since_then_is_given(service: Any, photo: bytes) -> None:
    assert list(decisions(service.settings.data_dir)) == []
    decide(service, photo, "R-1", condition="used")
    moment = datetime.now(UTC)
    later = decide(service, photo, "R-2", condition="used")
    assert [one["id"] for one in decisions(service.settings.data_dir, moment)] == [later]
    assert len(list(decisions(service.settings.data_dir))) == 2
    assert list(decisions(service.settings.data_dir, moment + timedelta(hours=1))) == []


def test_what_was_undone_is_not_given(service: Any, photo: bytes) -> None:
    made = service.post([photo], DEAR).json()["id"]
    lease = service.client.post("/v1/reviews/claim").json()["lease"]["token"]
    service.client.post(f"/v1/reviews/{made}", json={"lease": lease, "condition": "used"})
    assert service.client.post(f"/v1/reviews/{made}/undo").status_code == 200
    assert list(decisions(service.settings.data_dir)) == []


def test_a_tie_that_is_not_broken_settles_nothing(serve: Any, photo: bytes, tmp_path: Path) -> None:
    from regrade.serving.policy.load import DEFAULT_POLICY

    policy = tmp_path / "policy.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    policy.write_text(text.replace("second_share: 0.10", "second_share: 1.0"), encoding="utf-8")
    service = serve(policy_file=policy)
    decide(service, photo, "R-1", condition="used")
    (found,) = decisions(service.settings.data_dir)
    assert (found["condition"], found["open"]) == ("used", ["second"])
    bob = service.as_role("reviewer", "Bob")
    lease = bob.post("/v1/reviews/claim").json()["lease"]["token"]
    bob.post(f"/v1/reviews/{found['id']}", json={"lease": lease, "condition": "damaged"})
    (found,) = decisions(service.settings.data_dir)
    assert (found["condition"], found["open"], found["defects"]) == (None, ["third"], None)
    assert [look["condition"] for look in found["looks"]] == ["used", "damaged"]


def test_a_folder_without_an_installation_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="no installation"):
        next(decisions(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [(None, [], []), ([], None, []), (None, None, None), ("box", [], "box"), ("box", None, "box"), ([], "box", "box")],
)
def test_no_defects_seen_is_told_from_not_asked_and_hides_no_boxes(
    serve: Any, photo: bytes, tmp_path: Path, first: Any, second: Any, wanted: Any
) -> None:
    from regrade.serving.policy.load import DEFAULT_POLICY

    policy = tmp_path / "policy.yaml"
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    policy.write_text(text.replace("second_share: 0.10", "second_share: 1.0"), encoding="utf-8")
    service = serve(policy_file=policy)
    box = {"photo": 0, "type": "crack", "severity": "major", "box": [1.0, 2.0, 30.0, 40.0], "score": 1.0}
    said = {"box": [box]}
    made = service.post([photo], DEAR).json()["id"]
    for name, defects in (("Ann", first), ("Bob", second)):
        client = service.as_role("reviewer", name)
        lease = client.post("/v1/reviews/claim").json()["lease"]["token"]
        body = {"lease": lease, "condition": "used"}
        told = {} if defects is None else {"defects": said.get(str(defects), defects)}
        assert client.post(f"/v1/reviews/{made}", json=body | told).status_code == 200
    (found,) = decisions(service.settings.data_dir)
    assert found["defects"] == said.get(str(wanted), wanted)
    assert [look["defects"] for look in found["looks"]] == [said.get(str(one), one) for one in (first, second)]
