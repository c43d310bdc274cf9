"""Large bodies are received into one buffer beside the HTTP parser, and nobody can tell."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from regrade.serving.connections.body import LARGEST, SMALLEST, Buffers, receiver

HEAD = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="1.jpg"\r\n\r\n'
ITEM = b'--b\r\nContent-Disposition: form-data; name="item"\r\n\r\n{"rma": "1", "category": "packaging"}\r\n'
END = b"--b--\r\n"


@pytest.fixture
def large(photo: bytes) -> bytes:
    """A body beyond `SMALLEST`: what follows the end of a JPEG does not disturb its decoder."""
    return HEAD % b"photos" + photo + bytes(SMALLEST) + b"\r\n" + ITEM + END


def head_of(service: Any, length: int, *lines: str) -> bytes:
    key = service.client.headers["authorization"]
    all_lines = [
        "POST /v1/inspections HTTP/1.1",
        "Host: x",
        f"Authorization: {key}",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {length}",
        *lines,
    ]
    return "\r\n".join([*all_lines, "", ""]).encode()


def connect(service: Any) -> socket.socket:
    parts = urlsplit(service.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of one answer; what follows it stays unread."""
    with connection.makefile("rb", buffering=0) as file:
        status, length = int(file.readline().split()[1]), 0
        while (line := file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        content = b""
        while len(content) < length:
            content += file.read(length - len(content))
        return status, content


def test_requests_follow_one_another_on_a_connection(service: Any, large: bytes) -> None:
    with connect(service) as connection:
        for _ in range(3):
            connection.sendall(head_of(service, len(large)) + large)
            assert answer(connection)[0] == 201
        connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection) == (200, b'{"live":true}')
    assert service.runtime.inspections.count() == 3


def test_a_request_may_come_in_one_piece_with_the_end_of_the_one_before(service: Any, large: bytes) -> None:
    with connect(service) as connection:
        both = head_of(service, len(large)) + large
        connection.sendall(both + both + b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [answer(connection)[0] for _ in range(3)] == [201, 201, 200]


def test_a_body_may_come_in_drops(service: Any, large: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(head_of(service, len(large)))
        step = len(large) // 40
        for at in range(0, len(large), step):
            connection.sendall(large[at : at + step])
            time.sleep(0.002)
        assert answer(connection)[0] == 201


def test_who_asks_first_is_told_to_continue(service: Any, large: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(head_of(service, len(large), "Expect: 100-continue"))
        assert answer(connection)[0] == 100
        connection.sendall(large)
        assert answer(connection)[0] == 201


def test_photos_are_kept_as_they_were_sent(service: Any, photo: bytes) -> None:
    large = photo + bytes(range(256)) * 2048
    made = service.post([large, photo]).json()
    paths = [f"/v1/inspections/{made['id']}/photos/{n}?original=true" for n in (0, 1)]
    stored = [service.client.get(path).content for path in paths]
    assert stored == [large, photo]


def test_a_client_that_goes_away_leaves_nothing(service: Any, large: bytes, photo: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(head_of(service, len(large)) + large[:-1000])
    assert service.post([photo]).status_code == 201
    while service.runtime.admission.bytes_in_flight:
        time.sleep(0.005)
    assert service.runtime.inspections.count() == 1


def test_who_stalls_is_told_so_and_the_connection_ends(serve: Any, large: bytes) -> None:
    service = serve(body_timeout=0.5)
    with connect(service) as connection:
        connection.sendall(head_of(service, len(large)) + large[:-100_000])
        assert answer(connection)[0] == 408
        assert connection.recv(1) == b""
    service.assert_nothing_stored()


def test_a_refused_body_does_not_spoil_the_connection(service: Any, large: bytes) -> None:
    unnamed = large.replace(b'name="photos"', b'name="photo"', 1)
    with connect(service) as connection:
        connection.sendall(head_of(service, len(unnamed)) + unnamed)
        assert answer(connection)[0] == 422
        connection.sendall(head_of(service, len(large)) + large)
        assert answer(connection)[0] == 201


def test_who_is_turned_away_before_the_body_may_ask_again_on_the_same_connection(service: Any, large: bytes) -> None:
    foreign = head_of(service, len(large)).replace(b"Authorization: Bearer rg_", b"Authorization: Bearer xx_")
    with connect(service) as connection:
        for _ in range(3):
            connection.sendall(foreign)
            assert answer(connection)[0] == 401  # at once, before any of the body is there
            connection.sendall(large)
        connection.sendall(head_of(service, len(large)) + large)
        assert answer(connection)[0] == 201


def test_who_is_turned_away_and_goes_leaves_nothing_behind(service: Any, large: bytes, photo: bytes) -> None:
    foreign = head_of(service, len(large)).replace(b"Authorization: Bearer rg_", b"Authorization: Bearer xx_")
    for _ in range(3):
        with connect(service) as connection:
            connection.sendall(foreign + large[: SMALLEST // 2])
            assert answer(connection)[0] == 401
    assert service.post([photo]).status_code == 201


def test_small_and_very_large_bodies_and_other_servers_are_read_as_a_stream() -> None:
    scope = {"extensions": {"regrade.body": lambda size: None}}
    assert receiver(scope, SMALLEST) is not None
    assert receiver(scope, SMALLEST - 1) is receiver(scope, LARGEST + 1) is receiver({}, SMALLEST) is None


def test_buffers_are_used_again_and_only_the_largest_two_are_kept() -> None:
    buffers = Buffers()
    for size in (10, 30, 20):
        buffers.give_back(bytearray(size))
    assert [len(buffers.take(size)) for size in (25, 5, 5)] == [30, 20, 5]
