"""A client that has closed its side: it may still read its answer (RFC 9112 section 9.6), or it may have gone.

The two look alike until something is sent: who has gone resets the connection then. So an answer that takes longer is
begun before it is there, with the bytes that every answer begins with.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final

from regrade.serving.connections.outlet import Outlet

_AT_ONCE: Final = 0.1
"""Seconds within which most answers are there."""
_EVERY: Final = 0.25


class GoneWatch:
    """From `begin` on, ends the connection of a client that has gone, while `wanted` says that it is not answered yet.

    `may_begin` tells whether nothing was written yet of the answer that comes next.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wire: asyncio.Transport,
        outlet: Outlet,
        wanted: Callable[[], bool],
        may_begin: Callable[[], bool],
    ) -> None:
        self._loop, self._wire, self._outlet = loop, wire, outlet
        self._wanted, self._may_begin = wanted, may_begin

    def begin(self) -> None:
        """Look from time to time."""
        self._loop.call_later(_AT_ONCE, self._probe)

    def _probe(self) -> None:
        if not self._wanted():
            return
        if self._may_begin():
            self._outlet.begin_answer()
        self._loop.call_later(_EVERY, self._look)

    def _look(self) -> None:
        if not self._wanted():
            return
        if _is_reset(self._wire):
            self._wire.abort()
        else:
            self._loop.call_later(_EVERY, self._look)


def _is_reset(wire: asyncio.Transport) -> bool:
    """Whether both directions are over. The event loop does not look: it reads no more from who sends no more."""
    poll = select.poll()
    poll.register(wire.get_extra_info("socket").fileno(), 0)
    return bool(poll.poll(0))
