"""Ends a transfer that takes too long in all, or moves too little in a while."""

import asyncio
from collections.abc import Callable
from typing import Final

_SOON: Final = 1e-3


class Pace:
    """Calls `late` once: when `total` seconds are over, or when fewer than `least` bytes moved in one of its windows.

    `moved` tells how many bytes have moved so far. The first window is the grace. Stop it when the transfer is over.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        late: Callable[[], None],
        total: float,
        moved: Callable[[], int] | None = None,
        least: float = 0.0,
        window: float = 0.0,
    ) -> None:
        self._loop = loop
        self._late = late
        self._end = loop.time() + total
        self._moved, self._least, self._window = moved, least, window
        self._before = 0
        self._timer = self._wind(total)

    def stop(self) -> None:
        """It is over, or another one watches it."""
        self._timer.cancel()

    def _wind(self, left: float) -> asyncio.TimerHandle:
        if self._moved is not None:
            self._before = self._moved()
            left = min(left, self._window)
        return self._loop.call_later(left, self._look)

    def _look(self) -> None:
        left = self._end - self._loop.time()
        if left <= _SOON or (self._moved is not None and self._moved() - self._before < self._least):
            self._late()
        else:
            self._timer = self._wind(left)
