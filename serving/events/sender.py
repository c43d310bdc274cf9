"""One attempt to deliver: a request to a looked-at address, with bounds on its time and on what comes back."""

import asyncio
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Final

import httpcore

from regrade.serving.base.errors import InvalidFieldsError
from regrade.serving.events.targets import Guarded, Networks, RefusedTargetError, parse

SECONDS: Final = 15.0
"""Longest time of an attempt, from the look-up of the name to the end of the answer."""
MOST_ANSWER: Final = 64 * 1024
"""Bytes that are read of an answer; nothing of it is kept."""
LONGEST_WAIT: Final = 24 * 3600.0
"""Seconds of a Retry-After that are believed."""
_CONNECTIONS: Final = 400
AT_FAULT: Final = frozenset((408, 425, 429, 502, 503, 504))
"""Statuses by which a receiver says that it cannot take anything now, whatever it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `error` is None where it arrived, else a code: `refused` (an address that webhooks may
    not go to), `dns`, `connection`, `tls`, `timeout`, `redirect`, `gone` or `status`; `status` is that of HTTP, None
    without an answer. Without an attempt: `expired` (no longer kept), `unmapped` (an adapter has no words for the
    item), `adapter` (which cannot be used now) and `unwritable` (what is stored cannot be put into an event).
    `retry_after` is in seconds, where the receiver asked for it."""

    status: int | None
    error: str | None
    ms: float
    retry_after: float | None = None

    @property
    def silent(self) -> bool:
        """Whether the receiver is at fault as a whole, and not what was sent."""
        return self.error is not None and (self.status is None or self.status in AT_FAULT)


class Sender:
    """Sends, from one event loop. `networks` are those of one's own that webhooks may go to."""

    def __init__(self, networks: Networks, *, seconds: float = SECONDS, context: ssl.SSLContext | None = None) -> None:
        self._networks, self._seconds, self._context = networks, seconds, context
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def send(self, url: str, headers: Mapping[str, str], body: bytes, method: str = "POST") -> Answer:
        """Send `body` (JSON) to `url`. Never raises for what the other side does."""
        begun = time.monotonic()
        status, error, wait = None, None, None
        try:
            target = parse(url, self._networks)
            async with asyncio.timeout(self._seconds):
                status, wait = await self._exchange(method, target.scheme, url, headers, body)
            error = _error_of(status)
        except InvalidFieldsError:  # allowed once, and no longer by the settings
            error = "refused"
        except RefusedTargetError as refused:
            error = refused.code
        except (TimeoutError, httpcore.TimeoutException):
            error = "timeout"
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as fault:
            error = "tls" if _is_tls(fault) else "connection"
        return Answer(status, error, round((time.monotonic() - begun) * 1000, 1), wait)

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _exchange(
        self, method: str, scheme: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, float | None]:
        own = {"Content-Type": "application/json", "User-Agent": f"regrade/{version('regrade')}", "Accept": "*/*"}
        sent = [(name.encode(), value.encode()) for name, value in {**own, **headers}.items()]
        async with self._pool(scheme).stream(method, url, headers=sent, content=body) as answer:
            got = 0
            async for part in answer.aiter_stream():
                got += len(part)
                if got > MOST_ANSWER:
                    break
            return answer.status, _retry_after(_header(answer.headers))

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        if scheme not in self._pools:
            # Reading the system's certificates costs 20 ms and some memory: only where something is sent.
            context = self._context or ssl.create_default_context() if scheme == "https" else None
            self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=_CONNECTIONS,
                max_keepalive_connections=64,
                keepalive_expiry=15.0,
                network_backend=Guarded(self._networks, plain=scheme == "http"),
            )
        return self._pools[scheme]


def _header(headers: list[tuple[bytes, bytes]]) -> bytes:
    return next((value for name, value in headers if name.lower() == b"retry-after"), b"")


def _error_of(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if status == 410:
        return "gone"
    return "redirect" if 300 <= status < 400 else "status"


def _retry_after(written: bytes) -> float | None:
    """Seconds, of a number or a date (RFC 9110, 10.2.3)."""
    text = written.decode("latin-1").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(LONGEST_WAIT, float(text))
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(LONGEST_WAIT, max(0.0, seconds))


def _is_tls(fault: BaseException) -> bool:
    found: BaseException | None = fault
    while found is not None:
        if isinstance(found, ssl.SSLError):
            return True
        found = found.__cause__ or found.__context__
    return False
