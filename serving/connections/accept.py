"""New connections: taken as they come, also while file descriptors are out.

uvloop by itself closes whoever comes then. Here those are closed that have waited longest for their own clients, and
the newcomer is let in.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from regrade.serving.base.problems import Problem
from regrade.serving.connections.descriptors import SHORTAGE
from regrade.serving.connections.outlet import whole_answer
from regrade.serving.connections.table import Connections
from regrade.serving.telemetry.throttle import Throttle

_AT_ONCE: Final = 32
"""How many are taken before the event loop looks at its other work: some 5 ms, with what is done for each."""
_ROOM: Final = 16
"""How many are closed at once where there is no room."""
_PAUSE: Final = 0.02
_TOLD_EVERY: Final = 60.0
_PASSING: Final = frozenset((errno.ECONNABORTED, errno.EPROTO, errno.EINTR, errno.EPERM))
"""What is wrong with one connection, and not with the socket that listens (accept(2))."""

log = logging.getLogger("regrade")


class Acceptor:
    """Takes connections from a listening socket; in the place of `asyncio.Server`, as far as uvicorn uses one."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        connections: Connections,
    ) -> None:
        self.sockets = [listener]
        self._loop, self._listener, self._make, self._connections = loop, listener, make, connections
        self._reserve: int | None = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._tasks: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._told = Throttle(_TOLD_EVERY)
        listener.setblocking(False)
        loop.add_reader(listener, self._take_some)

    def close(self) -> None:
        """Listen no more."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._give_up_reserve()
        self._listener.close()

    async def wait_closed(self) -> None:
        """Nothing is left to wait for: uvicorn waits for the connections themselves."""

    def _take_some(self) -> None:
        for _ in range(_AT_ONCE):
            if self._connections.full and not self._connections.make_room(_ROOM):
                self._rest()
                return
            try:
                taken, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _PASSING:
                    self._make_do(error)
                    return
            else:
                self._begin(taken)

    def _begin(self, taken: socket.socket) -> None:
        taken.setblocking(False)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(taken))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, taken: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, taken)
        except OSError:  # gone before it was looked at
            taken.close()

    def _make_do(self, error: OSError) -> None:
        """No descriptor, or no memory, is left for who comes."""
        made = self._connections.make_room(_ROOM, "descriptors")
        if self._told.take() is not None:
            log.error(
                "a connection cannot be taken: %s. %d are open; closed %d that waited for their clients. Where too "
                "many files are open, raise the limit of the service (`ulimit -n`, LimitNOFILE=).",
                error.strerror,
                self._connections.open,
                made,
            )
        if not made and error.errno in SHORTAGE:
            self._turn_one_away()
        self._rest()

    def _turn_one_away(self) -> None:
        """With the descriptor that is kept for it, so that who asks whether the service is well is not left to wait."""
        self._give_up_reserve()
        with suppress(OSError):  # gone, or another was faster
            taken, _ = self._listener.accept()
            with taken:
                taken.setblocking(False)
                taken.send(_NO_ROOM)
                taken.shutdown(socket.SHUT_WR)
                taken.recv(65536)  # what is closed unread is reset, and the answer with it
        with suppress(OSError):
            self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _give_up_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def _rest(self) -> None:
        """What was closed gives its descriptor back a little later; nobody gains from asking all the time."""
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(_PAUSE, self._loop.add_reader, self._listener, self._take_some)


def _no_room() -> bytes:
    detail = "The service has no file descriptor left. Send the request again in 5 s."
    problem = Problem("busy", detail, {"retry_after": 5}, {"retry-after": "5"})
    return whole_answer(problem)


_NO_ROOM: Final = _no_room()
