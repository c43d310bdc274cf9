"""What tests of the desk over HTTP begin with: an item that a person must look at, and somebody who claims it."""

from typing import Any

DEAR = {"rma": "1", "category": "electronics", "station": "s1", "declared_value": {"amount": 5000, "currency": "USD"}}
"""An item dear enough that the default policy always asks for a human."""


def post_for_review(service: Any, photo: bytes, **item: Any) -> dict[str, Any]:
    made: dict[str, Any] = service.post([photo], DEAR | item).json()
    assert made["status"] == "needs_review"
    return made


def claim(client: Any) -> dict[str, Any]:
    answer = client.post("/v1/reviews/claim")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body
