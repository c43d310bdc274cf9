"""JSON that another reader might take for something else: encodings, names that stand twice, nesting, numbers."""

import json
from typing import Any

import pytest

from regrade.serving.base.errors import InvalidFieldsError
from regrade.serving.base.json_text import read_model
from regrade.serving.grading.item import Item
from regrade.serving.http.schemas import ActivationIn, ReviewIn

GOOD = b'{"rma": "RMA-1"}'


def refusal(data: bytes, model: Any = Item) -> tuple[str, list[str], str]:
    """Code, fields at fault and words of the refusal of `data`."""
    with pytest.raises(InvalidFieldsError) as caught:
        read_model(data, model, "item")
    return caught.value.code, [fault.field for fault in caught.value.faults], str(caught.value)


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_model(b"\xef\xbb\xbf" + GOOD, Item, "item").rma == "RMA-1"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_utf_16_is_told_to_be_so(encoding: str) -> None:
    code, _, words = refusal(GOOD.decode().encode(encoding))
    assert code == "invalid-json"
    assert "UTF-16. Send JSON in UTF-8" in words


@pytest.mark.parametrize("encoding", ["gbk", "big5", "shift_jis", "latin-1"])
def test_other_encodings_are_told_to_send_utf_8(encoding: str) -> None:
    text = "Rückläufer" if encoding == "latin-1" else "返品退货" if encoding == "shift_jis" else "退貨單"
    code, _, words = refusal(json.dumps({"rma": text}, ensure_ascii=False).encode(encoding, "ignore"))
    assert code == "invalid-json"
    assert "not UTF-8" in words


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"rma": "1", "rma": "2"}', ["rma"]),
        ('{"rma": "1", "rma": "1"}', ["rma"]),
        (r'{"rma": "1", "\u0072ma": "2"}', ["rma"]),
        ('{"rma": "1", "sku": null, "sku": "2", "rma": "3"}', ["rma", "sku"]),
        ('{"rma": "1", "declared_value": {"amount": 1, "currency": "USD", "amount": 2}}', ["declared_value.amount"]),
        ('{"rma": "1", "answers": {"a": [{"b": {"c": 1, "c": NaN}}]}}', ["answers.a.0.b.c"]),
        ('{"rma": "1", "answers": {"": 1, "": 2}}', ["answers."]),
        ('{"rma": "1", "answers": {}, "answers": {"a": 1}}', ["answers"]),
    ],
)
def test_a_name_that_stands_twice_is_refused_and_named(text: str, fields: list[str]) -> None:
    code, named, words = refusal(text.encode())
    assert (code, named) == ("invalid-item", fields)
    assert "stands twice" in words


def test_equal_names_in_different_objects_are_fine() -> None:
    text = b'{"rma": "1", "answers": {"a": {"rma": 1}, "b": [{"rma": 1}, {"rma": 1}]}}'
    assert read_model(text, Item, "item").answers is not None


@pytest.mark.parametrize(
    "text",
    [
        '{"rma": "1", "answers": {"a": NaN}}',
        '{"rma": "1", "answers": {"a": -Infinity}}',
        '{"rma": "1", "answers": {"a": 1e999}}',
        '{"rma": "1", "declared_value": {"amount": NaN, "currency": "USD"}}',
        r'{"rma": "\ud800"}',
        r'{"rma": "1", "answers": {"\udfff": 1}}',
        '{"rma": "1", "answers": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
        '{"rma": "1", "answers": {"a": ' + "[" * 60_000 + "]" * 60_000 + "}}",
        '{"rma": "1", "answers": {"a": ' + "9" * 100_000 + "}}",
        '{"rma": "1"} {"rma": "2"}',
        '{"rma": "1",}',
        "{'rma': '1'}",
        '{"rma": "1" /* no */}',
        "null",
        '"rma"',
        "",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_plain_json_is_refused(text: str) -> None:
    assert refusal(text.encode())[0].startswith("invalid-")


def test_a_nul_in_an_answer_is_refused_and_the_text_of_one_is_not() -> None:
    assert refusal(b'{"rma": "1", "answers": {"a": "\\u0000"}}')[1] == ["answers"]
    assert read_model(b'{"rma": "1", "answers": {"a": "\\\\u0000"}}', Item, "item").answers == {"a": "\\u0000"}


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (ReviewIn, '{"lease": "x", "condition": "used", "condition": "damaged"}'),
        (ReviewIn, '{"lease": "x", "condition": "used", "defects": [{"photo": 0, "type": "tear", "photo": 1}]}'),
        (ActivationIn, '{"version": "1", "version": "2"}'),
    ],
)
def test_every_body_of_the_api_is_read_so(model: Any, text: str) -> None:
    assert "stands twice" in refusal(text.encode(), model)[2]


@pytest.mark.parametrize(
    ("path", "field"), [("/v1/reviews/x", "condition"), ("/v1/models/packaging/activate", "version")]
)
def test_a_name_that_stands_twice_is_refused_over_http(service: Any, path: str, field: str) -> None:
    text = f'{{"lease": "x", "{field}": "used", "{field}": "damaged"}}'
    answer = service.client.post(path, content=text)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:invalid-request")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_byte_order_mark_before_the_item_is_skipped_over_http(service: Any, photo: bytes) -> None:
    files = {"photos": photo, "item": ("item.json", b"\xef\xbb\xbf" + GOOD, "application/json; charset=utf-8")}
    assert service.client.post("/v1/inspections", files=files).json()["item"] == {"rma": "RMA-1"}


def test_an_item_in_gbk_is_refused_and_nothing_is_stored(service: Any, photo: bytes) -> None:
    files = {"photos": photo, "item": ("item.json", '{"rma": "退货"}'.encode("gbk"), "application/json; charset=gbk")}
    answer = service.client.post("/v1/inspections", files=files)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:invalid-json")
    service.assert_nothing_stored()


def test_a_field_of_a_form_that_stands_twice_is_refused(service: Any) -> None:
    key, browser = service.key("reviewer"), service.with_key(None)
    headers = {"origin": service.url, "content-type": "application/x-www-form-urlencoded"}
    answer = browser.post("/desk/login", content=f"key={key}&key={key}", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "key")
