"""Which connections wait for whom; and where there are too many, which of them is closed.

Nobody is refused because others wait: the connection that has waited longest for its client is closed instead, first
among those that have shown no key. Connections that nobody has answered yet and those that idle between two requests
stand in lines of their own, so that neither can push out the other. What waits for the service is never closed.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

from starlette.types import Scope

from regrade.serving.connections.limits import Limits
from regrade.serving.connections.turns import Turns

EXTENSION: Final = "regrade.exchange"
REASONS: Final = ("idle", "head", "body", "rest", "answer", "closing", "crowded", "descriptors", "ending")
"""Why a connection is cut off: one for each turn of a client that was too slow, and what `drop` is told."""

GRACE: Final = 0.5
"""Seconds that nobody is closed before, unless there is no descriptor left: who has just come is about to ask."""


class Phase(StrEnum):
    """What a connection is at."""

    NEW = "new"
    """Without a key, and its client has something to do before it is answered, or is taking its answer."""
    IDLE = "idle"
    """Between two requests; no key was shown on it."""
    KNOWN = "known"
    """Between two requests of somebody who has shown a valid key."""
    TRANSFER = "transfer"
    """With a valid key: its body comes in, or its answer is being taken."""
    BUSY = "busy"
    """The service has something to do."""


_WITHOUT_KEY: Final = (Phase.NEW, Phase.IDLE)
_FIRST_TO_GO: Final = (Phase.NEW, Phase.IDLE, Phase.KNOWN, Phase.TRANSFER)


class Connection(Protocol):
    """What the table must know of a connection."""

    origin: str
    """The network that it comes from, see `origin_of`."""

    def drop(self, reason: str) -> None:
        """Close it at once."""


class Connections:
    """All connections of one server. Belongs to one event loop and is only touched on it."""

    def __init__(self, limits: Limits, turns: Turns, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.turns = turns
        self._clock = clock
        self.open = 0
        """Connections that hold a descriptor."""
        self.ending = False
        """Whether the server is about to end: nobody is waited for any longer."""
        self.closed: Counter[str] = Counter()
        """How many were closed for which reason, since the start."""
        self._lines: dict[Phase, _Line] = {phase: _Line() for phase in Phase}

    @property
    def full(self) -> bool:
        """Whether another connection is one too many."""
        return self.open >= self.limits.most

    def count(self, phase: Phase) -> int:
        """Connections in `phase` now."""
        return len(self._lines[phase])

    def move(self, connection: Connection, before: Phase | None, to: Phase | None) -> None:
        """Put a connection at the end of the line `to`; None where it comes, or goes."""
        if before is not None:
            self._lines[before].remove(connection)
        if to is not None:
            now = self._clock()
            self._lines[to].add(connection, now)
            if to in _WITHOUT_KEY:
                self._trim(self._lines[to], connection.origin, now - GRACE)

    def make_room(self, wanted: int, reason: str = "crowded") -> int:
        """Close up to `wanted` connections that wait for their clients, those without a key first; how many it were."""
        for number in range(wanted):
            line = next((self._lines[phase] for phase in _FIRST_TO_GO if self._lines[phase]), None)
            if line is None:
                return number
            line.oldest().drop(reason)
        return wanted

    def _trim(self, line: "_Line", origin: str, before: float) -> None:
        for _ in range(2):  # more than comes, so that it shrinks after all of them were new
            if line.count_of(origin) > self.limits.most_waiting_of_one:
                oldest = line.oldest(origin)
            elif len(line) > self.limits.most_waiting:
                oldest = line.oldest()
            else:
                return
            if line.since(oldest) > before:
                return
            oldest.drop("crowded")


class _Line:
    """Connections in the order in which they came, also by their origin."""

    def __init__(self) -> None:
        self._all: OrderedDict[Connection, float] = OrderedDict()
        self._of: dict[str, OrderedDict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def count_of(self, origin: str) -> int:
        return len(self._of.get(origin, ()))

    def since(self, connection: Connection) -> float:
        return self._all[connection]

    def add(self, connection: Connection, now: float) -> None:
        self._all[connection] = now
        self._of.setdefault(connection.origin, OrderedDict())[connection] = None

    def remove(self, connection: Connection) -> None:
        del self._all[connection]
        own = self._of[connection.origin]
        del own[connection]
        if not own:
            del self._of[connection.origin]

    def oldest(self, origin: str | None = None) -> Connection:
        found: Iterable[Connection] = self._all if origin is None else self._of[origin]
        return next(iter(found))


@lru_cache(4096)
def origin_of(address: str | None) -> str:
    """The network that an address belongs to: itself, or of IPv6 the /64, which is what one customer is given."""
    try:
        parsed = ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def trust(scope: Scope) -> None:
    """Tell the server that whoever sent this request has shown a valid key, and may take the time of one who has."""
    exchange = scope.get("extensions", {}).get(EXTENSION)
    if exchange is not None:
        exchange.trust()
