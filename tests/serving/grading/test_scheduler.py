"""The photos of several items share the cores fairly."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from regrade.serving.grading.scheduler import Scheduler

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def one_core() -> Iterator[Scheduler]:
    scheduler = Scheduler(1)
    yield scheduler
    scheduler.close()


class Log:
    """What ran, in order. Jobs wait for `open`, so that a test can queue them all before the first is done."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.begun = threading.Event()
        self.open = threading.Event()

    async def first_has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 10)

    def job(self, name: str) -> Callable[[], str]:
        def run() -> str:
            self.begun.set()
            assert self.open.wait(10)
            self.ran.append(name)
            return name

        return run

    def failing(self, name: str) -> Callable[[], str]:
        def run() -> str:
            self.job(name)()
            raise ValueError(name)

        return run


async def test_results_come_in_the_order_of_the_jobs() -> None:
    scheduler = Scheduler(4)
    assert await scheduler.run([partial(pow, n, 2) for n in range(20)]) == [n * n for n in range(20)]
    scheduler.close()


async def test_items_take_turns(one_core: Scheduler) -> None:
    log = Log()
    large = asyncio.ensure_future(one_core.run([log.job(f"large {n}") for n in range(4)]))
    await log.first_has_begun()
    small = asyncio.ensure_future(one_core.run([log.job("small")]))
    await asyncio.sleep(0)
    log.open.set()
    await asyncio.gather(large, small)
    assert log.ran == ["large 0", "large 1", "small", "large 2", "large 3"]


async def test_a_failure_drops_what_has_not_begun_and_leaves_other_items_alone(one_core: Scheduler) -> None:
    log = Log()
    log.open.set()
    broken = asyncio.ensure_future(one_core.run([log.job("a"), log.failing("b"), log.job("c")]))
    whole = asyncio.ensure_future(one_core.run([log.job("d"), log.job("e"), log.job("f")]))
    with pytest.raises(ValueError, match="b"):
        await broken
    assert await whole == ["d", "e", "f"]
    assert "c" not in log.ran


async def test_of_several_failures_the_first_in_order_is_told() -> None:
    scheduler = Scheduler(2)
    meet = threading.Barrier(2, timeout=10)

    def fail(name: str) -> None:
        meet.wait()
        raise ValueError(name)

    with pytest.raises(ValueError, match="first"):
        await scheduler.run([lambda: fail("first"), lambda: fail("second")])
    scheduler.close()


async def test_a_caller_that_gives_up_leaves_no_jobs_behind(one_core: Scheduler) -> None:
    log = Log()
    gone = asyncio.ensure_future(one_core.run([log.job("begun"), log.job("never")]))
    await log.first_has_begun()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    log.open.set()
    assert await one_core.run([log.job("next")]) == ["next"]
    assert log.ran == ["begun", "next"]


async def test_a_closed_scheduler_takes_no_more() -> None:
    scheduler = Scheduler(1)
    scheduler.close()
    with pytest.raises(RuntimeError, match="closed"):
        await scheduler.run([lambda: 1])


async def test_nothing_to_do_is_done_at_once(one_core: Scheduler) -> None:
    assert await one_core.run([]) == []
