"""The way out of a connection: what was answered leaves whole, even where the client is still sending.

A socket that is closed with unread bytes in it is reset, and a reset throws away what the client has not read yet
(RFC 9112 section 9.6): first our side is closed, then what still comes is thrown away until the client has gone.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from regrade.serving.base.problems import MEDIA_TYPE, Problem
from regrade.serving.connections.headers import COMMON

BEGINNING: Final = b"HTTP/1.1 "
MOST_THROWN_AWAY: Final = 64 * 1024 * 1024
_scratch: Final = memoryview(bytearray(128 * 1024))
"""Nobody reads it, so that all may write into it."""


class Outlet(asyncio.Transport):
    """What the HTTP protocol takes for its transport; `close` is the protocol's to do."""

    def __init__(self, wire: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._wire = wire
        self._close = close
        self.closing = False
        self.written = 0
        self._begun = False

    def begin_answer(self) -> None:
        """Send what every answer begins with; what is written next is the beginning of one, less that."""
        if not self.is_closing():
            self.write(BEGINNING)
            self._begun = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._begun:
            self._begun, data = False, bytes(data).removeprefix(BEGINNING)
        self.written += len(data)
        self._wire.write(data)

    def is_closing(self) -> bool:
        return self.closing or self._wire.is_closing()

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._close()

    def forget(self) -> None:
        """The connection is gone: whoever still closes it closes nothing."""
        self.closing, self._close = True, _nothing

    def pause_reading(self) -> None:
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        self._wire.resume_reading()


def _nothing() -> None:
    pass


class Discarding(asyncio.BufferedProtocol):
    """Takes the place of a protocol whose connection is about to close, and throws away what comes."""

    def __init__(self, wire: asyncio.Transport, protocol: asyncio.BaseProtocol, moved: Callable[[int], None]) -> None:
        self._wire, self._protocol, self._moved = wire, protocol, moved
        self._left = MOST_THROWN_AWAY

    def get_buffer(self, sizehint: int) -> memoryview:
        return _scratch

    def buffer_updated(self, nbytes: int) -> None:
        self._moved(nbytes)
        self._left -= nbytes
        if self._left < 0:
            self._wire.abort()

    def eof_received(self) -> None:
        """The client is done: the transport closes."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def whole_answer(problem: Problem) -> bytes:
    """The bytes that answer what no application has seen; the connection closes after them."""
    content = problem.body()
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), "connection": "close"}
    headers.update(problem.headers)
    headers.update(COMMON)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[problem.status] + head.encode() + b"\r\n" + content
