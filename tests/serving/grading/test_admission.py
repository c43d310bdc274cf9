"""The door: what is let in, what is turned away and until when, and in which order items get their turns."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from regrade.serving.base.errors import BusyError, UploadAborted
from regrade.serving.base.settings import Settings
from regrade.serving.grading.admission import Admission, Ticket
from regrade.serving.grading.workload import CostModel, Prices, Work

SECOND = Work(1, 0.0, 0)
"""An item that takes one core-second."""


def door(**settings: Any) -> Admission:
    admission = Admission(Settings(_env_file=None, **{"workers": 1, **settings}))
    admission.costs = CostModel(Prices(photo=1.0, megapixel=0.0, megabyte=0.0))
    return admission


def on_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 20))

    run.__name__ = test.__name__
    return run


def queued(stack: ExitStack, admission: Admission, count: int, wait: float = 600) -> list[Ticket]:
    """Items of a second each that are let in."""
    tickets = [stack.enter_context(admission.enter(0, wait)) for _ in range(count)]
    for ticket in tickets:
        ticket.enqueue(SECOND)
    return tickets


def refusal(refused: Callable[[], object]) -> BusyError:
    with pytest.raises(BusyError) as caught:
        refused()
    return caught.value


@on_loop
async def test_a_full_house_turns_the_next_away() -> None:
    admission = door(queue_limit=2)
    with ExitStack() as stack:
        late = stack.enter_context(admission.enter(0))
        queued(stack, admission, 2)
        for refused in (lambda: late.enqueue(SECOND), lambda: admission.enter(0).__enter__()):
            error = refusal(refused)
            assert (error.reason, error.retry_after) == ("requests", 1)
    assert (admission.requests, admission.uploads) == (0, 0)


@on_loop
async def test_a_body_that_is_still_coming_holds_no_place_in_the_queue() -> None:
    admission = door(queue_limit=1, upload_limit=3)
    with admission.enter(0), admission.enter(0), admission.enter(0) as whole:
        whole.enqueue(SECOND)
        assert (admission.uploads, admission.requests) == (2, 1)
    assert (admission.uploads, admission.requests) == (0, 0)


def test_uploads_have_a_bound_of_their_own() -> None:
    admission = door(upload_limit=2)
    with admission.enter(0), admission.enter(0):
        assert refusal(admission.enter(0).__enter__).reason == "uploads"
    assert admission.uploads == 0


def test_one_key_holds_at_most_half_of_the_slots_while_bodies_come_in() -> None:
    admission = door(upload_limit=4)
    with admission.enter(0, key_id="a"), admission.enter(0, key_id="a"):
        error = refusal(admission.enter(0, key_id="a").__enter__)
        assert (error.reason, error.retry_after) == ("key", 1)
        with admission.enter(0, key_id="b"), admission.enter(0, key_id="b"):
            assert refusal(admission.enter(0, key_id="c").__enter__).reason == "uploads"
    assert (admission.uploads, admission.uploads_of, admission.bytes_of) == (0, {}, {})


def test_one_key_holds_at_most_half_of_the_memory_but_any_one_body() -> None:
    admission = door(max_bytes_in_flight=10_000, max_body_bytes=10_000, max_photo_bytes=10_000)
    with admission.enter(3000, key_id="a"):
        assert refusal(admission.enter(3000, key_id="a").__enter__).reason == "key"
        with admission.enter(6000, key_id="b"), admission.enter(0, key_id="a") as unannounced:
            assert refusal(lambda: unannounced.received(2001)).reason == "key"


@on_loop
async def test_what_is_queued_counts_no_longer_against_its_key() -> None:
    admission = door(upload_limit=2)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(admission.enter(1000, key_id="a")).enqueue(SECOND)
        assert (admission.requests, admission.uploads_of, admission.bytes_of) == (3, {}, {})


def test_announced_bytes_are_set_aside_and_given_back() -> None:
    admission = door(max_bytes_in_flight=10_000, max_body_bytes=10_000, max_photo_bytes=10_000)
    with admission.enter(6000):
        assert admission.bytes_in_flight == 6000
        assert refusal(admission.enter(6000).__enter__).reason == "bytes"
    assert (admission.bytes_in_flight, admission.requests) == (0, 0)


def test_unannounced_bytes_are_counted_as_they_come() -> None:
    admission = door(max_bytes_in_flight=10_000, max_body_bytes=10_000, max_photo_bytes=10_000)
    with admission.enter(0) as ticket:
        ticket.received(9000)
        refusal(lambda: ticket.received(2000))
    assert admission.bytes_in_flight == 0


def test_announced_bytes_are_not_counted_twice() -> None:
    admission = door()
    with admission.enter(1000) as ticket:
        ticket.received(1000)
        assert admission.bytes_in_flight == 1000


@on_loop
async def test_what_cannot_be_done_in_time_is_refused_at_once() -> None:
    admission = door(deadline=10)
    with ExitStack() as stack:
        queued(stack, admission, 9)
        whole = stack.enter_context(admission.enter(0))
        assert refusal(lambda: whole.enqueue(Work(2, 0.0, 0))).reason == "deadline"
        whole.enqueue(SECOND)  # what still fits is taken
        assert refusal(admission.enter(0).__enter__).reason == "deadline"  # before its body is sent
    assert admission.backlog == 0


@on_loop
async def test_more_workers_take_more_work() -> None:
    admission = door(deadline=10, workers=4)
    with ExitStack() as stack:
        queued(stack, admission, 39)
        assert admission.predicted_wait == pytest.approx(39 / 4)
        queued(stack, admission, 1, wait=10)
        assert refusal(admission.enter(0).__enter__).reason == "deadline"


@on_loop
async def test_who_waits_longer_is_still_let_in() -> None:
    admission = door(deadline=10)
    with ExitStack() as stack:
        queued(stack, admission, 10)
        refusal(admission.enter(0, 10.5).__enter__)
        queued(stack, admission, 1, wait=11)


@on_loop
async def test_an_idle_server_takes_even_what_it_cannot_do_in_time() -> None:
    admission = door(deadline=1)
    with admission.enter(10**8, 0) as ticket:
        ticket.enqueue(Work(12, 0.0, 0))
        assert admission.backlog == 12
        assert refusal(admission.enter(0).__enter__).retry_after == 12


@on_loop
async def test_the_time_to_come_back_is_that_after_which_it_fits() -> None:
    admission = door(deadline=10)
    with ExitStack() as stack:
        waiting = queued(stack, admission, 30, wait=600)
        again = admission.retry_after(1.0, 10)
        assert again == 21
        for ticket in waiting[:again]:  # one core-second is done each second
            ticket.spent(1.0)
        queued(stack, admission, 1, wait=10)
        with pytest.raises(BusyError):
            queued(stack, admission, 1, wait=10)


@on_loop
async def test_what_is_done_of_an_item_is_no_longer_before_the_next() -> None:
    admission = door()
    with admission.enter(0) as ticket:
        ticket.enqueue(Work(4, 0.0, 0))
        ticket.spent(1.0)
        assert admission.backlog == 3
        ticket.spent(9.0)
        assert admission.backlog == 0


@on_loop
async def test_what_an_item_really_took_is_learned_from() -> None:
    admission = door()
    with admission.enter(0) as ticket:
        ticket.enqueue(SECOND)
        async with admission.turn(ticket):
            ticket.spent(1.5)
        assert (admission.backlog, admission.requests) == (0, 1)  # looked at, not yet stored
    assert 1.0 < admission.costs.factor < 1.5


@on_loop
async def test_an_item_that_failed_is_not_learned_from() -> None:
    admission = door()
    with admission.enter(0) as ticket:
        ticket.enqueue(SECOND)

        async def fail() -> None:
            async with admission.turn(ticket):
                ticket.spent(0.01)
                raise ValueError("spoilt")

        with pytest.raises(ValueError, match="spoilt"):
            await fail()
    assert (admission.costs.factor, admission.active) == (1.0, 0)


@on_loop
async def test_turns_come_in_order_of_arrival_and_only_a_few_at_once() -> None:
    admission, order, most = door(active_items=2, workers=4), [], 0

    async def look(number: int, ticket: Ticket) -> None:
        nonlocal most
        async with admission.turn(ticket):
            order.append(number)
            most = max(most, admission.active)
            await asyncio.sleep(0.001)

    with ExitStack() as stack:
        await asyncio.gather(*(look(n, ticket) for n, ticket in enumerate(queued(stack, admission, 8))))
    assert (order, most, admission.active) == (list(range(8)), 2, 0)


def test_by_default_one_item_more_than_workers_shares_the_cores() -> None:
    assert [door(workers=n).window for n in (1, 2, 8)] == [2, 3, 9]
    assert door(workers=8, active_items=3).window == 3


@on_loop
async def test_who_is_not_reached_in_time_is_turned_away_unseen() -> None:
    admission = door(active_items=1)
    with ExitStack() as stack:
        (first,) = queued(stack, admission, 1)
        first.spent(1.0)  # it should be done any moment, and is not
        late = stack.enter_context(admission.enter(0, 1.001))
        late.enqueue(SECOND)
        late.answer_by = asyncio.get_running_loop().time() + 0.01
        async with admission.turn(first):
            with pytest.raises(BusyError) as caught:
                await admission.turn(late).__aenter__()
        assert (caught.value.reason, admission.active) == ("timeout", 0)


@on_loop
async def test_a_client_that_goes_away_frees_its_place_in_the_line() -> None:
    admission = door(active_items=1)
    with ExitStack() as stack:
        first, gone, last = queued(stack, admission, 3)

        async def look(ticket: Ticket) -> None:
            async with admission.turn(ticket):
                pass

        async with admission.turn(first):
            leaving, staying = asyncio.create_task(look(gone)), asyncio.create_task(look(last))
            await asyncio.sleep(0)
            gone.leave()
            with pytest.raises(UploadAborted):
                await leaving
            assert not staying.done()
        await staying
        with pytest.raises(UploadAborted):
            await look(gone)
    assert admission.active == 0


@on_loop
async def test_who_is_cancelled_while_given_a_turn_passes_it_on() -> None:
    admission = door(active_items=1)
    with ExitStack() as stack:
        first, cancelled, last = queued(stack, admission, 3)

        async def look(ticket: Ticket) -> str:
            async with admission.turn(ticket):
                return "seen"

        async with admission.turn(first):
            tasks = [asyncio.create_task(look(ticket)) for ticket in (cancelled, last)]
            await asyncio.sleep(0)
        tasks[0].cancel()  # its turn has been given to it, and it has not run since
        assert await tasks[1] == "seen"
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
    assert (admission.active, list(admission.line)) == (0, [])


def test_a_service_that_ends_lets_nobody_in_and_serves_those_it_has() -> None:
    admission = door()
    with admission.enter(0):
        admission.closed = True
        for replay in (False, True):
            assert refusal(admission.enter(0, replay=replay).__enter__).reason == "draining"
        assert not admission.empty
    assert admission.empty


@contextmanager
def held_up(service: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Within, grading takes as long as the caller likes; yields an event that is set once it has begun."""
    begun, go_on = threading.Event(), threading.Event()
    look = service.runtime.grader.look

    def slow(*photo: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return look(*photo)

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


SLOW = Work(1, 0.0, 0, (0,), 100.0, 0)
"""A photo of 10 core-seconds that is decoded aside."""


@on_loop
async def test_slow_photos_keep_nobody_from_his_turn_but_other_slow_ones() -> None:
    admission = door()
    admission.costs = CostModel(Prices(photo=1.0, megapixel=0.1, megabyte=0.0))
    with ExitStack() as stack:
        first, slow, quick = (stack.enter_context(admission.enter(0, 15)) for _ in range(3))
        first.enqueue(SLOW)  # on an idle server, whatever it takes
        error = refusal(lambda: slow.enqueue(SLOW))
        assert (error.reason, error.retry_after) == ("deadline", 5)
        with admission.enter(0, 15) as smaller:
            smaller.enqueue(Work(1, 0.0, 0, (0,), 70.0, 0))  # it takes turns with the first
        quick.enqueue(SECOND)
        assert admission.backlog == 2.0
        first.decoded()
        slow.enqueue(SLOW)
