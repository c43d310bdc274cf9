"""One inspection with its history: graded anew with other photos, or as of another category."""

import json
from typing import Any

import pytest

from regrade.serving.evidence.bundle import check_bundle, check_photos, read_bundle
from regrade.serving.inspections.verify import verify_store
from regrade.serving.installation.backup.source import contents_of
from tests.serving.review.over_http import DEAR, claim, post_for_review


def mend(service: Any, made: Any, photos: list[bytes], replace: str | None = None, **more: Any) -> Any:
    files = [("photos", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(photos)]
    headers = {"Idempotency-Key": more["key"]} if "key" in more else {}
    client = more.get("client", service.client)
    data = {} if replace is None else {"replace": replace}
    return client.post(f"/v1/inspections/{made['id']}/photos", files=files, data=data, headers=headers)


def read(service: Any, made: Any, path: str = "", **query: Any) -> Any:
    return service.client.get(f"/v1/inspections/{made['id']}{path}", params=query)


@pytest.fixture
def dark(render_photo: Any) -> bytes:
    """A photo that must be taken again."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (640, 480), (2, 2, 2)).save(out, "JPEG")
    return out.getvalue()


def test_a_retake_is_mended_as_the_same_inspection(service: Any, photo: bytes, dark: bytes) -> None:
    made = service.post([dark], DEAR).json()
    assert made["status"] == "retake"
    answer = mend(service, made, [photo], "0", client=service.as_role("station"))
    now = answer.json()
    assert (answer.status_code, now["id"], now["status"], now["revision"]) == (201, made["id"], "needs_review", 2)
    assert [(one["revision"], one["cause"], one["status"]) for one in now["revisions"]] == [
        (1, None, "retake"),
        (2, "photos", "needs_review"),
    ]
    assert claim(service.as_role("reviewer"))["inspection"]["id"] == made["id"]


def test_the_former_revision_stays_readable_with_its_photos_and_grade(
    service: Any, photo: bytes, render_photo: Any
) -> None:
    made = post_for_review(service, photo)
    other = render_photo(7)
    now = mend(service, made, [other], "0").json()
    assert now["photos"][0]["sha256"] != made["photos"][0]["sha256"]
    former = read(service, made, revision=1).json()
    assert (former["revision"], former["photos"], former["grade"]) == (1, made["photos"], made["grade"])
    pictures = [read(service, made, "/photos/0", **query).content for query in ({"revision": 1}, {})]
    assert pictures[0] != pictures[1]
    assert read(service, made, revision=3).status_code == 404
    assert read(service, made, revision=0).status_code == 422


def test_photos_are_added_behind_those_that_there_are(service: Any, photo: bytes, render_photo: Any) -> None:
    made = service.post([photo], DEAR).json()
    now = mend(service, made, [render_photo(1), render_photo(2)], "0").json()
    assert [one["index"] for one in now["photos"]] == [0, 1]
    again = mend(service, made, [photo]).json()
    assert [one["sha256"] for one in again["photos"]][2] == made["photos"][0]["sha256"]
    assert again["revision"] == 3


@pytest.mark.parametrize("replace", ["1", "0,0", "0,1,2", "a", "-1", "99999"])
def test_what_cannot_be_replaced_is_told_and_changes_nothing(service: Any, photo: bytes, replace: str) -> None:
    made = service.post([photo], DEAR).json()
    answer = mend(service, made, [photo, photo], replace)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "replace")
    assert read(service, made).json() == made


def test_an_item_has_no_more_than_twelve_photos_in_all(service: Any, photo: bytes, render_photo: Any) -> None:
    made = service.post([photo] * 2, DEAR).json()
    answer = mend(service, made, [render_photo(n) for n in range(11)])
    assert (answer.status_code, answer.json()["type"].split(":")[-1]) == (422, "too-many-photos")
    assert "13" in answer.json()["detail"]


def test_bad_photos_are_refused_as_with_a_new_item(service: Any, photo: bytes) -> None:
    made = service.post([photo], DEAR).json()
    for data, status in ((b"no picture", 415), (photo[:-200], 422), (b"", 422)):
        assert mend(service, made, [data]).status_code == status
    assert mend(service, {"id": "none"}, [photo]).status_code == 404
    assert mend(service, made, [photo], client=service.as_role("reviewer")).status_code == 403
    assert service.client.post(f"/v1/inspections/{made['id']}/photos", json={}).status_code == 415
    assert read(service, made).json() == made


def test_the_same_request_sent_again_is_done_once(service: Any, photo: bytes, render_photo: Any) -> None:
    made = service.post([photo], DEAR, key="first").json()
    first = mend(service, made, [render_photo(1)], key="k")
    again = mend(service, made, [render_photo(1)], key="k")
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (201, 200, "true")
    assert again.json() == first.json()
    assert mend(service, made, [render_photo(2)], key="k").status_code == 409
    assert mend(service, made, [render_photo(1)], key="first").status_code == 409
    assert read(service, made).json()["revision"] == 2


def test_a_request_sent_again_is_answered_as_it_was_whatever_came_since(
    service: Any, photo: bytes, render_photo: Any
) -> None:
    made = service.post([photo], DEAR).json()
    path, headers = f"/v1/inspections/{made['id']}/category", {"Idempotency-Key": "k"}
    first = service.client.post(path, json={"category": "footwear"}, headers=headers)
    mend(service, made, [render_photo(1)])
    again = service.client.post(path, json={"category": "footwear"}, headers=headers)
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (201, 200, "true")
    for kept in ("revision", "category", "grade", "photos", "status"):
        assert again.json()[kept] == first.json()[kept]
    assert (again.json()["revision"], read(service, made).json()["revision"]) == (2, 3)


def test_what_a_human_has_decided_or_holds_is_not_graded_anew(service: Any, photo: bytes) -> None:
    made, reviewer = post_for_review(service, photo), service.as_role("reviewer", "Ann")
    lease = claim(reviewer)["lease"]["token"]
    held = mend(service, made, [photo])
    assert (held.status_code, held.json()["type"].split(":")[-1]) == (409, "revision-refused")
    reviewer.post(f"/v1/reviews/{made['id']}", json={"lease": lease, "condition": "used"})
    decided = mend(service, made, [photo])
    assert decided.status_code == 409
    assert "Ann" in decided.json()["detail"]
    category = service.client.post(f"/v1/inspections/{made['id']}/category", json={"category": "footwear"})
    assert category.status_code == 409


def test_an_erased_item_is_gone(service: Any, photo: bytes, render_photo: Any) -> None:
    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)], "0", key="k")
    assert len(service.files()) == 2
    assert service.client.delete(f"/v1/inspections/{made['id']}").status_code == 200
    assert service.files() == []
    assert mend(service, made, [photo]).status_code == 410
    assert mend(service, made, [render_photo(1)], "0", key="k").status_code == 410
    assert read(service, made, "/photos/0", revision=1).status_code == 410
    bundle = read(service, made, "/evidence").json()
    assert (bundle["consistent"], bundle["differences"]) == (True, [])


def test_another_category_is_graded_by_the_stored_photos(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    path = f"/v1/inspections/{made['id']}/category"
    answer = service.client.post(path, json={"category": "footwear"})
    now = answer.json()
    assert (answer.status_code, now["category"]["name"], now["item"]["category"]) == (201, "footwear", "footwear")
    assert (now["revisions"][1]["cause"], now["photos"]) == ("category", made["photos"])
    again = service.client.post(path, json={"category": "footwear"})
    assert (again.status_code, again.json()["revision"]) == (200, 2)
    assert read(service, made, revision=1).json()["item"]["category"] == "electronics"
    assert service.client.get("/v1/inspections", params={"category": "footwear"}).json()["items"] != []
    unknown = service.client.post(path, json={"category": "ships"})
    assert (unknown.status_code, unknown.json()["type"].split(":")[-1]) == (422, "unknown-category")


def test_a_revision_is_a_signed_step_and_the_database_agrees(service: Any, photo: bytes, render_photo: Any) -> None:
    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)])
    service.client.post(f"/v1/inspections/{made['id']}/category", json={"category": "footwear"})
    bundle = read(service, made, "/evidence").json()
    assert (bundle["consistent"], bundle["differences"]) == (True, [])
    assert [step["kind"] for step in bundle["payload"]["steps"]] == ["graded", "regraded", "regraded"]
    former = bundle["payload"]["former"]
    assert [(one["revision"], len(one["photos"])) for one in former] == [(1, 1), (2, 2)]
    assert bundle["payload"]["item"]["category"] == "footwear"


def test_the_evidence_of_a_former_revision_can_be_checked_by_itself(
    service: Any, photo: bytes, render_photo: Any
) -> None:
    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)])
    service.client.post(f"/v1/inspections/{made['id']}/category", json={"category": "footwear"})
    for revision, kinds in ((1, ["graded"]), (2, ["graded", "regraded"]), (3, ["graded", "regraded", "regraded"])):
        bundle = read(service, made, "/evidence", revision=revision).json()
        checked = check_bundle(bundle, service.runtime.signer.known)
        assert (checked.findings, [step.kind for step in checked.steps], bundle["consistent"]) == ((), kinds, True)
    assert read(service, made, "/evidence").json() == bundle
    unknown = read(service, made, "/evidence", revision=4)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, read(service, made, revision=4).json()["detail"])
    assert read(service, made, "/evidence", revision=0).status_code == 422


def test_what_was_erased_has_its_evidence_as_a_whole_alone(service: Any, photo: bytes, render_photo: Any) -> None:
    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)])
    service.client.delete(f"/v1/inspections/{made['id']}")
    former = read(service, made, "/evidence", revision=1)
    assert (former.status_code, former.json()["type"].split(":")[-1]) == (410, "erased")
    assert read(service, made, "/evidence", revision=2).json()["consistent"]


def test_what_was_before_cannot_be_edited_unnoticed(service: Any, photo: bytes, render_photo: Any) -> None:
    from sqlalchemy import text

    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)], "0")
    with service.runtime.database.write() as connection:
        connection.execute(text("DROP TRIGGER revisions_no_update"))
        connection.execute(text("UPDATE revisions SET status = 'graded'"))
    bundle = read(service, made, "/evidence").json()
    assert [one["fields"] for one in bundle["differences"]] == [["revision 2.status"]]


def test_a_task_keeps_its_place_in_the_queue(service: Any, photo: bytes) -> None:
    first, second = post_for_review(service, photo, rma="1"), post_for_review(service, photo, rma="2")
    assert mend(service, first, [photo]).json()["status"] == "needs_review"
    assert claim(service.as_role("reviewer"))["inspection"]["id"] == first["id"]
    assert second["id"] != first["id"]


def test_photos_that_must_be_taken_again_wait_for_the_station(service: Any, photo: bytes, dark: bytes) -> None:
    made = post_for_review(service, photo)
    assert mend(service, made, [dark]).json()["status"] == "retake"
    reviewer = service.as_role("reviewer")
    assert reviewer.post("/v1/reviews/claim").status_code == 204
    assert mend(service, made, [photo], "1").json()["status"] == "needs_review"
    assert claim(reviewer)["inspection"]["revision"] == 3


def test_photos_of_earlier_revisions_are_kept_verified_and_backed_up(
    service: Any, photo: bytes, render_photo: Any
) -> None:
    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)], "0")
    runtime = service.runtime
    report = verify_store(runtime.database, runtime.photos)
    assert (report.sound, report.photos, report.orphans) == (True, 2, ())
    assert len(contents_of(runtime.database).photos) == 2


def test_an_exported_bundle_is_verified_with_the_photos_of_all_revisions(
    service: Any, photo: bytes, render_photo: Any
) -> None:
    made = post_for_review(service, photo)
    mend(service, made, [render_photo(1)], "0")
    bundle = read_bundle(json.dumps(read(service, made, "/evidence").json()).encode())
    checked = check_bundle(bundle, service.runtime.signer.known)
    assert checked.findings == ()
    assert check_photos(checked.photos, {file.name for file in service.files()}) == []
    assert len(check_photos(checked.photos, ())) == 2


def test_where_a_person_reads_it_the_refusal_is_in_their_language(service: Any, photo: bytes) -> None:
    made = post_for_review(service, photo)
    claim(service.as_role("reviewer", "Ann"))
    files = [("photos", ("0.jpg", photo, "image/jpeg"))]
    path = f"/v1/inspections/{made['id']}/photos"
    answer = service.client.post(path, files=files, headers={"Accept-Language": "zh-CN"})
    assert "复核员" in answer.json()["detail"]
