"""Where the time of one item goes, measured around the steps of its way and never between their lines.

A class whose methods are such steps has a `clock` and marks them: `step` for those that follow one another, and
`side_by_side` for those whose pieces of work run on several cores. Nothing that is measured decides anything.
"""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from regrade.serving.storage.records import Cause, Inspection
from regrade.serving.telemetry import tracing
from regrade.serving.telemetry.metrics import Metrics
from regrade.serving.telemetry.timings import Interval, Timings

P = ParamSpec("P")
T = TypeVar("T")


class ItemClock:
    """Measures one item: the parts of its answer's `timings_ms`, the metrics of its stages, its spans."""

    def __init__(self, timings: Timings, metrics: Metrics) -> None:
        self.timings = timings
        self.metrics = metrics
        self.core_seconds = 0.0
        """What the pieces of the last step that ran side by side took, together."""
        self._pieces: list[Interval] = []

    @contextmanager
    def piece(self, part: str, stage: str | None = None) -> Iterator[None]:
        """One piece of work of a step that runs side by side, on whatever thread; also one of the metrics' stages.

        Work that fails is no piece: what a refusal takes would only blur how long photos take.
        """
        with tracing.span(stage) if stage else nullcontext():
            begun = time.perf_counter()
            yield
            ended = time.perf_counter()
        self._pieces.append((part, begun, ended))
        if stage:
            self.metrics.observe(stage, ended - begun)

    def took(self, milliseconds: Mapping[str, float]) -> None:
        """Note stages that have just ended, one after another, in code that timed itself."""
        tracing.steps(time.perf_counter() - sum(milliseconds.values()) / 1000, milliseconds)
        for name, duration in milliseconds.items():
            self.metrics.observe(name, duration / 1000)

    def waited(self) -> None:
        """Note that the time since the last step was spent in the queue."""
        self.metrics.ended("queue", self.timings.mark("queue"))

    def share_out(self) -> None:
        """Give the time since the last step to the pieces of work that ran in it, and what is left to the queue."""
        pieces, self._pieces = self._pieces, []
        self.core_seconds = sum(end - begun for _, begun, end in pieces)
        self.timings.parallel(pieces, idle="queue")

    def stored(self, inspection: Inspection) -> None:
        """Note the end of it."""
        self.metrics.stored(inspection)
        self._ended(inspection)

    def regraded(self, inspection: Inspection, cause: Cause) -> None:
        """Note the end of a new revision, which is no other inspection."""
        self.metrics.regraded.labels(cause, inspection.status).inc()
        self._ended(inspection)

    def _ended(self, inspection: Inspection) -> None:
        self.metrics.observe("store", self.timings.seconds("store"))
        self.metrics.observe("total", self.timings.total)
        tracing.annotate(inspection=inspection.id, status=inspection.status)


class Measured(Protocol):
    """What has steps."""

    clock: ItemClock


M = TypeVar("M", bound=Measured)
Step = Callable[Concatenate[M, P], Awaitable[T]]
Timed = Callable[Concatenate[M, P], Coroutine[Any, Any, T]]


def step(part: str, stage: str | None = None, *, span: bool = False) -> Callable[[Step[M, P, T]], Timed[M, P, T]]:
    """Give the time of a method to `part` of `timings_ms`; it is a `stage` of the metrics too, or a `span` alone.

    A part that has several steps is no stage: `ItemClock.stored` notes their sum.
    """

    def measure(method: Step[M, P, T]) -> Timed[M, P, T]:
        @wraps(method)
        async def timed(own: M, /, *args: P.args, **kwargs: P.kwargs) -> T:
            clock = own.clock
            clock.timings.mark("other")
            with clock.metrics.stage(stage) if stage else tracing.span(part) if span else nullcontext():
                result = await method(own, *args, **kwargs)
            clock.timings.mark(part)
            return result

        return timed

    return measure


def side_by_side(method: Step[M, P, T]) -> Timed[M, P, T]:
    """Share the time of a method out among the pieces of work that run in it."""

    @wraps(method)
    async def timed(own: M, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await method(own, *args, **kwargs)
        own.clock.share_out()
        return result

    return timed


def below(name: str, function: Callable[..., T], /, *args: object, **attributes: str | float | bool) -> Callable[[], T]:
    """A call of `function(*args)`, for another thread: a span `name` below the one that is current here."""
    return tracing.carry(partial(_within, name, attributes, function, *args))


def _within(name: str, attributes: Mapping[str, str | float | bool], function: Callable[..., T], /, *args: object) -> T:
    with tracing.span(name, **attributes):
        return function(*args)
