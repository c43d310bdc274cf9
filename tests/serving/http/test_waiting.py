"""Clients that wait: how long they say they will, and what becomes of those that do not."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from regrade.serving.http.routes.waiting import wait_of


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["wait=10"], 10),
        (["WAIT = 3"], 3),
        (['wait="5"'], 5),
        (["respond-async, wait=7; x=1"], 7),
        (["respond-async", "wait=8"], 8),
        (["wait=1, wait=2"], 1),
        (["wait=0"], 0),
        ([], None),
        ([""], None),
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=١"], None),
        (["wait=99999999999999999999"], None),
        (["await=3"], None),
    ],
)
def test_the_seconds_that_a_client_will_wait_are_read(headers: list[str], seconds: int | None) -> None:
    assert wait_of(headers) == seconds


@contextmanager
def stuck(service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, an item is being looked at that does not come to an end."""
    begun, go_on, look = threading.Event(), threading.Event(), service.runtime.grader.look

    def slow(*args: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return look(*args)

    monkeypatch.setattr(service.runtime.grader, "look", slow)
    with ThreadPoolExecutor(1) as pool:
        item = pool.submit(service.post, [photo])
        assert begun.wait(20)
        try:
            yield
        finally:
            go_on.set()
        assert item.result().status_code == 201


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_answer_repeats_what_was_asked_for_within_bounds(serve: Any, photo: bytes) -> None:
    service = serve(deadline=5, max_deadline=60)
    for asked, applied in (("wait=20", "wait=20"), ("wait=1000", "wait=60"), ("respond-async", None)):
        made = service.post([photo], Prefer=asked)
        assert (made.status_code, made.headers.get("preference-applied")) == (201, applied)


def test_who_cannot_be_answered_in_time_is_told_when_to_come_back(
    service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stuck(service, photo, monkeypatch):
        (ticket,) = service.runtime.admission.pending
        ticket.estimate = 30.0  # 15 seconds of two workers
        refused = service.post([photo], Prefer="wait=5", Accept_Language="zh-CN")
    assert (refused.status_code, refused.headers["preference-applied"]) == (503, "wait=5")
    assert refused.headers["retry-after"] in ("10", "11")
    assert "15 秒" in refused.json()["detail"] or "16 秒" in refused.json()["detail"]
    assert 'regrade_refused_total{reason="deadline"} 1.0' in service.client.get("/metrics").text


def test_what_was_stored_before_is_found_however_busy_it_is(
    service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = service.post([photo], key="k")
    with stuck(service, photo, monkeypatch):
        (ticket,) = service.runtime.admission.pending
        ticket.estimate = 1000.0
        again = service.post([photo], key="k")
        assert service.post([photo], key="other").status_code == 503
        assert service.post([photo, photo], key="k").status_code == 409
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])


def test_an_item_whose_client_has_gone_is_not_looked_at(
    serve: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(active_items=1)
    admission = service.runtime.admission
    request = httpx.Request("POST", service.url, files={"photos": photo}, data={"item": json.dumps({"rma": "1"})})
    body = request.read()
    head = (
        f"POST /v1/inspections HTTP/1.1\r\nhost: x\r\nauthorization: {service.client.headers['authorization']}\r\n"
        f"content-type: {request.headers['content-type']}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with stuck(service, photo, monkeypatch):
        with socket.create_connection(("127.0.0.1", httpx.URL(service.url).port or 0)) as client:
            client.sendall(head.encode() + body)
            wait_until(lambda: admission.requests == 2)
        wait_until(lambda: admission.requests == 1)
        assert (admission.active, len(admission.pending)) == (1, 1)
    assert service.runtime.inspections.count() == 1
