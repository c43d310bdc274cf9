"""A client that closes its side after its request may still read; one that has gone is told from it."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

GET = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def item(service: Any, photo: bytes, padding: int = 0) -> bytes:
    files = {"photos": photo + bytes(padding)}
    request = httpx.Request("POST", service.url, files=files, data={"item": json.dumps({"rma": "1"})})
    body = request.read()
    head = (
        f"POST /v1/inspections HTTP/1.1\r\nhost: x\r\nauthorization: {service.client.headers['authorization']}\r\n"
        f"content-type: {request.headers['content-type']}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("count", [1, 3, 40])
def test_every_request_is_answered_and_then_the_connection_ends(service: Any, connect: Any, count: int) -> None:
    wire = connect(service, GET * count)
    wire.socket.shutdown(socket.SHUT_WR)
    assert [wire.answer().status for _ in range(count)] == [200] * count
    assert wire.is_closed()


@pytest.mark.parametrize("padding", [0, 400_000])
def test_an_item_is_graded_and_answered_once(service: Any, connect: Any, photo: bytes, padding: int) -> None:
    wire = connect(service).send(item(service, photo, padding))
    wire.socket.shutdown(socket.SHUT_WR)
    answer = wire.answer()
    assert answer.status == 201
    assert json.loads(answer.body)["item"]["rma"] == "1"
    assert wire.is_closed()
    assert service.runtime.inspections.count() == 1


def test_an_answer_that_takes_long_is_whole(
    service: Any, connect: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = service.runtime.grader.look

    def slow(*args: Any) -> Any:
        time.sleep(1)
        return look(*args)

    monkeypatch.setattr(service.runtime.grader, "look", slow)
    wire = connect(service).send(item(service, photo))
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.answer().status == 201
    assert wire.is_closed()


def test_half_a_request_is_not_waited_for(service: Any, connect: Any, photo: bytes) -> None:
    wire = connect(service).send(item(service, photo)[:-10])
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.is_closed()
    service.assert_nothing_stored()


def test_who_asks_nothing_is_let_go(service: Any, connect: Any) -> None:
    wire = connect(service)
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.is_closed()
