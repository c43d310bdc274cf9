"""Everything that a station can send wrong: each has its own problem, says what to do, and leaves nothing behind."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from regrade.models.photos.files import heif

pytestmark = pytest.mark.slow


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG that announces a size; decoding it would take width × height bytes."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def animation(kind: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (300, 300)).save(out, "GIF")
    return out.getvalue()


BAD_PHOTOS: dict[str, tuple[Callable[[bytes], bytes], int, str]] = {
    "truncated": (lambda good: good[: len(good) // 2], 422, "photo-truncated"),
    "narrow bomb": (lambda good: png_header(1, 100_000), 422, "photo-bad-dimensions"),
    "square bomb": (lambda good: png_header(30_000, 30_000), 422, "photo-too-many-pixels"),
    "animated PNG": (lambda good: animation("PNG"), 422, "photo-animated"),
    "animated WebP": (lambda good: animation("WEBP"), 422, "photo-animated"),
    "empty": (lambda good: b"", 422, "photo-empty"),
    "text": (lambda good: b"this is no photo, whatever its name says", 415, "photo-unsupported-type"),
    "GIF": (lambda good: gif(), 415, "photo-unsupported-type"),
    "garbage after the magic": (lambda good: b"\xff\xd8\xff" + bytes(range(256)) * 8, 422, "photo-unreadable"),
    "25 MB": (lambda good: good + bytes(25 * 2**20), 413, "photo-too-large"),
}


def assert_problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert answer.status_code == status, document
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"urn:regrade:problem:{slug}"
    assert document["status"] == status
    assert document["title"]
    assert len(document["detail"]) > 20
    return document


@pytest.mark.parametrize("name", BAD_PHOTOS)
def test_a_bad_photo_is_named_and_nothing_is_stored(service: Any, photo: bytes, name: str) -> None:
    make, status, slug = BAD_PHOTOS[name]
    problem = assert_problem(service.post([photo, make(photo), photo], key="k"), status, slug)
    assert problem["photo"] == 1
    assert "Photo 1" in problem["detail"]
    service.assert_nothing_stored()


@pytest.mark.parametrize(("lang", "words"), [("en", "Settings > Camera > Formats"), ("zh-CN", "设置 > 相机 > 格式")])
def test_where_heic_is_not_read_the_refusal_names_the_cameras_setting(
    service: Any, photo: bytes, render_photo: Any, monkeypatch: pytest.MonkeyPatch, lang: str, words: str
) -> None:
    monkeypatch.setattr(heif, "_has_heic", lambda: False)
    answer = service.post([photo, render_photo(1, kind="HEIF")], Accept_Language=lang)
    problem = assert_problem(answer, 415, "photo-heic-unsupported")
    assert problem["photo"] == 1
    assert words in problem["detail"]
    service.assert_nothing_stored()


BAD_ITEMS: dict[str, tuple[object, str, str]] = {
    "not JSON": (b"{rma: 1}", "invalid-json", ""),
    "truncated JSON": (b'{"rma": "1"', "invalid-json", ""),
    "empty": (b" ", "invalid-json", ""),
    "a list": ([], "invalid-item", ""),
    "no RMA": ({"seller": "x"}, "invalid-item", "rma"),
    "an empty RMA": ({"rma": ""}, "invalid-item", "rma"),
    "an RMA of the wrong type": ({"rma": 7}, "invalid-item", "rma"),
    "a long RMA": ({"rma": "1" * 129}, "invalid-item", "rma"),
    "a control character": ({"rma": "1\u0000"}, "invalid-item", "rma"),
    "an unknown field": ({"rma": "1", "colour": "red"}, "invalid-item", "colour"),
    "answers that are no object": ({"rma": "1", "answers": [1]}, "invalid-item", "answers"),
    "an answer beyond all numbers": (b'{"rma": "1", "answers": {"n": 1e999}}', "invalid-item", "answers"),
    "a huge integer": (b'{"rma": "1", "answers": {"n": ' + b"9" * 400 + b"}}", "invalid-item", "answers"),
    "an endless integer": (b'{"rma": "1", "answers": {"n": ' + b"9" * 5000 + b"}}", "invalid-json", ""),
    "deep answers": (b'{"rma":"1","answers":{"a":' + b"[" * 40 + b"]" * 40 + b"}}", "invalid-item", "answers"),
    "an unknown category": ({"rma": "1", "category": "boats"}, "unknown-category", "category"),
    "an unknown currency": (
        {"rma": "1", "declared_value": {"amount": 1, "currency": "XTS"}},
        "unknown-currency",
        "declared_value.currency",
    ),
    "a currency in words": (
        {"rma": "1", "declared_value": {"amount": 1, "currency": "dollars"}},
        "invalid-declared-value",
        "declared_value.currency",
    ),
    "a negative value": (
        {"rma": "1", "declared_value": {"amount": -1, "currency": "USD"}},
        "invalid-declared-value",
        "declared_value.amount",
    ),
    "an infinite value": (
        b'{"rma": "1", "declared_value": {"amount": Infinity, "currency": "USD"}}',
        "invalid-declared-value",
        "declared_value.amount",
    ),
    "a value without a currency": (
        {"rma": "1", "declared_value": {"amount": 1}},
        "invalid-declared-value",
        "declared_value.currency",
    ),
}


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_a_bad_item_names_the_field_and_nothing_is_stored(service: Any, photo: bytes, name: str) -> None:
    item, slug, field = BAD_ITEMS[name]
    problem = assert_problem(service.post([photo], item, key="k"), 422, slug)
    assert [fault["field"] for fault in problem["errors"]] == [field]
    service.assert_nothing_stored()


def test_an_unknown_field_lists_the_legal_ones(service: Any, photo: bytes) -> None:
    top = service.post([photo], {"rma": "1", "x": 1}).json()["errors"][0]["message"]
    assert all(name in top for name in ("rma", "seller", "sku", "category", "declared_value", "station", "answers"))
    value = {"amount": 1, "currency": "USD", "x": 1}
    inner = service.post([photo], {"rma": "1", "declared_value": value}).json()["errors"][0]
    assert inner["field"] == "declared_value.x"
    assert "Legal fields: amount, currency." in inner["message"]


def test_an_unknown_category_or_currency_lists_the_known(service: Any, photo: bytes) -> None:
    category = service.post([photo], {"rma": "1", "category": "boats"}).json()
    assert all(name in category["detail"] for name in service.runtime.grader.categories)
    value = {"amount": 1, "currency": "XTS"}
    currency = service.post([photo], {"rma": "1", "declared_value": value}).json()
    assert all(name in currency["detail"] for name in service.runtime.policy.currencies)


FAULTS: dict[str, tuple[object, str]] = {
    "a list": ([], "The item is not valid. It must be a JSON object."),
    "a number": ({"rma": 7}, "rma: must be a string."),
    "blank": ({"rma": " \t"}, "rma: must not be empty."),
    "long": ({"rma": "1" * 129}, "rma: must have at most 128 characters."),
    "bidi": ({"rma": "1", "sku": "a\u202eb"}, "sku: must not contain control characters or marks"),
    "C1": ({"rma": "1", "seller": "a\u0085b"}, "seller: must not contain control characters"),
    "list": ({"rma": "1", "answers": [1]}, "answers: must be a JSON object."),
    "text": ({"rma": "1", "declared_value": {"amount": "12", "currency": "USD"}}, "amount: must be a number."),
    "truth": ({"rma": "1", "declared_value": {"amount": True, "currency": "USD"}}, "amount: must be a number."),
    "dear": ({"rma": "1", "declared_value": {"amount": 1e10, "currency": "USD"}}, "must be 1000000000 or less."),
    "below": ({"rma": "1", "declared_value": {"amount": -1, "currency": "USD"}}, "amount: must be 0 or more."),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_in_a_whole_sentence(service: Any, photo: bytes, name: str) -> None:
    item, words = FAULTS[name]
    answer = service.post([photo], item)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_spaces_around_names_are_dropped(service: Any, photo: bytes) -> None:
    item = {"rma": " RMA-1\n", "seller": "\tacme ", "sku": " a b", "station": "s1 "}
    made = service.post([photo], item).json()
    assert made["item"] == {"rma": "RMA-1", "seller": "acme", "sku": "a b", "station": "s1"}


def test_a_negative_zero_is_zero(service: Any, photo: bytes) -> None:
    item = b'{"rma": "1", "declared_value": {"amount": -0.0, "currency": "USD"}}'
    assert '"amount":0.0,"currency":"USD"' in service.post([photo], item).text.replace(" ", "")


def test_every_wrong_field_is_named_at_once(service: Any, photo: bytes) -> None:
    problem = assert_problem(service.post([photo], {"rma": "", "x": 1, "sku": 5}), 422, "invalid-item")
    assert {fault["field"] for fault in problem["errors"]} == {"rma", "x", "sku"}


def test_thirteen_photos_are_one_too_many(service: Any, photo: bytes) -> None:
    assert "12" in assert_problem(service.post([photo] * 13), 422, "too-many-photos")["detail"]
    service.assert_nothing_stored()


def test_twelve_photos_are_welcome(service: Any, photo: bytes) -> None:
    assert len(service.post([photo] * 12).json()["photos"]) == 12


def test_no_photo_is_too_few(service: Any) -> None:
    answer = service.client.post("/v1/inspections", files={"item": (None, '{"rma": "1"}')})
    assert_problem(answer, 422, "no-photos")
    service.assert_nothing_stored()


def test_no_item_is_refused(service: Any, photo: bytes) -> None:
    assert_problem(service.client.post("/v1/inspections", files={"photos": photo}), 422, "missing-item")
    service.assert_nothing_stored()


def test_an_item_beyond_its_size_is_refused(service: Any, photo: bytes) -> None:
    item = {"rma": "1", "answers": {"note": "x" * 70_000}}
    assert_problem(service.post([photo], item), 413, "item-too-large")
    service.assert_nothing_stored()


def test_a_body_beyond_its_size_is_refused_before_it_is_read(serve: Any, photo: bytes) -> None:
    service = serve(max_body_bytes=200_000, max_photo_bytes=200_000)
    assert_problem(service.post([photo] * 4), 413, "body-too-large")
    service.assert_nothing_stored()


def test_a_body_of_unknown_length_is_measured_while_it_comes(serve: Any, photo: bytes) -> None:
    service = serve(max_body_bytes=200_000, max_photo_bytes=200_000)
    request = service.client.build_request("POST", "/v1/inspections", files=[("photos", photo)] * 4)
    request.read()
    chunks = (request.content[at : at + 10_000] for at in range(0, len(request.content), 10_000))
    headers = {"Content-Type": request.headers["content-type"]}
    assert_problem(service.client.post("/v1/inspections", content=chunks, headers=headers), 413, "body-too-large")
    service.assert_nothing_stored()


@pytest.mark.parametrize("content_type", ["text/plain", None])
def test_what_is_not_multipart_is_refused(service: Any, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = service.client.post("/v1/inspections", content=b'{"rma": "1"}', headers=headers)
    assert_problem(answer, 415, "not-multipart")
    service.assert_nothing_stored()


@pytest.mark.parametrize("key", ["", "x" * 129, "caf\u00e9", "a\tb"])
def test_an_unusable_idempotency_key_is_refused(service: Any, photo: bytes, key: str) -> None:
    answer = service.client.post(
        "/v1/inspections", files={"photos": photo}, headers=[(b"Idempotency-Key", key.encode("latin-1"))]
    )
    assert_problem(answer, 422, "invalid-idempotency-key")
    service.assert_nothing_stored()


def test_a_refused_request_may_be_mended_and_sent_again_under_its_key(service: Any, photo: bytes) -> None:
    assert service.post([b""], key="k").status_code == 422
    assert service.post([photo], key="k").status_code == 201


def test_a_client_that_closes_after_its_request_still_reads_the_refusal(service: Any, photo: bytes) -> None:
    headers = {"Connection": "close"}
    answer = service.client.post("/v1/inspections", files=[("photos", photo + bytes(25 * 2**20))], headers=headers)
    assert_problem(answer, 413, "photo-too-large")


def test_unknown_paths_and_methods_are_problems_too(service: Any) -> None:
    assert_problem(service.client.get("/v1/nothing"), 404, "not-found")
    assert_problem(service.client.post("/v1/inspections/"), 404, "not-found")  # no redirect: it could lose the body
    answer = service.client.delete("/v1/inspections")
    assert "Use GET, HEAD, POST." in assert_problem(answer, 405, "method-not-allowed")["detail"]
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert service.client.get("/v1/reviews/claim").headers["allow"] == "POST"
    assert service.client.head("/v1/reviews/claim").status_code == 405


def test_an_unexpected_error_has_an_incident_number(
    service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(service.runtime.inspections, "insert", fail)
    problem = assert_problem(service.post([photo]), 500, "internal")
    assert problem["incident"] in problem["detail"]
    assert "no space left" not in problem["detail"]
    assert service.runtime.inspections.count() == 0
