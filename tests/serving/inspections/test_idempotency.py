from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ITEM = {"rma": "1", "declared_value": {"amount": 10, "currency": "USD"}}


def test_the_same_request_is_done_once(service: Any, photo: bytes) -> None:
    first, second = (service.post([photo], ITEM, key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json()
    assert service.runtime.inspections.count() == 1


def test_the_same_item_written_otherwise_is_the_same(service: Any, photo: bytes) -> None:
    service.post([photo], ITEM, key="k")
    other = b'{ "declared_value": {"currency": "USD", "amount": 1e1}, "rma": "1", "sku": null }'
    assert service.post([photo], other, key="k").status_code == 200


def test_another_item_or_photo_or_order_is_a_conflict(service: Any, render_photo: Any) -> None:
    one, two = render_photo(1), render_photo(2)
    service.post([one, two], ITEM, key="k")
    for answer in (
        service.post([one, two], {"rma": "2"}, key="k"),
        service.post([two, one], ITEM, key="k"),
        service.post([one], ITEM, key="k"),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:regrade:problem:idempotency-conflict"
    assert service.runtime.inspections.count() == 1


def test_a_conflict_does_not_look_at_the_photos(service: Any, photo: bytes) -> None:
    service.post([photo], ITEM, key="k")
    assert service.post([b"no photo"], ITEM, key="k").status_code == 409


def test_requests_at_once_are_done_once(service: Any, photo: bytes) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: service.post([photo], ITEM, key="k"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert service.runtime.inspections.count() == 1


def test_of_different_requests_at_once_one_wins(service: Any, photo: bytes) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: service.post([photo], {"rma": str(n)}, key="k"), range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert service.runtime.inspections.count() == 1


def test_who_waited_for_a_failure_tries_for_itself(service: Any, photo: bytes) -> None:
    broken = photo[: len(photo) // 2]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.post([photo, broken], ITEM, key="k"), range(4)))
    assert [answer.status_code for answer in answers] == [422] * 4
    service.assert_nothing_stored()


def test_a_key_belongs_to_who_sent_it(service: Any, photo: bytes) -> None:
    first = service.post([photo], ITEM, key="k", client=service.as_role("station"))
    second = service.post([photo], ITEM, key="k", client=service.as_role("station"))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_without_a_key_every_request_is_new(service: Any, photo: bytes) -> None:
    assert service.post([photo], ITEM).json()["id"] != service.post([photo], ITEM).json()["id"]
    assert len(service.files()) == 1  # the photo itself is kept once


def test_a_key_is_remembered_over_a_restart(serve: Any, tmp_path: Path, photo: bytes) -> None:
    before = serve(tmp_path / "shared")
    made = before.post([photo], ITEM, key="k").json()
    token = before.client.headers["authorization"]
    before.stop()
    after = serve(tmp_path / "shared")
    again = after.post([photo], ITEM, key="k", Authorization=token)
    assert (again.status_code, again.json()) == (200, made)


def test_the_database_has_the_last_word(service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another process stored the same request between our look and our insert."""
    made = service.post([photo], ITEM, key="k").json()
    look, answers = service.runtime.inspections.by_idempotency_key, [None]

    def late(*slot: str) -> Any:
        return answers.pop() if answers else look(*slot)

    monkeypatch.setattr(service.runtime.inspections, "by_idempotency_key", late)
    again = service.post([photo], ITEM, key="k")
    assert (again.status_code, again.json()) == (200, made)
    answers.append(None)
    assert service.post([photo], {"rma": "2"}, key="k").status_code == 409
    assert service.runtime.inspections.count() == 1
    assert service.runtime.photos.leftovers() == []
