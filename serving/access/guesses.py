"""How often something that could be guessed may be tried: passwords and short codes, never keys of 256 bits.

An attempt is counted before it is looked at, in every scope that it belongs to, such as a name at an address, and all
that come from that address; so many that are sent at once count as many. What was right is counted no more.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from regrade.serving.base.errors import AttemptsError

MOST_REMEMBERED: Final = 20_000
"""Scopes; of more, those are forgotten that began longest ago."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What attempts are counted for, and how many may be wrong within the window."""

    name: str
    most: int


class Guesses:
    """Attempts within windows of `window` seconds, in memory. For one event loop."""

    def __init__(self, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._clock = window, clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def take(self, scopes: Iterable[Scope]) -> None:
        """Count one attempt. Raises `AttemptsError` where a scope has had all of its own; nothing is then counted."""
        now, asked = self._clock(), tuple(scopes)
        waits = [self._wait(scope, now) for scope in asked]
        if any(waits):
            raise AttemptsError(math.ceil(max(waits)))
        for scope in asked:
            count, since = self._counts.get(scope.name, (0, now))
            self._counts[scope.name] = (count + 1, since)
        while len(self._counts) > MOST_REMEMBERED:
            self._counts.popitem(last=False)

    def right(self, scopes: Iterable[Scope]) -> None:
        """Count an attempt no more, for it was right."""
        for scope in scopes:
            if (found := self._counts.get(scope.name)) is not None:
                self._counts[scope.name] = (max(0, found[0] - 1), found[1])

    def _wait(self, scope: Scope, now: float) -> float:
        """Seconds until the scope has attempts again, 0 where it has; a window that is over is forgotten."""
        count, since = self._counts.get(scope.name, (0, now))
        if now - since >= self._window:
            del self._counts[scope.name]
            return 0.0
        return self._window - (now - since) if count >= scope.most else 0.0
