"""Keys and session cookies as they come with requests: wrong ones cost next to nothing, and delay nobody else's.

A key is 256 random bits: nobody guesses one, and a right one is never made to wait for wrong ones, whoever sent those
and from wherever: a whole warehouse may sit behind one address. What they could take is work. So few that have not been
seen to be right are looked up at a time, and one that was wrong is not looked up again.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 2
"""Lookups of what has not been right before; the service's threads are for those who have."""
FORGET_SECONDS: Final = 60.0
MOST_REMEMBERED: Final = 10_000


class Lookups(Generic[T]):
    """Finds what a secret stands for, by `find`, which waits for the database and is None for one that is wrong.

    Secrets are remembered as hashes. What was right is looked up each time: it may have been revoked. What was wrong
    never becomes right, and is forgotten after a while only to save memory.
    """

    def __init__(self, find: Callable[[str], Awaitable[T | None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._clock = find, clock
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, float] = OrderedDict()

    async def __call__(self, secret: str) -> T | None:
        """What `secret` stands for, None where it is wrong."""
        digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
        if self._clock() < self._wrong.get(digest, 0.0):
            return None
        if digest in self._right:
            found = await self._find(secret)
        else:
            async with self._gate:
                found = await self._find(secret)
        self._note(digest, found is not None)
        return found

    def _note(self, digest: bytes, right: bool) -> None:
        if right:
            self._right[digest] = None
            self._right.move_to_end(digest)
        else:
            self._right.pop(digest, None)
            self._wrong[digest] = self._clock() + FORGET_SECONDS
            self._wrong.move_to_end(digest)
        for remembered in (self._right, self._wrong):
            if len(remembered) > MOST_REMEMBERED:
                remembered.popitem(last=False)
