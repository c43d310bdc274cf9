"""A thousand connections may fall due in one moment; between them, everybody else must get a turn."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 4
"""How many are done before the event loop looks at its other work: about 2 ms."""


class Turns:
    """Does what it is given in order, a few things at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, act: Callable[[], None]) -> None:
        """Do `act` soon."""
        if not self._waiting:
            self._loop.call_soon(self._go_on)
        self._waiting.append(act)

    def _go_on(self) -> None:
        for _ in range(min(AT_ONCE, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            self._loop.call_soon(self._go_on)
