"""Connections that cost nothing yet crowd out nobody: neither health nor a station, also from the same address."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from regrade.serving.base.settings import Settings
from regrade.serving.connections.limits import FOR_FILES, Limits
from regrade.serving.connections.table import GRACE, Connections, Phase, origin_of
from regrade.serving.connections.turns import Turns

LIVE = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
FORM = "POST /desk/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nContent-Length: 50\r\n\r\n"
HALF = "GET /healthz HTTP/1.1\r\nX-Slow: "
UNKEYED = "POST /v1/inspections HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
SMALL = {"waiting_limit": 8, "waiting_limit_per_address": 6}


def keyed(service: Any, length: int) -> str:
    key = service.client.headers["authorization"]
    lines = ("Host: x", f"Authorization: {key}", "Content-Type: multipart/form-data; boundary=b")
    return "\r\n".join(["POST /v1/inspections HTTP/1.1", *lines, f"Content-Length: {length}", "", ""])


def settled(service: Any, **phases: int) -> None:
    """Wait until so many connections are at the given phases."""
    end = time.monotonic() + 20
    table = service.runtime.connections
    while any(table.count(Phase[name.upper()]) != count for name, count in phases.items()):
        assert time.monotonic() < end, {phase: table.count(phase) for phase in Phase}
        time.sleep(0.01)


def come_at_once(service: Any, connect: Any, stall: str, count: int) -> list[Any]:
    """So many new connections, all of which the service has seen within the grace: a busy machine may need some goes,
    for those that came first have no claim any more when the last comes late."""
    table = service.runtime.connections
    for _ in range(20):
        begun, wires = time.monotonic(), [connect(service, stall) for _ in range(count)]
        while table.count(Phase.NEW) != count and time.monotonic() < begun + GRACE:
            time.sleep(0.001)
        if table.count(Phase.NEW) == count and time.monotonic() < begun + GRACE:
            return wires
        for wire in wires:
            wire.__exit__()
        settled(service, new=0)
    raise AssertionError(f"{count} connections never came within {GRACE} s")


@pytest.mark.parametrize("stall", ["", HALF, FORM])
def test_those_that_have_waited_longest_go_and_the_newcomer_stays(serve: Any, connect: Any, stall: str) -> None:
    service = serve(**SMALL)
    wires = come_at_once(service, connect, stall, 8)  # nobody is closed who has just come
    time.sleep(GRACE)
    wires.append(connect(service, stall))
    assert [wire.is_closed() for wire in wires[:2]] == [True, True]
    assert all(wire.is_open() for wire in wires[4:])
    assert connect(service, LIVE).answer().status == 200


def test_a_stall_of_any_kind_keeps_neither_health_nor_a_station_waiting(serve: Any, connect: Any, photo: bytes) -> None:
    service = serve(**SMALL)
    for stall in ("", HALF, FORM, UNKEYED, LIVE) * 10:
        connect(service, stall)
    fresh = service.with_key(service.client.headers["authorization"].removeprefix("Bearer "))
    assert [fresh.get(path).status_code for path in ("/healthz", "/v2/health/ready")] == [200, 200]
    assert service.post([photo], client=fresh).status_code == 201


def test_those_that_idle_push_out_nobody_who_is_about_to_ask(serve: Any, connect: Any) -> None:
    service = serve(**SMALL)
    newcomer = connect(service, HALF)
    for _ in range(2):
        assert all(connect(service, LIVE).answer().status == 200 for _ in range(20))
        time.sleep(GRACE)
    assert newcomer.send("1\r\n\r\n").answer().status == 200


def test_a_connection_that_has_shown_a_key_is_closed_for_no_stranger(serve: Any, connect: Any, photo: bytes) -> None:
    service = serve(**SMALL)
    asks = f"GET /v1/models HTTP/1.1\r\nAuthorization: {service.client.headers['authorization']}\r\n\r\n"
    station, upload = connect(service, asks), connect(service, keyed(service, 300_000), "--b\r\n")
    assert station.answer().status == 200
    settled(service, known=1, transfer=1)
    for stall in ("", HALF, FORM, UNKEYED, LIVE) * 10:
        connect(service, stall)
        time.sleep(GRACE / 15)
    assert station.send(asks).answer().status == 200
    assert upload.is_open()


def test_what_the_service_has_to_answer_is_not_closed(serve: Any, connect: Any, photo: bytes) -> None:
    service = serve(**SMALL)
    head = b'--b\r\nContent-Disposition: form-data; name="photos"; filename="1.jpg"\r\n\r\n'
    item = b'\r\n--b\r\nContent-Disposition: form-data; name="item"\r\n\r\n{"rma": "1"}\r\n--b--\r\n'
    body = head + photo + item
    asked = connect(service, keyed(service, len(body))).send(body)
    for _ in range(30):
        connect(service)
        time.sleep(GRACE / 15)
    assert asked.answer().status == 201


def test_beyond_all_connections_those_with_a_key_go_last(serve: Any, connect: Any) -> None:
    service = serve(connection_limit=16, waiting_limit=8, waiting_limit_per_address=4)
    key = service.client.headers["authorization"]
    asks = f"GET /v1/models HTTP/1.1\r\nAuthorization: {key}\r\n\r\n"
    known = [connect(service, asks) for _ in range(14)]
    assert all(wire.answer().status == 200 for wire in known)
    strangers = [connect(service, HALF) for _ in range(2)]
    settled(service, known=14, new=2)
    assert connect(service, LIVE).answer().status == 200
    assert not any(wire.is_open() for wire in strangers)


def limits(descriptors: int, **given: Any) -> Limits:
    return Limits.of(Settings(_env_file=None, **given), descriptors)


def test_connections_leave_descriptors_to_files() -> None:
    assert limits(1024).most == 1024 - FOR_FILES
    assert limits(256).most == 256 - 96
    assert limits(100).most == 50
    assert limits(100_000).most == 10_000
    assert limits(1024).most_waiting * 2 < 1024 - FOR_FILES


def test_strangers_never_have_more_time_than_stations() -> None:
    assert limits(1024, body_timeout=2).anonymous_body_timeout == 2


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "::ffff:c000:207"),
        (None, ""),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str | None, origin: str) -> None:
    assert origin_of(address) == origin


class Stub:
    """A connection that can only be dropped."""

    def __init__(self, table: Connections, origin: str = "a") -> None:
        self.origin, self.table, self.reason = origin, table, ""
        self.phase: Phase | None = None

    def go(self, phase: Phase | None) -> "Stub":
        before, self.phase = self.phase, phase
        self.table.move(self, before, phase)
        return self

    def drop(self, reason: str) -> None:
        self.reason = reason
        self.go(None)


@pytest.fixture
def clock() -> Iterator[float]:
    """Tells a second more each time."""
    return map(float, itertools.count())


@pytest.fixture
def table(clock: Iterator[float]) -> Iterator[Connections]:
    loop = asyncio.new_event_loop()
    given = limits(1024, waiting_limit=8, waiting_limit_per_address=4)
    yield Connections(replace(given, most_waiting=4, most_waiting_of_one=3), Turns(loop), lambda: next(clock))
    loop.close()


def test_an_address_pushes_out_its_own_before_those_of_others(table: Connections) -> None:
    first = [Stub(table, "a").go(Phase.NEW) for _ in range(1)]
    greedy = [Stub(table, "b").go(Phase.NEW) for _ in range(5)]
    assert first[0].reason == ""
    assert [one.reason for one in greedy] == ["crowded", "crowded", "", "", ""]


def test_room_is_made_in_order(table: Connections) -> None:
    order = [Phase.TRANSFER, Phase.BUSY, Phase.KNOWN, Phase.IDLE, Phase.NEW]
    made = {phase: Stub(table).go(phase) for phase in order}
    for phase in (Phase.NEW, Phase.IDLE, Phase.KNOWN, Phase.TRANSFER):
        assert table.make_room(1) == 1
        assert made[phase].reason == "crowded"
    assert table.make_room(1) == 0  # what the service is at is never closed
