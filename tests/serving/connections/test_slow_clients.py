"""Whatever a client can make the service wait for, it waits only so long, and says so where it can."""

import json
import time
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

pytestmark = pytest.mark.slow

LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
FORM = "POST /desk/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
HURRIED = {"anonymous_body_timeout": 0.4, "head_timeout": 0.4, "keep_alive": 0.4, "body_timeout": 20}


@pytest.fixture
def hurried(serve: Any) -> Any:
    """A service that waits for nobody without a key."""
    return serve(**HURRIED)


def keyed(service: Any, *lines: str, path: str = "/v1/inspections") -> str:
    """The head of a POST with a valid key."""
    key = service.client.headers["authorization"]
    kind = "Content-Type: multipart/form-data; boundary=b"
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Authorization: {key}", kind, *lines, "", ""])


def drip(wire: Any, piece: str, pause: float = 0.1, most: int = 40) -> int:
    """Send `piece` again and again until the connection is closed or something is answered; how often it went out."""
    for count in range(most):
        time.sleep(pause)
        try:
            wire.socket.setblocking(False)
            wire.socket.recv(1, 2)  # MSG_PEEK
            return count
        except BlockingIOError:
            wire.socket.settimeout(20)
            wire.send(piece)
        except ConnectionError:
            return count
        finally:
            wire.socket.settimeout(20)
    return most


def test_half_a_head_is_told_that_it_took_too_long(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, "GET /healthz HTTP/1.1\r\nX-Slow: ")
    answer = wire.answer()
    assert (answer.status, answer.problem, answer.headers["connection"]) == (408, "request-too-slow", "close")
    assert wire.is_closed()


def test_who_says_nothing_at_all_is_closed_without_a_word(hurried: Any, connect: Any) -> None:
    assert connect(hurried).is_closed()


@pytest.mark.parametrize("piece", ["X-Drip: 1\r\n", "x"])
def test_a_head_that_drips_has_no_more_time_than_another(hurried: Any, connect: Any, piece: str) -> None:
    wire = connect(hurried, "GET /healthz HTTP/1.1\r\nX-Slow: ")
    assert drip(wire, piece) < 40
    assert wire.answer().status == 408


def test_blank_lines_do_not_keep_a_connection_open(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, LIVE)
    assert wire.answer().status == 200
    assert drip(wire, "\r\n") < 40
    assert wire.is_closed()


def test_a_connection_that_idles_is_closed_and_one_that_asks_is_not(hurried: Any, connect: Any) -> None:
    wire = connect(hurried)
    for _ in range(4):
        time.sleep(0.2)
        assert wire.send(LIVE).answer().status == 200
    assert wire.is_closed()


def test_a_login_that_is_announced_and_never_sent_is_ended(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, FORM, "Content-Length: 50\r\n\r\n")
    answer = wire.answer()
    assert (answer.status, answer.problem) == (408, "request-too-slow")
    assert wire.is_closed()


def test_nor_does_it_stay_behind_another_request(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, LIVE, FORM, "Content-Length: 50\r\n\r\n")
    assert [wire.answer().status for _ in range(2)] == [200, 408]
    assert wire.is_closed()


@pytest.mark.parametrize("length", ["Content-Length: 5000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"])
def test_a_login_that_trickles_is_ended(hurried: Any, connect: Any, length: str) -> None:
    wire = connect(hurried, FORM, length)
    assert drip(wire, "1\r\nk\r\n" if "chunked" in length else "k") < 40
    assert wire.answer().status == 408


def test_a_stalled_body_of_http_1_0_is_ended(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, FORM.replace("HTTP/1.1", "HTTP/1.0"), "Content-Length: 50\r\n\r\n")
    assert wire.answer().status == 408
    assert wire.is_closed()


def test_who_asks_whether_to_send_and_never_does_is_ended(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, FORM, "Content-Length: 50\r\nExpect: 100-continue\r\n\r\n")
    assert [wire.answer().status for _ in range(2)] == [100, 408]
    assert wire.is_closed()


def test_who_asks_whether_to_send_and_is_refused_is_not_waited_for(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, "POST /v1/inspections HTTP/1.1\r\nContent-Length: 50\r\nExpect: 100-continue\r\n\r\n")
    answer = wire.answer()
    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert wire.is_closed()


def test_a_form_without_a_key_is_small(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, FORM, f"Content-Length: {20 * 1024}\r\n\r\n")
    assert wire.answer().problem == "body-too-large"  # before any of it came


def test_no_route_can_forget_the_bounds(hurried: Any, connect: Any) -> None:
    async def read_it_all(request: Request) -> Response:
        return Response(await request.body())

    hurried.app.router.add_route("/greedy", read_it_all, methods=["POST"])
    assert connect(hurried, "POST /greedy HTTP/1.1\r\nContent-Length: 9\r\n\r\n").answer().status == 408
    assert connect(hurried, f"POST /greedy HTTP/1.1\r\nContent-Length: {10**6}\r\n\r\n").answer().status == 413
    chunks = f"Transfer-Encoding: chunked\r\n\r\n4fff\r\n{'x' * 0x4FFF}\r\n"
    assert connect(hurried, "POST /greedy HTTP/1.1\r\n", chunks).answer().status == 413


def test_a_station_may_be_slower_than_strangers(hurried: Any, connect: Any, photo: bytes) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="1.jpg"\r\n\r\n'
    item = b'\r\n--b\r\nContent-Disposition: form-data; name="item"\r\n\r\n{"rma": "1"}\r\n--b--\r\n'
    body = head + photo + item
    wire = connect(hurried, keyed(hurried, f"Content-Length: {len(body)}"))
    for at in range(0, len(body), len(body) // 8):
        wire.send(body[at : at + len(body) // 8])
        time.sleep(0.1)
    assert wire.answer().status == 201


@pytest.mark.parametrize("size", [5000, 500_000])
def test_a_station_that_stands_still_is_ended_long_before_its_time_is_over(serve: Any, connect: Any, size: int) -> None:
    service = serve(least_speed=1000, speed_window=0.4, body_timeout=600)
    wire = connect(service, keyed(service, f"Content-Length: {size}"), "--b\r\n")
    assert drip(wire, "x") < 40
    answer = wire.answer()
    assert (answer.status, answer.problem) == (408, "upload-too-slow")
    assert wire.is_closed()
    service.assert_nothing_stored()


@pytest.mark.parametrize("path", ["/v1/reviews/x", "/v1/models/packaging/activate"])
def test_every_body_with_a_key_ends_in_time(serve: Any, connect: Any, path: str) -> None:
    service = serve(body_timeout=0.4)
    wire = connect(service, keyed(service, "Content-Length: 50", path=path), "{")
    assert wire.answer().problem == "upload-too-slow"
    assert wire.is_closed()


def test_it_is_said_in_the_language_of_the_reader(hurried: Any, connect: Any) -> None:
    wire = connect(hurried, FORM, "Accept-Language: zh-CN\r\nContent-Length: 50\r\n\r\n")
    assert "密钥" in json.loads(wire.answer().body)["detail"]


def test_what_is_answered_before_it_was_sent_must_still_come(serve: Any, connect: Any) -> None:
    service = serve(speed_window=0.3)
    wire = connect(service, "POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nx")
    assert wire.answer().status == 401
    assert wire.is_closed()


def test_who_does_not_take_its_answer_is_cut_off(serve: Any, connect: Any) -> None:
    service = serve(answer_timeout=1)
    asks = "GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    connect(service, asks * 20)
    wait_for_none_open(service)


def test_a_client_that_closes_without_taking_its_answer_is_not_waited_for(serve: Any, connect: Any) -> None:
    service = serve(answer_timeout=1)
    asks = "GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for _ in range(3):
        connect(service, asks)
    wait_for_none_open(service)


def wait_for_none_open(service: Any) -> None:
    service.client.close()
    end = time.monotonic() + 20
    while service.runtime.connections.open:
        assert time.monotonic() < end
        time.sleep(0.02)
