"""Large bodies straight into memory: the kernel writes each byte to where it is wanted.

Through the parser and the streams of ASGI every byte would be copied five times in pieces of 64 KB: for the photos of
an item that is more work than hashing them. Here the rest of a body of known length is received into one buffer, the
HTTP parser is left out until it has come to its end, and buffers are used again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

from starlette.requests import ClientDisconnect
from starlette.types import Scope

EXTENSION: Final = "regrade.body"
"""Under `extensions` in the ASGI scope: a `Receive`, where the server can do this."""
SMALLEST: Final = 256 * 1024
LARGEST: Final = 64 * 1024 * 1024
"""Bodies of other sizes are not worth it, or too much to receive before the first look at them."""
_SPARE: Final = 2
_SPARE_BYTES: Final = 24 * 1024 * 1024
_scratch: Final = memoryview(bytearray(128 * 1024))
"""For what nobody reads: all may write into it."""

ReceiveWhole = Callable[[int], AbstractAsyncContextManager[bytes | bytearray]]
"""Given the length of the body, gives a context in which the body stands at the beginning of a buffer that may be
longer. The buffer is used again afterwards: copy what is to be kept."""


def receiver(scope: Scope, announced: int) -> ReceiveWhole | None:
    """How to receive a body of `announced` bytes whole; None where it had better be read as a stream."""
    found: ReceiveWhole | None = scope.get("extensions", {}).get(EXTENSION)
    return found if SMALLEST <= announced <= LARGEST else None


class Connection(Protocol):
    """What a connection must offer so that its bodies can be received whole."""

    transport: asyncio.Transport
    protocol: asyncio.BaseProtocol
    """What receives from the transport at other times."""

    def received(self) -> bytes:
        """What has come of the body so far; nothing after this.

        Raises `ClientDisconnect` where the client has gone, and `UploadError` where it may not send so much.
        """

    def begin_whole(self, fail: Callable[[Exception], None]) -> None:
        """The rest is received by others, and ended by `fail` where it takes too long."""

    def moved(self, size: int) -> None:
        """`size` more bytes have come."""

    def more(self) -> bool:
        """Whether some of the body is still to come."""

    def hold(self) -> None:
        """Read no more for now."""

    def go_on(self) -> None:
        """Read again."""

    def body_ended(self) -> None:
        """The body was received to its end: what comes next is another request."""

    def connection_lost(self, exc: Exception | None) -> None: ...

    def eof_received(self) -> bool | None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


class Buffers:
    """A few buffers that were used and may be used again: fresh memory costs more than filling it."""

    def __init__(self) -> None:
        self._spare: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """A buffer of at least `size` bytes with anything in it."""
        for number, buffer in enumerate(self._spare):
            if len(buffer) >= size:
                return self._spare.pop(number)
        return bytearray(size)

    def give_back(self, buffer: bytearray) -> None:
        """Offer a buffer that nobody looks into any more."""
        if len(buffer) <= _SPARE_BYTES:
            self._spare = sorted([*self._spare, buffer], key=len)[-_SPARE:]


_buffers: Final = Buffers()


@asynccontextmanager
async def receive_whole(connection: Connection, size: int) -> AsyncIterator[bytes | bytearray]:
    """The body of the request that `connection` is at, of `size` bytes. Raises `ClientDisconnect` and `UploadError`.

    Where the caller gives up waiting, the rest is received and thrown away, and the connection is as good as new.
    """
    begun = connection.received()
    if not connection.more():
        yield begun
        return
    buffer = _buffers.take(size)
    buffer[: len(begun)] = begun
    filling = _Filling(connection, buffer, len(begun), size)
    filling.begin()
    connection.begin_whole(filling.fail)
    try:
        await filling.done
    except BaseException:
        filling.discard()
        raise
    try:
        yield buffer
    finally:
        _buffers.give_back(buffer)


def throw_away(connection: Connection, rest: int) -> None:
    """Receive the last `rest` bytes of a body that nobody wants, cheaply; then `connection` is as good as new.

    A server that turns many away would otherwise spend on what they send what it lacks for those whom it has taken.
    """
    filling = _Filling(connection, bytearray(), 0, rest)
    filling.discard()
    filling.begin()


class _Filling(asyncio.BufferedProtocol):
    """Takes the place of a connection's protocol until the body is there."""

    def __init__(self, connection: Connection, buffer: bytearray, filled: int, size: int) -> None:
        self._connection = connection
        self._view = memoryview(buffer)
        self._filled = filled
        self._size = size
        self._thrown_away: memoryview | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        self._connection.hold()
        self._connection.transport.set_protocol(self)
        self._connection.go_on()

    def discard(self) -> None:
        """Nobody wants the body any more, and its buffer may be used by others from now on."""
        self._thrown_away = _scratch
        self._view.release()
        self.done.cancel()

    def fail(self, error: Exception) -> None:
        """Raise `error` in place of the body."""
        if not self.done.done():
            self.done.set_exception(error)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._thrown_away is not None:
            return self._thrown_away[: self._size - self._filled]
        return self._view[self._filled : self._size]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        self._connection.moved(nbytes)
        if self._filled == self._size:
            self._connection.hold()
            self._connection.body_ended()
            self._connection.transport.set_protocol(self._connection.protocol)
            self._connection.go_on()
            if not self.done.done():
                self._view.release()
                self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)
        if not self.done.done():
            self.done.set_exception(ClientDisconnect())

    def eof_received(self) -> bool | None:
        return self._connection.eof_received()

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
