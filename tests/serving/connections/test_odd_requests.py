"""Requests that no decent client sends, and some that a few do."""

import random
import time
from typing import Any

import pytest

LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
PHOTO = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="1.jpg"\r\n\r\n'
ITEM = b'\r\n--b\r\nContent-Disposition: form-data; name="item"\r\n\r\n{"rma": "1"}\r\n--b--\r\n'


def head(service: Any, *lines: str) -> str:
    key = service.client.headers["authorization"]
    kind = "Content-Type: multipart/form-data; boundary=b"
    return "\r\n".join(["POST /v1/inspections HTTP/1.1", "Host: x", f"Authorization: {key}", kind, *lines, "", ""])


def test_a_flood_of_requests_in_one_packet_is_answered_in_order(service: Any, connect: Any) -> None:
    wire = connect(service, LIVE * 500, "GET /nothing HTTP/1.1\r\n\r\n")
    assert [wire.answer().status for _ in range(501)] == [200] * 500 + [404]


def test_a_flood_that_nobody_reads_is_held_back(service: Any, connect: Any) -> None:
    wire = connect(service)
    wire.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        wire.send(LIVE * 2_000_000)
    assert service.client.get("/v2/health/ready").status_code == 200


def test_an_item_may_follow_another_request_at_once(service: Any, connect: Any, photo: bytes) -> None:
    body = PHOTO + photo + bytes(300_000) + ITEM
    wire = connect(service, LIVE * 3, head(service, f"Content-Length: {len(body)}"))
    wire.send(body).send(LIVE)
    assert [wire.answer().status for _ in range(5)] == [200, 200, 200, 201, 200]


@pytest.mark.parametrize("extension", ["", ";" + "e" * 60])
def test_a_body_that_is_nearly_all_framing_is_refused(service: Any, connect: Any, extension: str) -> None:
    wire = connect(service, head(service, "Transfer-Encoding: chunked"), "5\r\n--b\r\n\r\n")
    wire.send(f"1{extension}\r\nx\r\n" * 100_000)
    assert wire.answer().status == 400
    assert wire.is_closed()
    service.assert_nothing_stored()


def test_a_chunk_whose_extension_never_ends_is_refused(service: Any, connect: Any) -> None:
    wire = connect(service, head(service, "Transfer-Encoding: chunked"), "1;" + "e" * 200_000)
    assert wire.answer().status == 400
    assert wire.is_closed()


def test_an_item_in_small_chunks_is_welcome(service: Any, connect: Any, photo: bytes) -> None:
    body = PHOTO + photo + ITEM
    wire = connect(service, head(service, "Transfer-Encoding: chunked"))
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    wire.send(b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n")
    assert wire.answer().status == 201


def test_what_follows_the_last_chunk_is_no_header(service: Any, connect: Any) -> None:
    key = service.client.headers["authorization"]
    asks = "GET /v1/models HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire = connect(service, asks, f"0\r\nAuthorization: {key}\r\n\r\n", LIVE)
    assert [wire.answer().status for _ in range(2)] == [401, 200]


def test_a_client_that_wants_another_protocol_gets_this_one(service: Any, connect: Any) -> None:
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    wire = connect(service, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n", upgrade)
    answer = wire.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert wire.is_closed()


def test_rubbish_behind_a_request_does_not_disturb_its_answer(service: Any, connect: Any) -> None:
    wire = connect(service, LIVE, "\x00\x01 rubbish\r\n\r\n")
    assert wire.answer().status == 200
    assert wire.is_closed() or wire.answer().status == 400


def test_rubbish_in_the_place_of_a_chunk_is_refused(service: Any, connect: Any) -> None:
    wire = connect(service, head(service, "Transfer-Encoding: chunked"), "5\r\n--b\r\n\r\nnothing\r\n")
    assert wire.answer().problem == "bad-request"
    assert wire.is_closed()


def test_who_is_refused_while_it_sends_can_still_read_why(service: Any, connect: Any) -> None:
    wire = connect(service, "POST /v1/inspections HTTP/1.1\r\nConnection: close\r\nContent-Length: 9000000\r\n\r\n")
    wire.send(bytes(9_000_000))
    assert wire.answer().status == 401


def test_a_head_without_end_is_told_so_though_it_still_comes(service: Any, connect: Any) -> None:
    wire = connect(service, "GET / HTTP/1.1\r\n", "X-Long: " + "x" * 3_000_000)
    assert wire.answer().problem == "headers-too-large"


def test_answers_do_not_depend_on_how_requests_are_cut(service: Any, connect: Any, photo: bytes) -> None:
    body, source = PHOTO + photo + ITEM, random.Random(10)
    large = PHOTO + photo + bytes(300_000) + ITEM
    form = "POST /desk/language HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Length: 11\r\n"
    kinds = [
        (200, LIVE.encode()),
        (404, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"),
        (303, f"{form}Content-Type: application/x-www-form-urlencoded\r\n\r\nlanguage=en".encode()),
        (401, b"POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000)),
        (201, head(service, f"Content-Length: {len(body)}").encode() + body),
        (201, head(service, f"Content-Length: {len(large)}").encode() + large),
        (201, head(service, "Transfer-Encoding: chunked").encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)),
    ]
    for _ in range(6):
        asked = source.choices(kinds, k=8)
        sent, wire, at = b"".join(one for _, one in asked), connect(service), 0
        while at < len(sent):
            size = source.choice((1, 10, 100, 4096, 65_536, len(sent)))
            wire.send(sent[at : at + size])
            at += size
            time.sleep(source.choice((0, 0, 0.001)) if size > 100 else 0)
        assert [wire.answer().status for _ in asked] == [status for status, _ in asked]
