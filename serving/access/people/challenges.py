"""Challenges of passkey ceremonies: made here, good for a few minutes, for one purpose and one use.

A challenge says itself until when it is good, under a secret of this process: whoever asks for many fills no memory.
Only those that were answered rightly are remembered, until they would have expired anyway.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

LIFE: Final = 300.0
"""Seconds."""
_NONCE: Final = 16
_UNTIL: Final = 8


class Challenges:
    """Those of one process; from any thread. What was begun before a restart is begun anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._used: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def make(self, purpose: str) -> bytes:
        """A new challenge."""
        until = int((self._clock() + LIFE) * 1000).to_bytes(_UNTIL)
        head = secrets.token_bytes(_NONCE) + until
        return head + self._sign(head, purpose)

    def good(self, challenge: bytes, purpose: str) -> bool:
        """Whether it was made here for this purpose, has not expired, and was not used."""
        head, signature = challenge[: _NONCE + _UNTIL], challenge[_NONCE + _UNTIL :]
        if not hmac.compare_digest(self._sign(head, purpose), signature):
            return False
        until = int.from_bytes(head[_NONCE:]) / 1000
        return self._clock() < until and challenge not in self._used

    def use(self, challenge: bytes, purpose: str) -> bool:
        """Use a challenge up, once its answer has proven right; False where it is not good, or no longer."""
        with self._lock:
            now = self._clock()
            self._used = {used: until for used, until in self._used.items() if until > now}
            if not self.good(challenge, purpose):
                return False
            self._used[challenge] = now + LIFE
            return True

    def _sign(self, head: bytes, purpose: str) -> bytes:
        return hmac.digest(self._secret, purpose.encode() + b"\0" + head, hashlib.sha256)
