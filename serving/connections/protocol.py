"""uvicorn's HTTP protocol, with a bound on everything that a client can send.

It relies on the inside of uvicorn's class: `pyproject.toml` names the versions that it was tested with.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import uvicorn
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from regrade.serving.base.errors import UploadError
from regrade.serving.base.i18n import pick
from regrade.serving.base.problems import Problem, ProblemError, problem_of
from regrade.serving.connections import body
from regrade.serving.connections.exchange import Exchange
from regrade.serving.connections.half_closed import GoneWatch
from regrade.serving.connections.outlet import Outlet
from regrade.serving.connections.table import EXTENSION, Connections
from regrade.serving.connections.timed import TimedProtocol

MAX_HEAD_BYTES: Final = 64 * 1024
MOST_PIPELINED: Final = 8
"""Requests that wait for the one before them, on one connection."""
_PIECE: Final = 4096
"""Bytes that the parser is fed at once, where they may hold more than one request."""
_MOST_FRAMING: Final = 64 * 1024
_FRAMING_FACTOR: Final = 4
"""A body may come with `_MOST_FRAMING` + `_FRAMING_FACTOR` × its size of chunk headers and the like."""

_KEYS: Final = frozenset((b"authorization", b"cookie"))
_BODIES: Final = frozenset((b"content-length", b"transfer-encoding"))
_FORM: Final = b"application/x-www-form-urlencoded"

_NOT_HTTP: Final = Problem("bad-request", "This is not a well-formed HTTP/1.1 request. Check the client.")
_HEAD_TOO_LARGE: Final = Problem("headers-too-large", f"Send at most {MAX_HEAD_BYTES // 1024} KB of headers.")


class GuardedProtocol(TimedProtocol):
    """One connection, from the bytes that come to the requests that are run."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        connections: Connections,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, connections, _loop)
        self._application, self.app = self.app, self._run
        self.half_closed = False
        """Whether the client has closed its side."""
        self._rest = 0
        """Bytes of the body that are still to come through the parser."""
        self._kept_back: tuple[RequestResponseCycle, Any] | None = None
        """A form without a key, which is run when it is there: until then it costs next to nothing."""
        self._held = b""
        """What came behind too many requests: fed to the parser when some of them are answered."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.app = self._application
        if self._kept_back is not None:
            self.pipeline.append(self._kept_back)
            self._kept_back = None
        while self.pipeline:
            _forget(self.pipeline.pop()[0])

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._held += data
        elif not self.deaf:
            self._feed(data)
        self.settle()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: what it has asked whole is answered, and then the connection ends."""
        if self.transport.is_closing() or self.is_answered() or self.cycle.more_body:
            return False
        if not self.half_closed:
            self.half_closed = True
            assert isinstance(self.transport, Outlet)
            watch = GoneWatch(self.loop, self.wire, self.transport, self._is_wanted, self._may_begin)
            watch.begin()
        return True

    def _is_wanted(self) -> bool:
        return not (self.is_answered() or self.transport.is_closing())

    def _may_begin(self) -> bool:
        # Of several requests nobody here knows which is being answered.
        return not self.pipeline and not self._held and not self.cycle.response_started

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head, self.head_bytes = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # else a trailer: nobody wants it, and it must not be taken for a header
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > MAX_HEAD_BYTES:
            self.head_bytes = MAX_HEAD_BYTES + 1
            raise ValueError("head too large")  # the parser stops, and `_feed` answers
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        self._rest = int(length) if length.isdigit() else 0
        super().on_headers_complete()
        self.in_head = False
        self.exchange = Exchange(self, self.cycle, self._rest)
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # nobody here speaks anything else
        extensions: dict[str, Any] = {
            body.EXTENSION: partial(body.receive_whole, self.exchange),
            EXTENSION: self.exchange,
        }
        self.scope["extensions"] = extensions
        self._await_kept_back()

    def on_body(self, body: bytes) -> None:
        assert self.exchange is not None
        self._rest -= len(body)
        self.exchange.moved(len(body))
        super().on_body(body)
        if self.exchange.received_bytes > self.limits.anonymous_body_bytes:
            self._begin_kept_back()  # to refuse it

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.cycle.more_body = False  # uvicorn does not say so of what was answered already
        self._begin_kept_back()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            self._await_kept_back()
        if self._held:
            held, self._held = self._held, b""
            self._feed(held)
        if self.half_closed and not self._held and self.is_answered():
            self.transport.close()
        if self._rest >= body.SMALLEST and self.is_answered() and self.cycle.more_body and self.exchange is not None:
            rest, self._rest = self._rest, 0
            body.throw_away(self.exchange, rest)
        self.settle()

    def leave_out_the_parser(self) -> None:
        """What is still to come of the body is received by others."""
        self._rest = 0

    def begin_anew(self) -> None:
        """Forget the request whose body was received without the parser, which would wait for it for ever."""
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        """The application, with a body that ends in time."""
        exchange: Exchange = scope["extensions"][EXTENSION]
        try:
            await self._application(scope, exchange.receive, exchange.send if exchange.asked_first else send)
        finally:
            scope["extensions"].clear()  # they know the scope: only the garbage collector would find both

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        headers = dict(cycle.scope["headers"])
        if not cycle.more_body or _KEYS & headers.keys() or not _BODIES & headers.keys():
            super()._start_asgi_task(cycle, app)
        elif _is_form(headers) and int(headers[b"content-length"]) <= self.limits.anonymous_body_bytes:
            self._kept_back = (cycle, app)
        else:  # cheap for who sends a thousand of them at once: they take turns with everybody else
            self.connections_table.turns.add(partial(self._start_late, cycle, app))

    def _start_late(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.disconnected:
            _forget(cycle)
        else:
            super()._start_asgi_task(cycle, app)

    def _await_kept_back(self) -> None:
        if self._kept_back is not None and self.exchange is not None:
            self.exchange.wanted = True

    def _begin_kept_back(self) -> None:
        if self._kept_back is not None:
            (cycle, app), self._kept_back = self._kept_back, None
            self._start_late(cycle, app)

    def _fail_body(self, error: UploadError) -> None:
        if self._kept_back is None:
            super()._fail_body(error)
        else:
            problem = problem_of(error, pick(dict(self.headers).get(b"accept-language", b"").decode("latin-1")))
            assert problem is not None
            self.answer(problem)

    def _feed(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self.deaf and not self.transport.is_closing():
            if len(self.pipeline) >= MOST_PIPELINED:
                self._held = data[at:]
                self.flow.pause_reading()
                return
            size = max(_PIECE, self._rest)
            piece = data if at == 0 and len(data) <= size else data[at : at + size]
            at += size
            try:
                self.parser.feed_data(piece)
            except HttpParserUpgrade:
                self.deaf = True
            except HttpParserError:
                self._spoilt(_HEAD_TOO_LARGE if self.head_bytes > MAX_HEAD_BYTES else _NOT_HTTP)
            else:
                self._measure(len(piece))

    def _measure(self, fed: int) -> None:
        """Count what the parser was fed: it keeps an unfinished header to itself and forgets what frames the chunks."""
        one = self.exchange
        if self.in_head:
            self.head_bytes += fed
            if self.head_bytes > MAX_HEAD_BYTES:
                self._spoilt(_HEAD_TOO_LARGE)
        elif one is not None and one.more():
            one.framing_bytes += fed
            if one.framing_bytes - one.received_bytes > _MOST_FRAMING + _FRAMING_FACTOR * one.received_bytes:
                self._spoilt(_NOT_HTTP)

    def _spoilt(self, problem: Problem) -> None:
        """What comes means nothing: what was asked before is answered, and then the connection ends."""
        self.deaf = True
        if self.is_answered():
            if self.cycle is not None and self.cycle.more_body:
                self.transport.close()
            else:
                self.answer(problem)
            return
        self.cycle.keep_alive = False
        if self.exchange is not None and self.exchange.more():
            self.exchange.fail(ProblemError(problem))


def _forget(cycle: RequestResponseCycle) -> None:
    """A request that will not be run: let go of what refers back to it, as one that was run does."""
    cycle.on_response = _nothing
    cycle.scope.get("extensions", {}).clear()


def _nothing() -> None:
    pass


def _is_form(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a form of a page comes, of known length, without being asked for. Nothing of the API takes one."""
    kind, length = headers.get(b"content-type", b""), headers.get(b"content-length", b"")
    return kind.lower().startswith(_FORM) and length.isdigit() and b"expect" not in headers
