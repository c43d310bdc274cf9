"""Photos that are sent ahead of their items: kept at once or in parts, by their hash, for the key that sent them."""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

RenderPhoto = Callable[..., bytes]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(client: httpx.Client, data: bytes, of: bytes | None = None, at: int = 0, **headers: str) -> httpx.Response:
    """Send the bytes `data` of the photo `of`, from `at` on; of that photo alone where there is no other."""
    whole = data if of is None else of
    if of is not None:
        headers["Content-Range"] = f"bytes {at}-{at + len(data) - 1}/{len(of)}"
    return client.put(f"/v1/uploads/{sha(whole)}", content=data, headers=headers)


def ask(client: httpx.Client, photo: bytes) -> httpx.Response:
    return client.put(f"/v1/uploads/{sha(photo)}", headers={"Content-Range": f"bytes */{len(photo)}"})


def grade(client: httpx.Client, *photos: bytes, rma: str = "RMA-1", key: str | None = None) -> httpx.Response:
    body = {"item": {"rma": rma}, "photos": [{"sha256": sha(photo)} for photo in photos]}
    return client.post("/v1/inspections", json=body, headers={} if key is None else {"Idempotency-Key": key})


def kept(service: Any) -> list[Path]:
    return [path for path in (service.settings.data_dir / "uploads").rglob("*") if path.is_file()]


def test_a_photo_is_kept_once_and_is_there_when_it_comes_again(service: Any, photo: bytes) -> None:
    first, again = put(service.client, photo), put(service.client, photo)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() | {"expires_at": None} == {
        "sha256": sha(photo), "size": len(photo), "whole": True, "expires_at": None
    }  # fmt: skip
    assert [path.read_bytes() for path in kept(service)] == [photo]
    assert service.files() == []


def test_an_item_that_names_its_photos_is_answered_as_one_that_brings_them(
    service: Any, render_photo: RenderPhoto
) -> None:
    photos = [render_photo(1), render_photo(2)]
    for one in photos:
        put(service.client, one)
    named, brought = grade(service.client, *photos), service.post(photos, {"rma": "RMA-1"})
    assert (named.status_code, brought.status_code) == (201, 201)
    ours, theirs = named.json(), brought.json()
    for own in ("id", "created_at", "timings_ms"):
        del ours[own], theirs[own]
    assert ours == theirs
    assert sorted(path.read_bytes() for path in service.files()) == sorted(photos)
    assert kept(service) == []


def test_what_is_stored_can_be_named_again_and_need_not_be_sent(service: Any, photo: bytes) -> None:
    service.post([photo])
    assert put(service.client, b"", photo).status_code == 400  # no part at all
    assert ask(service.client, photo).json() == {
        "sha256": sha(photo), "size": len(photo), "whole": True, "expires_at": None
    }  # fmt: skip
    assert put(service.client, photo).status_code == 200
    assert [grade(service.client, photo, photo, rma=rma).status_code for rma in ("A", "B")] == [201, 201]
    assert [path.read_bytes() for path in service.files()] == [photo]


def test_nobody_finds_out_what_another_key_has_sent(service: Any, photo: bytes) -> None:
    ours, theirs = service.as_role("station", "a"), service.as_role("station", "b")
    put(ours, photo)
    assert ask(theirs, photo).json()["size"] == 0
    assert grade(theirs, photo).status_code == 409
    assert grade(ours, photo).status_code == 201
    assert ask(theirs, photo).json()["size"] == 0
    assert put(theirs, photo).status_code == 201


def test_a_hash_that_is_not_there_is_named_and_nothing_is_stored(service: Any, render_photo: RenderPhoto) -> None:
    here, missing = render_photo(1), render_photo(2)
    put(service.client, here)
    answer = grade(service.client, here, missing)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:regrade:problem:photo-not-staged")
    assert (answer.json()["missing"], answer.json()["photo"]) == ([sha(missing)], 1)
    assert sha(missing) in answer.json()["detail"]
    service.assert_nothing_stored()


def test_a_repeated_item_is_answered_again_when_its_photos_are_gone(service: Any, photo: bytes) -> None:
    put(service.client, photo)
    first = grade(service.client, photo, key="once")
    again, brought = grade(service.client, photo, key="once"), service.post([photo], key="once")
    assert [answer.status_code for answer in (first, again, brought)] == [201, 200, 200]
    assert {answer.json()["id"] for answer in (again, brought)} == {first.json()["id"]}
    assert again.headers["idempotency-replayed"] == "true"
    other = grade(service.client, photo, rma="RMA-2", key="once")
    assert (other.status_code, other.json()["type"]) == (409, "urn:regrade:problem:idempotency-conflict")
    lost = client_without(service, photo)
    assert grade(lost, photo, key="once").status_code == 409  # another key's: neither its item nor its photo


def client_without(service: Any, photo: bytes) -> httpx.Client:
    client: httpx.Client = service.as_role("station", "other")
    assert ask(client, photo).json()["size"] == 0
    return client


def test_what_was_erased_cannot_be_named_and_no_copy_is_left(service: Any, photo: bytes) -> None:
    put(service.as_role("station"), photo)  # by another key as well
    put(service.client, photo)
    made = grade(service.client, photo).json()
    assert service.client.delete(f"/v1/inspections/{made['id']}").status_code == 200
    assert (service.files(), kept(service)) == ([], [])
    assert grade(service.client, photo).status_code == 409


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        (b"hello" * 100, 415, "photo-unsupported-type"),
        (b"", 422, "photo-empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", 422, "photo-truncated"),
    ],
)
def test_what_is_no_photo_is_refused_before_its_item_comes(service: Any, data: bytes, status: int, slug: str) -> None:
    answer = put(service.client, data)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:regrade:problem:{slug}")
    assert kept(service) == []


def test_a_photo_beyond_the_limits_is_refused_at_its_head(serve: Any, render_photo: RenderPhoto) -> None:
    service = serve(max_photo_bytes=20_000)
    large = render_photo(0, (1600, 1200))
    for answer in (put(service.client, large), put(service.client, large[:100], large), ask(service.client, large)):
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:regrade:problem:photo-too-large")
    chunked = service.client.put(f"/v1/uploads/{sha(large)}", content=iter([large[:9000], large[9000:]]))
    assert chunked.status_code == 413
    assert kept(service) == []


def test_bytes_of_another_hash_are_refused_and_nothing_of_them_stays(service: Any, render_photo: RenderPhoto) -> None:
    one, other = render_photo(1), render_photo(2)
    answer = service.client.put(f"/v1/uploads/{sha(one)}", content=other)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:regrade:problem:upload-hash-mismatch")
    put(service.client, other[:1000], one)  # a part of it is found out at the end
    assert put(service.client, one[1000:], one, at=1000).status_code == 422
    assert kept(service) == []
    assert put(service.client, one).status_code == 201


def test_what_is_there_is_not_taken_for_other_bytes(service: Any, photo: bytes, render_photo: RenderPhoto) -> None:
    client, other = service.as_role("station"), render_photo(2)
    assert put(client, photo).status_code == 201
    for data in (b"junk", other, photo[:100], photo + b"x"):
        assert client.put(f"/v1/uploads/{sha(photo)}", content=data).status_code == 422
    assert put(client, bytes(100), of=photo, at=100).status_code == 422
    assert put(client, photo[100:200], of=photo, at=100).status_code == 200
    assert put(client, photo).status_code == 200
    assert grade(client, photo).status_code == 201
    assert client.put(f"/v1/uploads/{sha(photo)}", content=b"junk").status_code == 422


def test_a_part_that_is_sent_again_must_be_the_same(service: Any, render_photo: RenderPhoto) -> None:
    client, data = service.as_role("station"), render_photo(5)
    assert put(client, data[:1000], of=data).status_code == 202
    assert put(client, bytes(1000), of=data, at=500).status_code == 422
    done = put(client, data[500:1500], of=data, at=500)
    assert (done.status_code, done.headers["upload-offset"]) == (202, "1500")


def test_a_photo_comes_in_parts_across_a_restart(serve: Any, photo: bytes) -> None:
    service = serve()
    token = service.client.headers["authorization"].removeprefix("Bearer ")
    first = put(service.client, photo[:5000], photo)
    assert (first.status_code, first.headers["upload-offset"]) == (202, "5000")
    again = put(service.client, photo[2000:6000], photo, at=2000)  # what is there already may come again
    assert again.headers["upload-offset"] == "6000"
    service.stop()
    client = serve().with_key(token)
    asked = ask(client, photo)
    assert (asked.status_code, asked.headers["upload-offset"], asked.json()["whole"]) == (202, "6000", False)
    assert put(client, photo[6000:], photo, at=6000).status_code == 201
    assert grade(client, photo).status_code == 201


def test_later_parts_are_held_to_the_total_of_the_first(service: Any, photo: bytes) -> None:
    size = len(photo)

    def send(client: httpx.Client, first: int, last: int, total: int) -> httpx.Response:
        ranged = {"Content-Range": f"bytes {first}-{last}/{total}"}
        return client.put(f"/v1/uploads/{sha(photo)}", content=photo[first : last + 1], headers=ranged)

    assert send(service.client, 0, 99, size).status_code == 202
    asked = service.client.put(f"/v1/uploads/{sha(photo)}", headers={"Content-Range": f"bytes */{size + 1}"})
    for refused in (send(service.client, 100, 199, size + 1), send(service.client, 0, 149, size - 1), asked):
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:regrade:problem:upload-total-mismatch")
        assert str(size) in refused.json()["detail"]
    assert ask(service.client, photo).headers["Upload-Offset"] == "100"
    assert send(service.client, 100, size - 1, size).status_code == 201
    there = service.client.put(f"/v1/uploads/{sha(photo)}", headers={"Content-Range": f"bytes */{size + 1}"})
    assert there.status_code == 422


def test_a_wrong_total_keeps_nobody_from_sending_all_of_it(service: Any, photo: bytes) -> None:
    ranged = {"Content-Range": f"bytes 0-99/{len(photo) + 7}"}
    assert service.client.put(f"/v1/uploads/{sha(photo)}", content=photo[:100], headers=ranged).status_code == 202
    assert put(service.client, photo).status_code == 201
    assert [path.read_bytes() for path in kept(service)] == [photo]


def test_a_part_beyond_what_is_there_says_where_to_go_on(service: Any, photo: bytes) -> None:
    put(service.client, photo[:1000], photo)
    answer = put(service.client, photo[2000:3000], photo, at=2000)
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "1000")
    assert answer.json()["offset"] == 1000


@pytest.mark.parametrize(
    "given", ["bytes 5-2/10", "bytes 0-10/10", "bytes 0-1", "items 0-1/2", "bytes 0-1/*", "x" * 900]
)
def test_a_range_that_cannot_be_is_refused(service: Any, photo: bytes, given: str) -> None:
    answer = service.client.put(f"/v1/uploads/{sha(photo)}", content=photo[:2], headers={"Content-Range": given})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:regrade:problem:bad-content-range")


def test_a_range_of_another_length_than_the_body_is_refused(service: Any, photo: bytes) -> None:
    answer = service.client.put(
        f"/v1/uploads/{sha(photo)}", content=photo[:9], headers={"Content-Range": f"bytes 0-99/{len(photo)}"}
    )
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:regrade:problem:bad-content-range")


@pytest.mark.parametrize("name", ["x", "A" * 64, "0" * 63, "..%2f" + "0" * 59])
def test_what_is_no_hash_is_refused(service: Any, photo: bytes, name: str) -> None:
    assert service.client.put(f"/v1/uploads/{name}", content=photo).status_code in (404, 422)


def test_a_cut_connection_does_not_begin_anew(service: Any, photo: bytes) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    head = f"PUT /v1/uploads/{sha(photo)} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(photo)}\r\n"
    head += f"Authorization: {service.client.headers['authorization']}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + photo[:4000])
        time.sleep(0.1)
    deadline = time.monotonic() + 10
    while (offset := int(ask(service.client, photo).headers["upload-offset"])) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert offset == 4000
    assert put(service.client, photo[offset:], photo, at=offset).status_code == 201


def test_a_key_that_has_used_up_its_budget_is_told_when_there_is_room(serve: Any, render_photo: RenderPhoto) -> None:
    photos = [render_photo(seed) for seed in range(3)]
    size = max(map(len, photos))
    service = serve(upload_budget=2 * size + 10, max_photo_bytes=2 * size, max_body_bytes=2 * size + 5000)
    assert [put(service.client, one).status_code for one in photos] == [201, 201, 429]
    refused = put(service.client, photos[2])
    assert refused.json()["type"] == "urn:regrade:problem:upload-budget"
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    assert put(service.as_role("station"), photos[2]).status_code == 201  # others are not kept out
    assert grade(service.client, *photos[:2]).status_code == 201  # what an item has named counts no more
    assert put(service.client, photos[2]).status_code == 201


def test_what_has_expired_is_as_if_it_never_came_and_is_removed(service: Any, photo: bytes) -> None:
    put(service.client, photo)
    [path] = kept(service)
    os.utime(path, (0, 0))
    assert grade(service.client, photo).status_code == 409
    assert ask(service.client, photo).json()["size"] == 0
    staged = service.runtime.staged
    staged._swept_at = -float("inf")
    assert (staged.sweep(), kept(service)) == (1, [])
    assert put(service.client, photo).status_code == 201


def test_a_file_that_went_bad_must_be_sent_again(service: Any, photo: bytes) -> None:
    put(service.client, photo)
    [path] = kept(service)
    path.write_bytes(photo[:-1] + b"?")
    assert grade(service.client, photo).json()["missing"] == [sha(photo)]
    assert put(service.client, photo).status_code == 201
    assert grade(service.client, photo).status_code == 201


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        ({"photos": [{"sha256": "0" * 64}]}, "invalid-request"),
        ({"item": {"rma": "1"}, "photos": []}, "no-photos"),
        ({"item": {"rma": "1"}, "photos": [{"sha256": "0" * 64}] * 13}, "too-many-photos"),
        ({"item": {"rma": "1"}, "photos": [{"sha256": "zz"}]}, "invalid-request"),
        ({"item": {"rma": "1"}, "photos": [{"sha256": "0" * 64, "name": "a"}]}, "invalid-request"),
        ({"item": {"rma": ""}, "photos": [{"sha256": "0" * 64}]}, "invalid-item"),
        ({"item": {"rma": "1", "category": "cheese"}, "photos": [{"sha256": "0" * 64}]}, "unknown-category"),
        (
            {
                "item": {"rma": "1", "declared_value": {"amount": -1, "currency": "USD"}},
                "photos": [{"sha256": "0" * 64}],
            },
            "invalid-declared-value",
        ),
    ],
)
def test_a_bad_item_is_refused_in_the_words_of_a_form(service: Any, body: Any, slug: str) -> None:
    answer = service.client.post("/v1/inspections", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:regrade:problem:{slug}")
    service.assert_nothing_stored()


def test_an_item_that_is_too_long_is_refused_however_it_comes(service: Any) -> None:
    item = {"rma": "1", "answers": {"note": "x" * 70_000}}
    answer = service.client.post("/v1/inspections", json={"item": item, "photos": [{"sha256": "0" * 64}]})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:regrade:problem:item-too-large")
    huge = service.client.post("/v1/inspections", json={"item": item | {"answers": {"note": "x" * 300_000}}})
    assert huge.status_code == 413


def test_both_ways_to_send_an_item_are_described(service: Any) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    content = paths["/v1/inspections"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    assert {"200", "201", "202", "409", "429"} <= set(paths["/v1/uploads/{sha256}"]["put"]["responses"])
