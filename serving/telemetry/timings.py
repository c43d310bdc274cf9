"""Where the wall time of one item went: parts that follow one another and add up to the whole."""

import time
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

PARTS: Final = ("read", "queue", "decode", "infer", "store", "other")
"""The parts of an answer's `timings_ms`, in the order in which they are shown; `total` is their sum."""

Interval = tuple[str, float, float]
"""A piece of work on one thread: to which part it belongs, when it began and when it ended (perf_counter)."""


class Timings:
    """Collects the parts of one item. Each moment since `started` (perf_counter) belongs to exactly one part.

    `mark` gives a part the time since the mark before; `parallel` shares that time out among pieces of work that ran
    side by side. Not thread-safe: it belongs to the task that answers the item.
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self._marked = started
        self._seconds = dict.fromkeys(PARTS, 0.0)

    def mark(self, part: str, now: float | None = None) -> float:
        """Give the time since the last mark, up to `now` (this moment when None), to `part`. Returns its seconds.

        Raises `KeyError` for a part that is not in `PARTS`, and `ValueError` for a moment before the last mark.
        """
        begun, now = self._advance(now)
        self._seconds[part] += now - begun
        return now - begun

    def parallel(self, work: Iterable[Interval], idle: str, now: float | None = None) -> None:
        """Share out the time since the last mark, up to `now`, among pieces of work that may overlap.

        A moment at which n pieces are under way gives 1/n of itself to the part of each; a moment at which none is
        goes to `idle`, such as waiting for a core that works on another item. What lies outside the time since the
        last mark is left out. Raises as `mark` does.
        """
        begun, now = self._advance(now)
        pieces = [(part, max(start, begun), min(end, now)) for part, start, end in work]
        pieces = [piece for piece in pieces if piece[1] < piece[2]]
        moments = sorted({begun, now, *(start for _, start, _ in pieces), *(end for _, _, end in pieces)})
        for start, end in pairwise(moments):
            active = [part for part, since, until in pieces if since <= start and end <= until]
            for part in active or [idle]:
                self._seconds[part] += (end - start) / max(len(active), 1)

    def seconds(self, part: str) -> float:
        """What `part` has been given so far, in seconds."""
        return self._seconds[part]

    @property
    def total(self) -> float:
        """Seconds from `started` to the last mark: the sum of all parts."""
        return self._marked - self.started

    def as_ms(self) -> dict[str, float]:
        """Every part and `total` in milliseconds, to 0.1 ms; the parts sum to `total` exactly, as decimals do.

        Rounded by largest remainders (Hamilton's method), so that no part is off by 0.1 ms or more.
        """
        tenths = {part: seconds * 10_000 for part, seconds in self._seconds.items()}
        whole = {part: int(value) for part, value in tenths.items()}
        total = round(sum(tenths.values()))
        rest = sorted(PARTS, key=lambda part: whole[part] - tenths[part])[: total - sum(whole.values())]
        return {part: (whole[part] + (part in rest)) / 10 for part in PARTS} | {"total": total / 10}

    def _advance(self, now: float | None) -> tuple[float, float]:
        """The last mark, and the new one."""
        begun, now = self._marked, time.perf_counter() if now is None else now
        if now < begun:
            raise ValueError(f"This moment is {begun - now:.6f} s before the last mark.")
        self._marked = now
        return begun, now


def server_timing(milliseconds: Mapping[str, float]) -> str:
    """The value of a Server-Timing header (W3C Server Timing, section 3): `read;dur=12.3, total;dur=45.6`."""
    return ", ".join(f"{name};dur={value:.1f}" for name, value in milliseconds.items())
