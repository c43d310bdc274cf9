"""Threads that wait for the disk and the database, so that the event loop need not."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from regrade.serving.telemetry import tracing

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most `most` threads, called after `name`, which end with `close`."""

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` returns or raises, called on one of the threads."""
        assert not kwargs
        return await asyncio.get_running_loop().run_in_executor(self._pool, tracing.carry(function), *args)

    def close(self) -> None:
        """Wait for what is under way and end the threads."""
        self._pool.shutdown()
