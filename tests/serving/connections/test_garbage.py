"""What is made for a connection goes with it, without a search for garbage, which would hold up everybody."""

import gc
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.slow

OURS = ("GuardedProtocol", "Exchange", "RequestResponseCycle", "Outlet", "Pace", "Request")
LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
FORM = "POST /desk/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Length: 50\r\n"


@pytest.fixture
def uncollected(alone: None) -> Iterator[None]:
    """Within, nothing is searched for garbage."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "GET /healthz HTTP/1.1\r\nX-Slow: ",
        FORM + "\r\n",
        FORM + "Content-Type: application/x-www-form-urlencoded\r\n\r\n",
        "POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n",
        LIVE * 5,
    ],
)
def test_nothing_of_a_connection_is_left(uncollected: None, service: Any, connect: Any, sent: str) -> None:
    service.client.close()
    for _ in range(5):
        connect(service, sent)
    wait_for(lambda: service.runtime.connections.open == 5)
    time.sleep(0.2)
    service.runtime.connections.make_room(5)
    wait_for(lambda: not left())


def left() -> list[str]:
    return [type(one).__name__ for one in gc.get_objects() if type(one).__name__ in OURS]


def wait_for(done: Any) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, left()
        time.sleep(0.05)
