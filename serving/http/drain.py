"""How the service ends: it stops taking work, answers all that it has taken, and only then goes.

1. At the first SIGTERM or SIGINT it is no longer ready. For `drain_delay` seconds it serves on as before, so that a
   load balancer can notice.
2. Then new inspections are refused with `Retry-After`, and every answer closes its connection, so that clients move
   to another server. Requests under way, those among them whose bodies are still coming in, are answered.
3. When nothing that was admitted is left, or after `shutdown_timeout` seconds, it stops listening and ends. What is
   still under way then is answered 503; nothing of it is stored. A second signal goes there at once. Nobody waits for
   connections that ask nothing, stand still without a key, or do not take what they were answered.

SIGHUP makes it take over the models that are active on the disk.
"""

import asyncio
import logging
import math
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from regrade.models.errors import RegradeError
from regrade.serving.base.settings import Settings
from regrade.serving.connections.accept import Acceptor
from regrade.serving.connections.collector import ConnectionsCollector
from regrade.serving.connections.limits import Limits
from regrade.serving.connections.listen import listen
from regrade.serving.connections.protocol import GuardedProtocol
from regrade.serving.connections.table import Connections
from regrade.serving.connections.turns import Turns
from regrade.serving.runtime import Runtime

_TICK: Final = 0.05
_CANCEL_SECONDS: Final = 5.0
"""For requests that were cut off to be answered."""

log = logging.getLogger("regrade")


class DrainingServer(uvicorn.Server):
    """Serves `app` as `config` says, and ends as described above; the process then exits with 0."""

    def __init__(self, app: FastAPI, config: uvicorn.Config, settings: Settings, limits: Limits) -> None:
        super().__init__(config)
        self._app = app
        self._settings = settings
        self._limits = limits
        self._hurried = False
        self._reload = False
        self._reloading: asyncio.Task[None] | None = None

    @property
    def _runtime(self) -> Runtime:
        runtime: Runtime = self._app.state.runtime
        return runtime

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve on `sockets`, or on those that the settings name: with connections of our own making."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        loop = asyncio.get_running_loop()
        connections = self._runtime.connections = Connections(self._limits, Turns(loop))
        self._runtime.metrics.registry.register(ConnectionsCollector(connections))
        make = partial(GuardedProtocol, self.config, self.server_state, self.lifespan.state, connections)
        listeners = sockets if sockets is not None else listen(self._settings)
        self.servers = [Acceptor(loop, one, make, connections) for one in listeners]  # type: ignore[misc]
        self.started = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at the second signal, hurry. Uvicorn's own would die of the signal once all is done."""
        if self.should_exit:
            self._hurried = True
        self.should_exit = True
        if self.started:
            self._runtime.draining = True
            # At once, and not at the next tick: who sees that it is not ready must be able to rely on it.
            self._runtime.admission.closed = not self._settings.drain_delay

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGHUP besides what uvicorn takes, where signals can be taken: on the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGHUP, self._handle_reload)
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(signal.SIGHUP, before)

    async def on_tick(self, counter: int) -> bool:
        """What is done ten times a second."""
        if self._reload and self._reloading is None and self._runtime.warm and not self._runtime.draining:
            self._reload = False
            self._reloading = asyncio.create_task(self._take_over())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in the order that is told above."""
        loop, runtime = asyncio.get_running_loop(), self._runtime
        runtime.draining = True
        if self._settings.drain_delay:
            log.info("not ready any more; serving on for %g s", self._settings.drain_delay)
            await self._serve_until(lambda: False, self._settings.drain_delay)
        runtime.admission.closed = True
        log.info("shutting down; answering %d requests", runtime.admission.uploads + runtime.admission.requests)
        end = loop.time() + self._settings.shutdown_timeout
        await self._serve_until(lambda: runtime.admission.empty, self._settings.shutdown_timeout)
        if not runtime.admission.empty:
            await self._cut_off()
        if runtime.connections is not None:
            runtime.connections.ending = True
        # Answers that are still being written, and requests that are no inspections.
        left = 0.0 if self._hurried else end - loop.time()
        self.config.timeout_graceful_shutdown = max(1, math.ceil(left))
        await super().shutdown(sockets)

    async def _serve_until(self, done: Callable[[], bool], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end, ticks = loop.time() + seconds, 0
        while not done() and not self._hurried and loop.time() < end:
            if ticks % round(1 / _TICK) == 0:
                await super().on_tick(0)  # the date that answers bear
            ticks += 1
            await asyncio.sleep(_TICK)

    async def _cut_off(self) -> None:
        tasks = set(self.server_state.tasks)
        log.warning("cutting off %d requests that have not ended in time", len(tasks))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)

    def _handle_reload(self, sig: int, frame: FrameType | None) -> None:
        self._reload = True

    async def _take_over(self) -> None:
        try:
            await self._runtime.graders.reload()
        except RegradeError as error:
            log.error("the models stay as they were: %s", error)
        finally:
            self._reloading = None
