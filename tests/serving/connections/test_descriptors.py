"""A service without file descriptors says so, loses nothing, and comes back by itself."""

import gc
import os
import resource
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from regrade.serving.connections.descriptors import in_use, left, limit, shortage_of


@contextmanager
def none_left(but: int = 0) -> Iterator[None]:
    """Within, this process can open `but` files."""
    gc.collect()  # else files that earlier tests have left come free in the midst of it
    before, taken = resource.getrlimit(resource.RLIMIT_NOFILE), []
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 64, before[1]))
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        for descriptor in taken[:but]:
            os.close(descriptor)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in taken[but:]:
            os.close(descriptor)


def test_an_item_that_finds_none_is_told_when_to_come_back(service: Any, photo: bytes) -> None:
    assert service.client.get("/healthz").status_code == 200
    with none_left():
        refused = service.post([photo], key="k")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "file descriptor" in refused.json()["detail"]
    service.assert_nothing_stored()
    assert service.post([photo], key="k").status_code == 201


def test_health_says_why_before_the_last_is_gone_and_comes_back(service: Any) -> None:
    assert service.client.get("/healthz").json()["checks"]["descriptors"] == "ok"
    with none_left(but=5):
        unwell = service.client.get("/healthz")
    with none_left(but=5):  # anew: what else runs in this process may have given some back meanwhile
        ready = service.client.get("/v2/health/ready")
    assert (unwell.status_code, unwell.json()["checks"]["descriptors"], ready.status_code) == (503, "failing", 503)
    assert "LimitNOFILE" in unwell.json()["reasons"]["descriptors"]
    assert [service.client.get(path).status_code for path in ("/healthz", "/v2/health/ready")] == [200, 200]


def test_newcomers_get_in_though_none_is_left(service: Any, connect: Any) -> None:
    assert service.client.get("/v2/health/live").status_code == 200  # what is loaded when first needed is there
    stalled = [connect(service, "G") for _ in range(20)]
    parts = urlsplit(service.url)
    # The client's end, which is in this process too, has its descriptor already.
    with socket.socket() as newcomer, none_left():
        newcomer.settimeout(20)
        newcomer.connect((parts.hostname, parts.port))
        newcomer.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert newcomer.recv(12) == b"HTTP/1.1 200"
    assert not all(wire.is_open() for wire in stalled)
    assert 'regrade_connections_closed_total{reason="descriptors"} 0.0' not in service.client.get("/metrics").text


def test_both_are_metrics(service: Any) -> None:
    text = service.client.get("/metrics").text
    assert "process_open_fds " in text
    assert f"process_max_fds {float(limit())}" in text


def test_they_are_counted() -> None:
    before = in_use()
    with Path(os.devnull).open():
        assert in_use() == before + 1
    assert left() == limit() - in_use()


@pytest.mark.parametrize(
    ("error", "is_one"),
    [(OSError(24, "EMFILE"), True), (OSError(23, "ENFILE"), True), (OSError(2, "ENOENT"), False), (None, False)],
)
def test_a_want_of_descriptors_is_told_from_other_errors(error: OSError | None, is_one: bool) -> None:
    assert (shortage_of(error) is not None) == is_one
    wrapped = RuntimeError()
    wrapped.__cause__ = error
    assert (shortage_of(wrapped) is not None) == is_one


def test_what_sqlite_cannot_open_is_one_where_none_is_left() -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect("/nowhere/at/all").execute("SELECT 1")
    assert shortage_of(caught.value) is None
    with none_left(but=5):
        assert shortage_of(caught.value) is not None
