"""What is erased is gone: from the API, the desk, the database's bytes and the disk; what statistics need stays."""

import hashlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from regrade.serving.evidence import KeyRing
from regrade.serving.evidence.bundle import check_bundle
from regrade.serving.evidence.store_check import check_evidence
from regrade.serving.inspections.verify import verify_store
from tests.serving.evidence.conftest import change as tamper

pytestmark = pytest.mark.slow

ITEM = {
    "rma": "RMA-SECRET-4711",
    "seller": "acme",
    "sku": "SKU-SECRET-9",
    "station": "bench-3",
    "category": "packaging",
    "declared_value": {"amount": 77.77, "currency": "USD"},
    "answers": {"customer": "answer-secret"},
}
NOTE = "note-secret: the buyer wrote her name on it"
SECRETS = (b"RMA-SECRET-4711", b"SKU-SECRET-9", b"answer-secret", b"note-secret", b"key-secret", b"77.77")


def bytes_under(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a data directory, and what is in it."""
    return ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def found_under(folder: Path, secrets: tuple[bytes, ...]) -> list[tuple[str, bytes]]:
    return [(path.name, secret) for path, data in bytes_under(folder) for secret in secrets if secret in data]


def erase(service: Any, inspection_id: str, **params: str) -> httpx.Response:
    answer: httpx.Response = service.client.delete(f"/v1/inspections/{inspection_id}", params=params)
    return answer


def decide(service: Any, inspection_id: str, condition: str = "used") -> None:
    reviewer = service.as_role("reviewer", "Ann")
    claimed = reviewer.post("/v1/reviews/claim").json()
    assert claimed["inspection"]["id"] == inspection_id
    verdict = {"lease": claimed["lease"]["token"], "condition": condition, "note": NOTE}
    assert reviewer.post(f"/v1/reviews/{inspection_id}", json=verdict).status_code == 200


@pytest.fixture
def made(service: Any, photo: bytes, render_photo: Any) -> Any:
    """An item with two photos, decided with a note."""
    made = service.post([photo, render_photo(1)], ITEM, key="key-secret").json()
    decide(service, made["id"])
    return made


@pytest.mark.sqlite_only
def test_what_was_erased_is_nowhere_in_the_data_directory(service: Any, made: Any, photo: bytes) -> None:
    assert {secret for _, secret in found_under(service.settings.data_dir, SECRETS)} == set(SECRETS)
    service.client.get(f"/v1/inspections/{made['id']}/photos/0?width=100")
    assert erase(service, made["id"]).status_code == 200
    assert service.files() == []
    assert found_under(service.settings.data_dir, (*SECRETS, photo[1000:1100])) == []
    assert not [path for path in (service.settings.data_dir / "cache").rglob("*") if path.is_file()]


def test_what_was_erased_is_not_kept_in_the_evidence_in_another_form(service: Any, made: Any) -> None:
    """Evidence keeps what is personal in base64."""

    def secret() -> list[bytes]:
        with service.runtime.database.read() as connection:
            kept = connection.execute(text("SELECT disclosure FROM evidence_disclosures")).scalars().all()
        return [one.encode() for one in kept if any(word in b64decode(one + "===", "-_") for word in SECRETS)]

    before = secret()
    assert len(before) == 6  # all but the digest of the whole, which says nothing by itself
    erase(service, made["id"])
    assert (secret(), found_under(service.settings.data_dir, tuple(before))) == ([], [])


def test_what_is_left_is_the_grade_the_decision_and_that_it_was_erased(service: Any, made: Any) -> None:
    before = service.client.get(f"/v1/inspections/{made['id']}").json()
    erase(service, made["id"], reason="asked by the buyer")
    after = service.client.get(f"/v1/inspections/{made['id']}").json()
    assert after["item"] == {"rma": "", "seller": "acme", "station": "bench-3"}
    assert (after["erased"]["by"], after["erased"]["reason"]) == ("first", "asked by the buyer")
    assert (after["photos"], after["review"]["reasons"], after["review"]["decided"]["note"]) == ([], [], None)
    for kept in ("id", "status", "created_at", "category", "grade", "defects", "models", "timings_ms"):
        assert after[kept] == before[kept]
    assert after["disposition"] == {**before["disposition"], "reasons": [], "alternatives": []}


def test_the_record_is_a_signed_step_of_the_evidence_which_still_holds(service: Any, made: Any, photo: bytes) -> None:
    bundle = erase(service, made["id"], reason="asked for").json()
    assert bundle["consistent"]
    keys = KeyRing([service.runtime.signer.public_key])
    checked = check_bundle(bundle, keys)
    assert (checked.findings, checked.photos) == ((), ())
    assert [step.kind for step in checked.steps] == ["graded", "reviewed", "erased"]
    said = checked.steps[-1].body
    assert (said["by"]["name"], said["by"]["role"], said["reason"]) == ("first", "admin", "asked for")
    assert hashlib.sha256(photo).hexdigest() in said["photos_erased"]
    assert {"item.rma", "item.sku", "item.answers", "item.declared_value", "review.note"} <= set(said["fields"])
    assert checked.steps[1].body["review"]["by"]["name"] == "Ann"
    assert service.client.get(f"/v1/inspections/{made['id']}/evidence").json() == bundle


def test_erasing_again_changes_nothing(service: Any, made: Any) -> None:
    first = erase(service, made["id"], reason="once")
    second = erase(service, made["id"], reason="twice")
    assert (second.status_code, second.json()) == (200, first.json())


def test_what_is_not_there_cannot_be_erased(service: Any) -> None:
    assert erase(service, "none").status_code == 404


@pytest.mark.parametrize("role", ["station", "reviewer", "engineer"])
def test_only_an_admin_erases(service: Any, made: Any, role: str) -> None:
    answer = service.as_role(role).delete(f"/v1/inspections/{made['id']}")
    assert (answer.status_code, answer.json()["needed"]) == (403, ["admin"])
    assert len(service.files()) == 2


@pytest.mark.parametrize("reason", ["", "x" * 201, "a\nb"])
def test_a_reason_is_one_short_line(service: Any, made: Any, reason: str) -> None:
    assert erase(service, made["id"], reason=reason).status_code == 422


@pytest.mark.parametrize("query", ["", "?width=100"])
def test_its_photos_are_gone_in_words_also_for_whoever_has_seen_them(service: Any, made: Any, query: str) -> None:
    address = f"/v1/inspections/{made['id']}/photos/0{query}"
    seen = service.client.get(address).headers["etag"]
    erase(service, made["id"])
    answer = service.client.get(address, headers={"If-None-Match": seen, "Accept-Language": "zh"})
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:regrade:problem:erased")
    assert "删除" in answer.json()["detail"]


def test_a_photo_that_another_item_has_too_stays_for_that_one(service: Any, made: Any, photo: bytes) -> None:
    other = service.post([photo], {"rma": "other"}).json()
    said = erase(service, made["id"]).json()["payload"]["steps"][-1]["body"]
    assert said["photos_kept"] == [hashlib.sha256(photo).hexdigest()]
    assert len(said["photos_erased"]) == 1
    assert service.client.get(f"/v1/inspections/{other['id']}/photos/0").content == photo
    erase(service, other["id"])
    assert service.files() == []


def test_a_photo_that_was_erased_can_come_in_again(service: Any, made: Any, photo: bytes) -> None:
    erase(service, made["id"])
    again = service.post([photo], ITEM).json()
    assert service.client.get(f"/v1/inspections/{again['id']}/photos/0").content == photo
    assert service.client.get(f"/v1/inspections/{made['id']}/photos/0").status_code == 410


def test_a_request_that_is_sent_again_does_not_bring_it_back(service: Any, made: Any, photo: bytes) -> None:
    erase(service, made["id"])
    for body in ([photo, photo], [photo]):
        answer = service.post(body, ITEM, key="key-secret")
        assert (answer.status_code, answer.json()["type"]) == (410, "urn:regrade:problem:erased")
    assert (service.files(), service.runtime.inspections.count()) == ([], 1)
    assert service.post([photo], ITEM, key="another").status_code == 201


def test_an_item_that_waits_leaves_the_queue_and_whoever_holds_it(service: Any, photo: bytes) -> None:
    made = service.post([photo], ITEM).json()
    reviewer = service.as_role("reviewer")
    held = reviewer.post("/v1/reviews/claim").json()
    erase(service, made["id"])
    verdict = {"lease": held["lease"]["token"], "condition": "used"}
    answer = reviewer.post(f"/v1/reviews/{made['id']}", json=verdict)
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:regrade:problem:erased")
    assert reviewer.post("/v1/reviews/claim").status_code == 204
    assert reviewer.get("/v1/reviews/stats").json()["queue"]["depth"] == 0
    assert service.client.get(f"/v1/inspections/{made['id']}").json()["review"]["required"] is False


@pytest.mark.parametrize("role", ["admin", "reviewer", "station"])
def test_what_was_erased_undecided_waits_for_nobody_in_any_list(service: Any, photo: bytes, role: str) -> None:
    made = service.post([photo], ITEM).json()
    assert made["status"] == "needs_review"
    client = service.as_role(role)

    def listed(**filters: str) -> list[str]:
        return [one["id"] for one in client.get("/v1/inspections", params=filters).json()["items"]]

    assert (listed(status="needs_review"), listed(status="graded")) == ([made["id"]], [])
    bundle = erase(service, made["id"]).json()
    assert (listed(status="needs_review"), listed(status="graded")) == ([], [made["id"]])
    shown = client.get(f"/v1/inspections/{made['id']}").json()
    assert (shown["status"], shown["review"]["required"], shown["review"]["who"]) == ("graded", False, "nobody")
    assert bundle["consistent"]


def test_a_decision_on_what_was_erased_cannot_be_taken_back(service: Any, photo: bytes) -> None:
    made = service.post([photo], ITEM).json()
    decide(service, made["id"])
    erase(service, made["id"])
    assert service.as_role("reviewer").post(f"/v1/reviews/{made['id']}/undo").status_code == 410


def test_the_audit_trail_stays_whole_and_tells_who_erased(service: Any, made: Any) -> None:
    before = service.client.get(f"/v1/inspections/{made['id']}/audit").json()["items"]
    erase(service, made["id"])
    after = service.client.get(f"/v1/inspections/{made['id']}/audit").json()["items"]
    assert after[:-1] == before
    assert (after[-1]["action"], after[-1]["name"]) == ("erase", "first")


def test_it_is_found_by_its_id_alone(service: Any, made: Any) -> None:
    erase(service, made["id"])
    admin = service.runtime.keys.all_keys()[0]
    assert service.runtime.desk.lookup(ITEM["rma"], admin) == []
    assert [one.id for one in service.runtime.desk.lookup(made["id"], admin)] == [made["id"]]
    (listed,) = service.client.get("/v1/inspections").json()["items"]
    assert listed["erased"]["by"] == "first"


def test_agreement_counts_what_was_erased_as_before(service: Any, made: Any) -> None:
    before = service.client.get("/v1/reviews/stats").json()
    erase(service, made["id"])
    after = service.client.get("/v1/reviews/stats").json()
    for part in ("agreement", "by_category", "by_reviewer", "by_station"):
        assert after[part] == before[part]
    assert before["agreement"]["items"] == 1


@pytest.mark.parametrize("change", ["UPDATE erasures SET name = 'Bob'", "DELETE FROM erasures"])
def test_the_records_can_be_neither_changed_nor_removed(service: Any, made: Any, change: str) -> None:
    erase(service, made["id"])
    with pytest.raises(DBAPIError, match="erasures is append-only"), service.runtime.database.write() as connection:
        connection.execute(text(change))


@pytest.mark.parametrize("change", ["note = NULL", "condition = 'opened', note = NULL", "reviewer = 'Bob'"])
def test_decisions_on_what_was_not_erased_stay_as_they_are(service: Any, made: Any, change: str) -> None:
    with pytest.raises(DBAPIError, match="reviews is append-only"), service.runtime.database.write() as connection:
        connection.execute(text(f"UPDATE reviews SET {change}"))


@pytest.mark.parametrize("change", ["condition = 'opened'", "note = 'no'", "disposition = '{}'", "reviewer = 'Bob'"])
def test_of_what_was_erased_only_words_can_go_from_a_decision(service: Any, made: Any, change: str) -> None:
    erase(service, made["id"])
    with pytest.raises(DBAPIError, match="reviews is append-only"), service.runtime.database.write() as connection:
        connection.execute(text(f"UPDATE reviews SET {change}"))


def test_the_store_is_sound_without_the_photos_that_were_erased(service: Any, made: Any) -> None:
    erase(service, made["id"])
    report = verify_store(service.runtime.database, service.runtime.photos)
    assert (report.sound, report.inspections, report.erased, report.photos, report.orphans) == (True, 1, 1, 0, ())
    assert codes(service) == []


def codes(service: Any) -> list[str]:
    """What `regrade store verify` finds of the evidence."""
    found = check_evidence(service.runtime.database, service.settings.data_dir / "keys").findings
    return [finding.code for finding in found]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE erasures SET name = 'somebody else'", "changed-row"),
        ("UPDATE erasures SET reason = 'another'", "changed-row"),
        ("DELETE FROM erasures", "row-missing"),
        ("UPDATE inspections SET erased_at = NULL", "changed-row"),
        ("UPDATE inspections SET erased_at = '2026-01-01 00:00:00.000000'", "changed-row"),
    ],
)
def test_a_record_that_was_tampered_with_is_found(service: Any, made: Any, change: str, code: str) -> None:
    erase(service, made["id"])
    tamper(service.runtime.database, change)
    assert codes(service) == [code]


def test_what_was_only_marked_as_erased_is_found(service: Any, made: Any) -> None:
    """Notes can be taken out of what is marked so; that it was marked stands in no signed step."""
    with service.runtime.database.write() as connection:
        connection.execute(text("UPDATE inspections SET erased_at = '2026-01-01 00:00:00.000000'"))
        connection.execute(text("UPDATE reviews SET note = NULL"))
    assert codes(service) == ["changed-row", "changed-row"]


def test_the_page_of_an_erased_item_says_so_in_both_languages(service: Any, made: Any) -> None:
    erase(service, made["id"], reason="asked for")
    headers = {"Origin": service.url}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as browser:
        browser.post("/desk/login", data={"key": service.key("reviewer")})
        for lang, words in (("en", "were erased by first"), ("zh", "已由 first 删除")):
            page = browser.get(f"/desk/items/{made['id']}", headers={"Accept-Language": lang})
            assert page.status_code == 200
            assert words in page.text
            assert "asked for" in page.text
            assert "photos/0" not in page.text
        photo = browser.get(f"/desk/api/items/{made['id']}/photos/0")
        assert photo.status_code == 410
