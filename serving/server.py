"""Runs the application under uvicorn, with limits on request heads that uvicorn does not have by itself."""

import asyncio
import errno
import logging
import socket
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from httptools import HttpRequestParser
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from regrade.serving import body
from regrade.serving.drain import DrainingServer
from regrade.serving.errors import ListenError
from regrade.serving.headers import COMMON
from regrade.serving.problems import MEDIA_TYPE, Problem
from regrade.serving.settings import Settings

MAX_HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0
"""Longest time from a connection or the first byte of a request to the end of its headers."""

log = logging.getLogger("regrade")


class GuardedProtocol(HttpToolsProtocol):
    """Cuts off heads that are too long or never end; answers what is not HTTP with a problem document."""

    _head_bytes = 0
    _in_head = True
    _too_large = False
    _deadline: asyncio.TimerHandle | None = None
    _rest = 0
    """Bytes of the body that are still to come through the parser."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._arm()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > MAX_HEAD_BYTES:
            self._too_large = True
            raise ValueError("head too large")  # the parser stops, and data_received answers
        length = next((value for name, value in self.headers if name == b"content-length"), b"")
        self._rest = int(length) if length.isdigit() else 0
        super().on_headers_complete()
        extensions: dict[str, Any] = {body.EXTENSION: partial(body.receive_whole, _Body(self, self.cycle))}
        self.scope["extensions"] = extensions

    def on_body(self, body: bytes) -> None:
        self._rest -= len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._rest >= body.SMALLEST and self.cycle.more_body and not self.transport.is_closing():
            rest, self._rest = self._rest, 0
            body.throw_away(_Body(self, self.cycle), rest)

    def leave_out_the_parser(self) -> None:
        """What is still to come of the body is received by others."""
        self._rest = 0

    def begin_anew(self) -> None:
        """Forget the request whose body was received without the parser, which would wait for it for ever."""
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self.parser is not None:
            # The parser keeps an unfinished header to itself, however long it grows: count what it was fed.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._too_large = True
                self.send_400_response("head too large")

    def send_400_response(self, msg: str) -> None:
        if self.transport.is_closing():
            return
        if self._too_large:
            problem = Problem("headers-too-large", f"Send at most {MAX_HEAD_BYTES // 1024} KB of headers.")
        else:
            problem = Problem("bad-request", "This is not a well-formed HTTP/1.1 request. Check the client.")
        content = problem.body()
        own = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), "connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in (own | COMMON).items())
        self.transport.write(STATUS_LINE[problem.status] + head.encode() + b"\r\n" + content)
        self.transport.close()

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class _Body:
    """A request's body on its connection, as `body.receive_whole` wants it.

    While some of it is still to come, the parser is in the midst of it and the connection is at no other request.
    """

    def __init__(self, protocol: GuardedProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol, self._cycle = protocol, cycle
        self.transport = protocol.transport
        self.eof_received = protocol.eof_received
        self.connection_lost = protocol.connection_lost
        self.pause_writing, self.resume_writing = protocol.pause_writing, protocol.resume_writing
        self.hold, self.go_on = protocol.flow.pause_reading, protocol.flow.resume_reading
        self.protocol: asyncio.BaseProtocol = protocol

    def received(self) -> bytes:
        cycle = self._cycle
        if cycle.disconnected:
            raise ClientDisconnect
        if cycle.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            cycle.waiting_for_100_continue = False
        begun, cycle.body = bytes(cycle.body), bytearray()
        self._protocol.leave_out_the_parser()
        return begun

    def more(self) -> bool:
        return self._cycle.more_body

    def body_ended(self) -> None:
        self._protocol.begin_anew()
        self._cycle.more_body = False
        self._cycle.message_event.set()


def listen(settings: Settings) -> list[socket.socket]:
    """Listening sockets, one for each address of the host that `settings` name, all on the same port.

    They are made before anything else, so that a port that is taken costs nothing, least of all the first admin key.
    Raises `ListenError`.
    """
    host, port = settings.host, settings.port
    made: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            free = (address[0], made[0].getsockname()[1] if made else port, *address[2:])
            try:
                made.append(socket.create_server(free, family=family, backlog=2048))
            except OSError as error:
                # `localhost` may stand for ::1 on a machine without IPv6.
                if error.errno != errno.EADDRNOTAVAIL or len(found) == 1:
                    raise
    except OSError as error:
        for sock in made:
            sock.close()
        raise ListenError(_why_not(error, host, port)) from error
    if not made:
        raise ListenError(f"No address of {host!r} belongs to this machine. Choose another with --host.")
    return made


def _why_not(error: OSError, host: str, port: int) -> str:
    another = "Choose another with --port or REGRADE_PORT; 0 takes a free one."
    if isinstance(error, socket.gaierror):
        return f"The address {host!r} cannot be found: {error.strerror}. Choose another with --host."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is already in use. {another}"
    if error.errno == errno.EACCES:
        return f"Port {port} of {host} needs rights that this user has not. {another}"
    return f"Port {port} of {host} cannot be listened on: {error.strerror}. Check --host and --port."


def build_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """A server for `app`, not yet running."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        server_header=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        access_log=settings.log_level == "debug",
        log_level=settings.log_level,
        log_config=_logging(settings.log_level.upper()),
        timeout_keep_alive=15,
        # Far above the queue's own limit, which answers better; this one bounds idle and reading connections.
        limit_concurrency=settings.queue_limit + settings.upload_limit + 1000,
    )
    return DrainingServer(app, config, settings)


def _logging(level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            name: {"handlers": ["stderr"], "level": level, "propagate": False} for name in ("regrade", "uvicorn")
        },
    }
