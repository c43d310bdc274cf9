"""What only a service in a process of its own shows: its end, and its file descriptors."""

import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

HEALTH = ("/healthz", "/v2/health/ready")
LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
STALLS = (
    "",
    "GET /healthz HTTP/1.1\r\nX-Slow: ",
    "POST /desk/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Length: 50\r\n\r\n",
    "POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n",
    LIVE,
)


def test_nobody_waits_for_stalled_connections_at_the_end(launch: Any, connect: Any) -> None:
    service = launch(shutdown_timeout=600, head_timeout=100, anonymous_body_timeout=60, keep_alive=100)
    for stall in STALLS * 2:
        connect(service, stall)
    time.sleep(0.5)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0  # it took 33 s, of 30


def test_nor_for_who_does_not_take_an_answer(launch: Any, connect: Any) -> None:
    service = launch(shutdown_timeout=600)
    connect(service, "GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 30)
    time.sleep(0.5)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0


def test_a_crowd_beyond_all_descriptors_keeps_nobody_out(launch: Any, photo: bytes) -> None:
    service = launch(descriptors=128)
    port = int(service.url.rpartition(":")[2])
    with ExitStack() as opened:
        crowd = [opened.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(400)]
        for number, one in enumerate(crowd):
            one.setblocking(False)
            one.send(STALLS[number % len(STALLS)].encode() or b"G")
        # While the crowd is being closed, health may say that descriptors are nearly out; it is answered all the same.
        end = time.monotonic() + 20
        while (answers := [service.get(path).status_code for path in HEALTH]) != [200, 200]:
            assert time.monotonic() < end, answers
            time.sleep(0.2)
        assert service.post(photo).status_code == 201
    assert service.post(photo).status_code == 201
    assert service.stored() == 2


def test_the_limit_of_the_shell_is_raised_to_what_the_system_allows(launch: Any) -> None:
    service = launch(descriptors="4096 && ulimit -Sn 256")
    limits = Path(f"/proc/{service.process.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    assert line.split()[3] == "4096"
