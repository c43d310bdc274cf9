import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from regrade.serving.admission import Admission
from regrade.serving.errors import BusyError
from regrade.serving.settings import Settings


def door(**settings: Any) -> Admission:
    return Admission(Settings(_env_file=None, workers=1, **settings))


def test_a_full_house_turns_the_next_away() -> None:
    admission = door(queue_limit=2)
    with admission.enter(0) as first, admission.enter(0) as second, admission.enter(0) as late:
        first.enqueue()
        second.enqueue()
        for refused in (late.enqueue, lambda: admission.enter(0).__enter__()):
            with pytest.raises(BusyError) as caught:
                refused()
            assert caught.value.reason == "requests"
            assert caught.value.retry_after >= 1
    assert (admission.requests, admission.uploads) == (0, 0)


def test_a_body_that_is_still_coming_holds_no_place_in_the_queue() -> None:
    admission = door(queue_limit=1, upload_limit=3)
    with admission.enter(0), admission.enter(0), admission.enter(0) as whole:
        whole.enqueue()
        assert (admission.uploads, admission.requests) == (2, 1)
    assert (admission.uploads, admission.requests) == (0, 0)


def test_uploads_have_a_bound_of_their_own() -> None:
    admission = door(upload_limit=2)
    with admission.enter(0), admission.enter(0), pytest.raises(BusyError) as caught, admission.enter(0):
        pass
    assert (caught.value.reason, admission.uploads) == ("uploads", 0)


def test_announced_bytes_are_set_aside_and_given_back() -> None:
    admission = door(max_bytes_in_flight=10_000, max_body_bytes=10_000, max_photo_bytes=10_000)
    with admission.enter(6000):
        assert admission.bytes_in_flight == 6000
        with pytest.raises(BusyError), admission.enter(6000):
            pass
    assert (admission.bytes_in_flight, admission.requests) == (0, 0)


def test_unannounced_bytes_are_counted_as_they_come() -> None:
    admission = door(max_bytes_in_flight=10_000, max_body_bytes=10_000, max_photo_bytes=10_000)
    with admission.enter(0) as ticket:
        ticket.received(9000)
        with pytest.raises(BusyError):
            ticket.received(2000)
    assert admission.bytes_in_flight == 0


def test_announced_bytes_are_not_counted_twice() -> None:
    admission = door()
    with admission.enter(1000) as ticket:
        ticket.received(1000)
        assert admission.bytes_in_flight == 1000


def test_who_waits_too_long_for_a_grader_is_turned_away() -> None:
    async def wait() -> None:
        admission = door(queue_timeout=0.05)
        async with admission.grader():
            with pytest.raises(BusyError) as caught:
                async with admission.grader():
                    pass
            assert caught.value.reason == "timeout"
        async with admission.grader():
            pass  # the place was given back

    asyncio.run(wait())


def test_the_time_to_come_back_grows_with_the_queue() -> None:
    admission = door()
    assert admission.retry_after() == 1
    admission.requests = 30
    assert admission.retry_after() == 30
    admission.requests = 10_000
    assert admission.retry_after() == 60


@contextmanager
def held_up(service: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Within, grading takes as long as the caller likes; yields an event that is set once it has begun."""
    begun, go_on = threading.Event(), threading.Event()
    look = service.runtime.grader.look

    def slow(photo: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return look(photo)

    monkeypatch.setattr(service.runtime.grader, "look", slow)
    try:
        yield begun
    finally:
        go_on.set()


def test_a_busy_service_says_when_to_come_back_and_recovers(
    serve: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(queue_limit=1)
    with ThreadPoolExecutor(1) as pool:
        with held_up(service, monkeypatch) as begun:
            first = pool.submit(service.post, [photo])
            assert begun.wait(20)
            refused = service.post([photo])
            assert service.client.get("/healthz").status_code == 200  # others are not held up
        assert first.result().status_code == 201
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"] == "urn:regrade:problem:busy"
    assert service.post([photo]).status_code == 201
    assert 'regrade_refused_total{reason="requests"} 1.0' in service.client.get("/metrics").text


def test_bodies_that_fill_the_memory_are_turned_away(serve: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(photo) + 2000
    service = serve(max_bytes_in_flight=size, max_body_bytes=size, max_photo_bytes=size)
    with ThreadPoolExecutor(1) as pool:
        with held_up(service, monkeypatch) as begun:
            first = pool.submit(service.post, [photo])
            assert begun.wait(20)
            assert service.post([photo]).status_code == 503
        assert first.result().status_code == 201
    assert service.runtime.admission.bytes_in_flight == 0


def test_requests_under_way_end_before_the_service_does(
    service: Any, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(2) as pool:
        with held_up(service, monkeypatch) as begun:
            first = pool.submit(service.post, [photo])
            assert begun.wait(20)
            stopped = pool.submit(service.stop)
        assert first.result().status_code == 201
        stopped.result()
