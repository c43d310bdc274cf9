import hashlib
import io
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

ITEM = {
    "rma": "RMA-7",
    "seller": "acme",
    "sku": "S-1",
    "category": "packaging",
    "declared_value": {"amount": 80, "currency": "USD"},
    "station": "bench 3",
    "answers": {"sealed": False},
}


def test_a_graded_item_has_the_documented_shape(service: Any, render_photo: Any) -> None:
    answer = service.post([render_photo(1), render_photo(2)], ITEM)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/inspections/{body['id']}"
    assert set(body) == {
        *("id", "status", "created_at", "item", "category", "grade", "defects", "disposition", "review"),
        *("photos", "models", "timings_ms", "defects_examined", "revision", "now", "identity"),
    }
    assert body["status"] in ("graded", "needs_review")
    assert body["item"] == ITEM
    assert body["category"]["name"] == "packaging"
    assert body["category"]["source"] == "declared"
    assert set(body["grade"]["probabilities"]) == {"unopened", "opened", "used", "damaged"}
    assert sum(body["grade"]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert body["grade"]["condition"] in body["grade"]["prediction_set"]
    assert set(body["disposition"]) == {"action", "expected_recovery", "reasons", "alternatives", "policy"}
    assert body["review"]["required"] == (body["status"] == "needs_review")
    assert set(body["timings_ms"]) == {"read", "queue", "decode", "infer", "store", "other", "total"}


def test_photos_are_described_in_order(service: Any, render_photo: Any) -> None:
    sent = [render_photo(1), render_photo(2, (500, 700)), render_photo(3)]
    photos = service.post(sent).json()["photos"]
    assert [photo["index"] for photo in photos] == [0, 1, 2]
    assert [photo["sha256"] for photo in photos] == [hashlib.sha256(data).hexdigest() for data in sent]
    assert (photos[1]["width"], photos[1]["height"]) == (500, 700)
    assert photos[1]["quality"] == {"ok": True, "issues": []}


def test_without_a_declared_category_it_is_predicted(service: Any, photo: bytes) -> None:
    category = service.post([photo], {"rma": "1"}).json()["category"]
    assert category["source"] == "predicted"
    assert category["name"] in service.runtime.grader.categories


def test_an_inspection_reads_back_as_it_was_answered(service: Any, photo: bytes) -> None:
    made = service.post([photo], ITEM).json()
    assert service.client.get(f"/v1/inspections/{made['id']}").json() == made


def test_a_photo_reads_back_byte_for_byte(service: Any, render_photo: Any) -> None:
    sent = {"image/jpeg": render_photo(1), "image/png": render_photo(2, kind="PNG")}
    sent["image/webp"] = render_photo(3, kind="WEBP")
    made = service.post(list(sent.values())).json()
    for index, (media_type, data) in enumerate(sent.items()):
        answer = service.client.get(f"/v1/inspections/{made['id']}/photos/{index}")
        assert answer.content == data
        assert answer.headers["content-type"] == media_type


def test_a_thumbnail_is_upright_and_as_wide_as_asked(service: Any, render_photo: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    made = service.post([render_photo(1, (640, 480), exif=exif)]).json()
    assert (made["photos"][0]["width"], made["photos"][0]["height"]) == (480, 640)
    for _ in range(2):  # made, then from the cache
        answer = service.client.get(f"/v1/inspections/{made['id']}/photos/0", params={"width": 120})
        assert answer.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (120, 160)


def test_a_thumbnail_is_never_wider_than_the_photo(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    answer = service.client.get(f"/v1/inspections/{made['id']}/photos/0", params={"width": 2000})
    assert Image.open(io.BytesIO(answer.content)).width == 640


@pytest.mark.parametrize("width", [15, 2049, "x"])
def test_a_thumbnail_of_an_odd_width_is_refused(service: Any, photo: bytes, width: object) -> None:
    made = service.post([photo]).json()
    answer = service.client.get(f"/v1/inspections/{made['id']}/photos/0", params={"width": width})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "width"


def test_a_photo_that_the_client_has_is_not_sent_again(service: Any, photo: bytes) -> None:
    path = f"/v1/inspections/{service.post([photo]).json()['id']}/photos/0"
    first = service.client.get(path)
    assert first.headers["cache-control"] == "private, max-age=60"
    again = service.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_reasons_come_in_the_language_of_the_reader(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    path = f"/v1/inspections/{made['id']}"
    chinese = service.client.get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert chinese.headers["content-language"] == "zh-CN"
    assert any("一" <= letter <= "鿿" for letter in "".join(chinese.json()["disposition"]["reasons"]))
    assert service.client.get(path).json()["disposition"]["reasons"] == made["disposition"]["reasons"]


def test_a_photo_that_fails_the_gate_is_to_be_retaken(service: Any, photo: bytes) -> None:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (3, 3, 3)).save(out, "JPEG")
    answer = service.post([photo, out.getvalue()], ITEM)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (201, "retake")
    assert (body["grade"], body["disposition"], body["defects"]) == (None, None, [])
    assert body["review"] == {"required": False, "reasons": [], "who": "nobody", "first": False}
    assert [(one["photo"], one["issue"]) for one in body["retake"]] == [(1, "too_dark")]
    assert "take it again" in body["retake"][0]["advice"]
    assert body["photos"][1]["quality"] == {"ok": False, "issues": ["too_dark"]}


def test_pages_hold_every_inspection_once_newest_first(service: Any, photo: bytes) -> None:
    made = [service.post([photo], {"rma": str(n)}).json()["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        page = service.client.get("/v1/inspections", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [item["id"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_the_list_can_be_narrowed(service: Any, photo: bytes) -> None:
    mine = service.post([photo], {"rma": "1", "seller": "acme", "category": "footwear"}).json()
    service.post([photo], {"rma": "2", "seller": "other", "category": "packaging"})

    def ids(**params: str) -> list[str]:
        return [item["id"] for item in service.client.get("/v1/inspections", params=params).json()["items"]]

    assert ids(seller="acme") == ids(category="footwear") == [mine["id"]]
    assert ids(seller="nobody") == ids(status="reviewed") == ids(since="2100-01-01T00:00:00Z") == []
    assert mine["id"] in ids(status=mine["status"])
    assert mine["id"] in ids(since=mine["created_at"])


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"status": "lost"}, "status"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"since": "0001-01-01T00:00:00+23:59"}, "since"),
        ({"since": "9999-12-31T23:59:59-23:59"}, "since"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "e30"}, "cursor"),
        ({"cursor": "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzIzOjU5IiwgIngiXQ"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
    ],
)
def test_a_wrong_query_names_the_field(service: Any, params: dict[str, Any], field: str) -> None:
    answer = service.client.get("/v1/inspections", params=params)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":invalid-query")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["", "/evidence", "/photos/0"])
def test_an_unknown_inspection_is_not_found(service: Any, path: str) -> None:
    answer = service.client.get(f"/v1/inspections/nothing{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_photo_is_not_found(service: Any, photo: bytes) -> None:
    made = service.post([photo]).json()
    assert service.client.get(f"/v1/inspections/{made['id']}/photos/1").status_code == 404
    assert service.client.get(f"/v1/inspections/{made['id']}/photos/-1").status_code == 404


def test_evidence_is_signed_with_the_published_key(service: Any, photo: bytes, sound: Any) -> None:
    made = service.post([photo], ITEM).json()
    bundle = service.client.get(f"/v1/inspections/{made['id']}/evidence").json()
    published = service.with_key(None).get("/v1/evidence/key").json()
    assert bundle["signature"]["public_key"] == published["public_key"]
    assert sound(bundle, published["public_key"])
    assert bundle["payload"]["photos"][0]["sha256"] == hashlib.sha256(photo).hexdigest()
    assert bundle["payload"]["models"] == made["models"]
    assert bundle["payload"]["received"]["by"]["role"] == "admin"
    assert bundle["payload"]["decision"]["disposition"]["reasons"][0]["code"]


@pytest.mark.parametrize("field", ["status", "item", "photos", "model_output"])
def test_changed_evidence_is_found_out(service: Any, photo: bytes, field: str, sound: Any) -> None:
    made = service.post([photo], ITEM).json()
    bundle = service.client.get(f"/v1/inspections/{made['id']}/evidence").json()
    bundle["payload"][field] = "changed"
    assert not sound(bundle, bundle["signature"]["public_key"])
