"""Whoever reads 简体中文 is told in it what went wrong."""

import re
from typing import Any

import httpx
import pytest

from regrade.models.errors import PhotoError
from regrade.serving.base.problems import problem_of

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}


def in_chinese(answer: httpx.Response, slug: str) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"urn:regrade:problem:{slug}"
    assert "Accept-Language" in answer.headers["vary"]
    assert re.search("[\u4e00-\u9fff]", document["detail"]), document
    said = re.sub("`[^`]*`", "", document["detail"])  # commands and headers are what they are
    assert not re.search("[A-Za-z]+ [a-z]+ [a-z]+", said), document  # no English sentence
    return document


BAD_PHOTOS = {
    "empty": b"",
    "unsupported-type": b"text",
    "truncated": None,
    "unreadable": b"\xff\xd8\xff" + bytes(range(256)) * 8,
}


@pytest.mark.parametrize("slug", BAD_PHOTOS)
def test_a_bad_photo(service: Any, photo: bytes, slug: str) -> None:
    bad = BAD_PHOTOS[slug]
    answer = service.post([photo, photo[: len(photo) // 2] if bad is None else bad], **CHINESE)
    assert in_chinese(answer, f"photo-{slug}")["detail"].startswith("照片 1：")


@pytest.mark.parametrize(
    "code", ["animated", "too_many_pixels", "bad_dimensions", "too_large", "too_complex", "too_slow"]
)
def test_every_other_code_of_a_photo_has_words(code: str) -> None:
    problem = problem_of(PhotoError(code, "in English", photo=0), "zh-CN")
    assert problem is not None
    assert re.fullmatch("照片 0：[^a-z]+", problem.detail)


ITEMS: dict[str, tuple[object, str]] = {
    "list": ([], "invalid-item"),
    "type": ({"rma": 7}, "invalid-item"),
    "blank": ({"rma": " "}, "invalid-item"),
    "unknown field": ({"rma": "1", "colour": "red"}, "invalid-item"),
    "bidi": ({"rma": "1\u202e"}, "invalid-item"),
    "category": ({"rma": "1", "category": "boats"}, "unknown-category"),
    "amount": ({"rma": "1", "declared_value": {"amount": "1", "currency": "USD"}}, "invalid-declared-value"),
}


@pytest.mark.parametrize("name", ITEMS)
def test_a_bad_item(service: Any, photo: bytes, name: str) -> None:
    item, slug = ITEMS[name]
    document = in_chinese(service.post([photo], item, **CHINESE), slug)
    assert re.search("[\u4e00-\u9fff]", document["errors"][0]["message"])


def test_too_many_photos(service: Any, photo: bytes) -> None:
    in_chinese(service.post([photo] * 13, **CHINESE), "too-many-photos")


def test_a_photo_that_is_too_large(service: Any, photo: bytes) -> None:
    in_chinese(service.post([photo + bytes(25 * 2**20)], **CHINESE), "photo-too-large")


def test_a_wrong_key_and_a_missing_role(service: Any) -> None:
    in_chinese(service.with_key("rg_no_key").get("/v1/inspections", headers=CHINESE), "unauthenticated")
    in_chinese(service.as_role("station").post("/v1/reviews/claim", headers=CHINESE), "forbidden")


def test_busy(serve: Any, photo: bytes) -> None:
    service = serve(queue_limit=1)
    service.runtime.admission.requests = 1  # somebody else's
    assert "1 件商品" in in_chinese(service.post([photo], **CHINESE), "busy")["detail"]
    service.runtime.admission.requests = 0


def test_a_lost_lease(service: Any, photo: bytes) -> None:
    dear = {"rma": "1", "category": "electronics", "declared_value": {"amount": 5000, "currency": "USD"}}
    made = service.post([photo], dear).json()
    body = {"lease": "x", "condition": "used"}
    in_chinese(service.client.post(f"/v1/reviews/{made['id']}", json=body, headers=CHINESE), "lease-lost")


def test_answers_say_that_they_depend_on_the_language(service: Any, photo: bytes) -> None:
    made = service.post([photo], **CHINESE)
    read = service.client.get(made.headers["location"])
    assert [(one.headers["content-language"], one.headers["vary"]) for one in (made, read)] == [
        ("zh-CN", "Accept-Language"),
        ("en", "Accept-Language"),
    ]
