"""What the API says of evidence."""

import hashlib
import json
from typing import Any

import pytest

from regrade.models.registry.bundle import shipped_root
from regrade.serving.evidence.bundle import check_bundle
from regrade.serving.evidence.keys import KeyRing, read_keys
from tests.serving.evidence.conftest import change

ITEM = {"rma": "RMA-7", "seller": "acme", "category": "packaging", "answers": {"sealed": False, "box": "拆封"}}


def sql(service: Any, statement: str) -> None:
    change(service.runtime.database, statement)


def evidence(service: Any, inspection: str, client: Any = None) -> dict[str, Any]:
    answer = (client or service.client).get(f"/v1/inspections/{inspection}/evidence")
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def keys(service: Any) -> KeyRing:
    return KeyRing(read_keys(service.with_key(None).get("/v1/evidence/key").text))


@pytest.fixture
def graded(service: Any, photo: bytes) -> tuple[Any, str]:
    return service, service.post([photo], ITEM, key="retry-1").json()["id"]


def test_a_graded_item_is_signed_with_all_that_it_was_graded_by(graded: Any, photo: bytes) -> None:
    service, inspection = graded
    told = evidence(service, inspection)
    assert (told["consistent"], told["differences"]) == (True, [])
    assert check_bundle(told, keys(service)).findings == ()
    payload = told["payload"]
    assert payload["item"] == ITEM
    assert payload["photos"][0]["sha256"] == hashlib.sha256(photo).hexdigest()
    manifest = shipped_root() / "packaging" / payload["models"]["packaging"] / "manifest.json"
    assert payload["provenance"]["bundles"]["packaging"] == hashlib.sha256(manifest.read_bytes()).hexdigest()
    assert payload["provenance"]["policy"] == service.runtime.policy.sha256


def test_a_retake_is_signed_too(service: Any, render_photo: Any) -> None:
    made = service.post([render_photo(0, size=(64, 64))]).json()
    told = evidence(service, made["id"])
    assert (told["payload"]["status"], told["payload"]["decision"]) == ("retake", None)
    assert check_bundle(told, keys(service)).findings == ()


def test_reading_it_signs_nothing(graded: Any) -> None:
    service, inspection = graded
    assert evidence(service, inspection) == evidence(service, inspection)


@pytest.mark.sqlite_only  # rows changed in words of its own
@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ("status = 'graded', rma = 'x'", ["inspection.rma", "inspection.status"]),
        ("result = replace(result, 'packaging', 'apparel')", ["inspection.result"]),
        ("decision = NULL", ["inspection.decision"]),
        ("result = '{}'", ["inspection.result"]),
    ],
)
def test_a_changed_row_changes_nothing_of_the_evidence_and_is_told(graded: Any, change: str, fields: list[str]) -> None:
    service, inspection = graded
    before = evidence(service, inspection)
    sql(service, f"UPDATE inspections SET {change}")
    after = evidence(service, inspection)
    assert {name: after[name] for name in ("payload", "signature", "steps", "keys")} == {
        name: before[name] for name in ("payload", "signature", "steps", "keys")
    }
    assert not after["consistent"]
    (difference,) = after["differences"]
    assert difference["code"] == "changed-row"
    assert difference["fields"] == fields


@pytest.mark.sqlite_only  # PostgreSQL keeps no moment that is none
def test_a_row_that_cannot_be_read_is_told(graded: Any) -> None:
    service, inspection = graded
    sql(service, "UPDATE inspections SET created_at = 'never'")
    told = evidence(service, inspection)
    assert told["payload"]["item"]["rma"] == "RMA-7"
    assert [one["code"] for one in told["differences"]] == ["changed-row"]


def test_what_was_signed_can_be_read_after_the_row_is_gone_by_who_looks_into_it(graded: Any) -> None:
    service, inspection = graded
    for table in ("tasks", "inspection_photos"):
        sql(service, f"DELETE FROM {table}")
    sql(service, "DELETE FROM inspections")
    told = evidence(service, inspection)
    assert told["payload"]["item"]["rma"] == "RMA-7"
    assert {one["code"] for one in told["differences"]} == {"row-missing"}
    assert service.as_role("station").get(f"/v1/inspections/{inspection}/evidence").status_code == 404


def test_the_public_key_is_given_out_in_every_form(service: Any) -> None:
    told = service.with_key(None).get("/v1/evidence/key").json()
    forms = [told["public_key"], told["pem"], json.dumps(told["jwk"]), json.dumps(told)]
    assert {key.key_id for form in forms for key in read_keys(form)} == {told["key_id"]}
    assert told["former"] == []
