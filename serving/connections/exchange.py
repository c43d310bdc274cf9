"""One request on its connection: who sent it, and its body within bounds that no route can forget."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from regrade.models.errors import RegradeError
from regrade.serving.base.errors import UploadError
from regrade.serving.base.i18n import Message
from regrade.serving.connections.limits import Limits

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSES: Final = (b"connection", b"close")


class Carrier(Protocol):
    """What an exchange needs of the connection that carries it."""

    known: bool
    moved_bytes: int
    wire: asyncio.Transport
    flow: FlowControl
    limits: Limits

    def leave_out_the_parser(self) -> None: ...
    def begin_anew(self) -> None: ...
    def settle(self) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def eof_received(self) -> bool: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class Exchange:
    """A request under way, as a part of the ASGI scope, and as `regrade.serving.connections.body` wants a connection.

    Until `trust` is called it counts as one of somebody without a key. The clock of the body runs from the moment at
    which the application first asks for it.
    """

    def __init__(self, protocol: Carrier, cycle: RequestResponseCycle, announced: int) -> None:
        self.protocol: asyncio.BaseProtocol = cast("asyncio.BaseProtocol", protocol)
        self.transport = protocol.wire
        self.trusted = False
        self.wanted = False
        """Whether the application waits for the rest of the body."""
        self.received_bytes = 0
        self.framing_bytes = 0
        """What the client has sent of the body, with all that is no content."""
        self._own, self._cycle = protocol, cycle
        self._announced = announced
        self.asked_first = cycle.waiting_for_100_continue
        """Whether the client waits to be told to send its body: its answers go through `send`."""
        self._fault: RegradeError | None = None
        self._fail_whole: Callable[[Exception], None] | None = None

    def trust(self) -> None:
        """Whoever sent this has shown a valid key."""
        self.trusted = self._own.known = True

    async def receive(self) -> Any:
        """ASGI's `receive`. Raises `UploadError` for a body that is too slow, or too large for one without a key."""
        if self.more() and not self._cycle.response_complete:
            self._want()
        message = await self._cycle.receive()
        if self._fault is not None:
            raise self._fault
        self._refuse_large(self.received_bytes)
        if message["type"] == "http.disconnect" and self._cycle.disconnected and self._cycle.body:
            # What had come before the client went: whoever takes a body in parts can keep it.
            message = {"type": "http.request", "body": bytes(self._cycle.body), "more_body": self._cycle.more_body}
            self._cycle.body = bytearray()
        return message

    async def send(self, message: Any) -> None:
        """ASGI's `send`, for a client that asks before it sends its body: not told to, it need not, and who could tell
        what comes next?"""
        if message["type"] == "http.response.start" and self.asked_first and not self.wanted:
            message["headers"] = [*(one for one in message["headers"] if one != _CLOSES), _CLOSES]
        await self._cycle.send(message)

    def fail(self, error: RegradeError) -> None:
        """Raise `error` in place of the rest of the body."""
        if self._fault is None:
            self._fault, self.wanted = error, False
            if self._fail_whole is not None:
                self._fail_whole(error)
            self._cycle.message_event.set()

    def received(self) -> bytes:
        """What has come of the body so far; the rest does not go through the parser."""
        cycle = self._cycle
        if cycle.disconnected:
            raise ClientDisconnect
        self._want()
        if cycle.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(CONTINUE)
            cycle.waiting_for_100_continue = False
        begun, cycle.body = bytes(cycle.body), bytearray()
        self._own.leave_out_the_parser()
        return begun

    def begin_whole(self, fail: Callable[[Exception], None]) -> None:
        """Whoever receives the rest has it end by `fail` where it must."""
        self._fail_whole = fail

    def moved(self, size: int) -> None:
        """Note that `size` more bytes have come."""
        self.received_bytes += size
        self._own.moved_bytes += size

    def more(self) -> bool:
        """Whether some of the body is still to come."""
        return self._cycle.more_body

    def hold(self) -> None:
        """Read no more for now."""
        self._own.flow.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        self._own.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._own.connection_lost(exc)

    def eof_received(self) -> bool:
        return self._own.eof_received()

    def pause_writing(self) -> None:
        self._own.pause_writing()

    def resume_writing(self) -> None:
        self._own.resume_writing()

    def body_ended(self) -> None:
        """The body was received to its end: what comes next is another request."""
        self._fail_whole = None
        self._own.begin_anew()
        self._cycle.more_body = False
        self._cycle.message_event.set()
        self._own.settle()

    def _want(self) -> None:
        self._refuse_large(self._announced)
        if self._fault is not None:
            raise self._fault
        if not self.wanted:
            self.wanted = True
            self._own.settle()

    def _refuse_large(self, size: int) -> None:
        limit = self._own.limits.anonymous_body_bytes
        if size > limit and not self.trusted:
            params = {"limit": f"{limit / 1024:g}"}
            self.fail(UploadError("body-too-large", Message("problem.anonymous_too_large", params)))
            assert self._fault is not None
            raise self._fault
