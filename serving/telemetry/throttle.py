"""Says the same thing now and then, however often it happens."""

import time
from collections.abc import Callable


class Throttle:
    """Lets one in `seconds` through, and counts the others."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._next = 0.0
        self._kept_back = 0

    def take(self) -> int | None:
        """How many there were since the last that was let through, this one included; None where this one is not."""
        self._kept_back += 1
        now = self._clock()
        if now < self._next:
            return None
        self._next = now + self._seconds
        count, self._kept_back = self._kept_back, 0
        return count
