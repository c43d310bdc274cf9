"""Query parameters of the API: unknown ones, moments, cursors that nobody was given, and filters that find."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade.serving.http.routes.queries import moment
from regrade.serving.inspections.cursors import cursor_pattern, decode_cursor, encode_cursor

pytestmark = pytest.mark.slow

ID = "01a209ba-2806-75c9-b202-7b4d404dc07e"
WHEN = "2026-11-23T18:45:24.614393+00:00"


def faults(answer: Any) -> list[str]:
    """The fields that an answer says to be wrong."""
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:invalid-query"), answer.text
    return [fault["field"] for fault in answer.json()["errors"]]


CURSORS = {
    "nothing": "",
    "a word": "abc",
    "not ASCII": "é",
    "NUL": "inspections\0",
    "a list alone": "inspections",
    "no id": "inspections.1763923524614393.",
    "no moment": f"inspections..{ID}",
    "another list": f"queue.1763923524614393.{ID}",
    "a list that there is not": f"audit.1763923524614393.{ID}",
    "of before, in base64": base64.urlsafe_b64encode(json.dumps([WHEN, ID]).encode()).decode(),
    "more behind it": f"inspections.1763923524614393.{ID}.1",
    "a line behind it": f"inspections.1763923524614393.{ID}\n",
    "an id that is none": "inspections.1763923524614393.x",
    "an id in capitals": f"inspections.1763923524614393.{ID.upper()}",
    "NUL in the id": f"inspections.1763923524614393.{ID[:-1]}\0",
    "a huge id": f"inspections.1763923524614393.{ID * 500}",
    "before 1970": f"inspections.-1.{ID}",
    "the year 5139": f"inspections.{10**17}.{ID}",
    "a huge number": f"inspections.{'9' * 5000}.{ID}",
    "a number of another script": f"inspections.１.{ID}",
    "a fraction": f"inspections.0.5.{ID}",
    "a number in another form": f"inspections.1e9.{ID}",
    "a number with a zero before it": f"inspections.01.{ID}",
    "a moment": f"inspections.{WHEN}.{ID}",
    "SQL": f"inspections.1.{ID}' OR 1=1",
    "JSON": '["inspections", 1, 2]',
    "nested deep": "[" * 15_000,
}


def test_a_forged_cursor_is_refused(service: Any) -> None:
    for name, cursor in CURSORS.items():
        assert faults(service.client.get("/v1/inspections", params={"cursor": cursor})) == ["cursor"], name


def test_a_forged_cursor_is_refused_at_the_desk_too(service: Any) -> None:
    browser, here = service.with_key(None), {"origin": service.url}
    browser.post("/desk/login", data={"key": service.key("reviewer")}, headers=here)
    for name, cursor in CURSORS.items():
        of_queue = cursor.replace("queue", "items").replace("inspections", "queue")
        answer = browser.get("/desk", params={"cursor": of_queue})
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), name


@given(st.from_regex(cursor_pattern("inspections"), fullmatch=True))
@settings(max_examples=200)
def test_whatever_has_the_form_of_a_cursor_is_a_place(cursor: str) -> None:
    assert encode_cursor("inspections", *decode_cursor("inspections", cursor)) == cursor


@given(st.datetimes(datetime(1970, 1, 1), datetime(5138, 1, 1), timezones=st.just(UTC)), st.uuids())
def test_every_place_has_a_cursor_that_leads_back(moment: datetime, row: UUID) -> None:
    cursor = encode_cursor("inspections", moment, str(row))
    assert decode_cursor("inspections", cursor) == (moment, str(row))
    assert quote(cursor) == cursor


def test_an_own_cursor_is_taken(service: Any) -> None:
    cursor = encode_cursor("inspections", moment(WHEN), ID)
    assert service.client.get("/v1/inspections", params={"cursor": cursor}).json() == {"items": [], "next_cursor": None}


MOMENTS = [
    "0.5", "0", "1763923524", "1763923524000", "-1", "1e9", "NaN", "now", "today", "2026-11-23", "2026-11-23T10:00:00",
    "2026-11-23T10:00Z", "2026-W48-1T10:00:00Z", "20261123T100000Z", "2026-11-23T10:00:00 02:00",
    "2026-11-23T10:00:00+2",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "10000-01-01T00:00:00Z",
    "2026-12-31T23:59:60Z", "2026-02-30T10:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T10:00:00+24:00",
    "２０２６-11-23T10:00:00Z", "2026-11-23T10:00:00Z\n", " 2026-11-23T10:00:00Z", "2026-11-23T10:00:00,5Z", "PT1H", "",
]  # fmt: skip


@pytest.mark.parametrize("name", ["since", "updated_since"])
def test_what_is_no_moment_of_rfc_3339_is_refused_in_words(service: Any, name: str) -> None:
    for written in MOMENTS:
        answer = service.client.get("/v1/inspections", params={name: written})
        assert faults(answer) == [name], written
        assert "such as 2026-11-23T10:00:00Z" in answer.json()["detail"]


def test_every_moment_of_rfc_3339_is_taken(service: Any) -> None:
    for written in (
        *("2026-11-23T10:00:00Z", "2026-11-23t10:00:00z", "2026-11-23T10:00:00.123456789+08:00"),
        *("2026-11-23 10:00:00-00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"),
    ):
        assert service.client.get("/v1/inspections", params={"since": written}).status_code == 200, written


def test_every_route_of_the_api_refuses_parameters_that_it_does_not_know(service: Any) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method, described in methods.items():
            asked = path.replace("{index}", "0")
            given = [one for one in described.get("parameters", []) if one["in"] == "query"]
            needed = "".join(f"&{one['name']}=1" for one in given if one.get("required"))
            answer = service.client.request(method, f"{asked}?unheard_of=1{needed}")
            if path.startswith("/v2"):  # where faults have the form of the Open Inference Protocol
                assert (answer.status_code, "unheard_of" in answer.json()["error"]) == (422, True), f"{method} {path}"
                continue
            assert faults(answer) == ["unheard_of"], f"{method} {path}"
            assert all(one["name"] in answer.json()["detail"] for one in given)


def test_a_parameter_that_stands_twice_is_refused(service: Any) -> None:
    assert faults(service.client.get("/v1/inspections?rma=1&rma=2")) == ["rma"]
    assert faults(service.client.get("/v1/inspections?limit=1&limit=1")) == ["limit"]


def test_a_query_in_another_encoding_is_refused(service: Any) -> None:
    assert faults(service.client.get("/v1/inspections?seller=%CD%CB%BB%F5")) == [""]
    assert service.client.get("/v1/inspections?seller=%E9%80%80%E8%B4%A7").status_code == 200


def test_the_key_comes_before_the_query(service: Any) -> None:
    assert service.with_key(None).get("/v1/inspections?unheard_of=1").status_code == 401
    assert service.as_role("station").post("/v1/reviews/claim?unheard_of=1").status_code == 403


def test_pages_take_what_others_add_to_links(service: Any) -> None:
    assert service.with_key(None).get("/station?utm_source=mail").status_code == 200
    assert service.with_key(None).get("/desk/login?utm_source=mail").status_code == 200


def test_the_list_is_narrowed_by_everything_that_the_contract_names(service: Any, photo: bytes) -> None:
    item = {"rma": "R 1", "sku": "S1", "seller": "acme", "station": "bench 3", "category": "footwear"}
    made = service.post([photo], item).json()
    service.post([photo], {"rma": "R 2", "category": "packaging"})
    sure = {"condition": made["grade"]["condition"], "disposition": made["disposition"]["action"]}
    for name, value in {**item, **sure, "status": made["status"], "updated_since": made["created_at"]}.items():
        found = service.client.get("/v1/inspections", params={name: value}).json()["items"]
        assert made["id"] in [one["id"] for one in found], name
        assert all(value in (one["item"].get(name), value) for one in found)
    for name in ("rma", "sku", "seller", "station"):
        assert service.client.get("/v1/inspections", params={name: "another"}).json()["items"] == []
    both = service.client.get("/v1/inspections", params={"rma": "R 1", "category": "packaging"})
    assert both.json()["items"] == []


NONSENSE = [
    ("condition", "fine"), ("disposition", "sell"), ("rma", ""), ("rma", "a\u200bb"), ("seller", "a\0b"),
    ("station", "x" * 129), ("limit", "1.5"), ("limit", "9" * 5000), ("limit", "１"),
]  # fmt: skip


def test_a_filter_that_makes_no_sense_is_named_in_a_whole_sentence(service: Any) -> None:
    for field, written in NONSENSE:
        answer = service.client.get("/v1/inspections", params={field: written})
        assert faults(answer) == [field]
        assert answer.json()["errors"][0]["message"].startswith(("must ", "there is")), answer.text


def test_an_id_that_is_none_is_not_found(service: Any) -> None:
    for name in ("x", "%00", "a%00b", "%FF", "x" * 5000, "..%2F..%2Fetc", "'%20OR%201=1", "null"):
        for path in ("", "/evidence", "/audit"):
            assert service.client.get(f"/v1/inspections/{name}{path}").status_code == 404, name
        assert service.client.post(f"/v1/reviews/{name}/undo").status_code == 404, name


def test_a_query_is_checked_without_writing_the_description(service: Any) -> None:
    """That takes a third of a second, in which nobody else is answered."""
    assert service.client.get("/v1/inspections", params={"limit": 1}).status_code == 200
    assert faults(service.client.get("/v1/inspections", params={"most": 1})) == ["most"]
    assert service.app.openapi_schema is None
