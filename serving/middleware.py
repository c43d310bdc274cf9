"""What wraps every request: its measurement, its trace, and an answer even to what nobody expected."""

import asyncio
import logging
import time
from contextlib import suppress
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regrade.serving import tracing
from regrade.serving.admission import Admission, draining
from regrade.serving.disk import fault_of
from regrade.serving.errors import SpokenError
from regrade.serving.headers import add_common
from regrade.serving.i18n import pick, text
from regrade.serving.metrics import Metrics
from regrade.serving.problems import Problem, problem_of

DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_SECONDS = 10.0
CLOSES = (b"connection", b"close")

log = logging.getLogger("regrade")

ASKED = "regrade.asked_method"
STARTED = "regrade.started"


def asked_method(scope: Scope) -> str:
    """The method that the client asked for."""
    asked: str = scope.get(ASKED, scope["method"])
    return asked


def started(scope: Scope) -> float:
    """When the head of the request had come (perf_counter); before its key was checked and its body was read."""
    at: float = scope[STARTED]
    return at


class Wrap:
    """Counts and times requests, answers unexpected errors with an incident id, and sets common headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Whatever answers GET answers HEAD: the same head, without the content (RFC 9110 section 9.3.2). The server
        # keeps the content back, and knows from the scope it made itself that HEAD was asked for.
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", ASKED: "HEAD"}
        call = _Call(scope, receive, send)
        scope[STARTED] = call.started
        with tracing.request(scope, asked_method(scope)) as trace:
            try:
                await self.app(scope, call.receive, call.send)
            except Exception as error:
                await self._answer_unexpected(error, scope, call)
            except asyncio.CancelledError:
                if call.status is not None:
                    raise
                await self._answer_cut_off(scope, call)
            finally:
                # A template, never the path itself: each new path would be another time series.
                route = getattr(scope.get("route"), "path", "other")
                status, seconds = call.status or 0, time.perf_counter() - call.started
                _metrics(scope).answered(asked_method(scope), route, status, seconds)
                trace.answered(route, status)

    async def _answer_unexpected(self, error: Exception, scope: Scope, call: "_Call") -> None:
        if (fault := fault_of(error)) is not None and call.status is None:
            log.error("%s %s: %s", asked_method(scope), scope["path"], error)
            await scope["app"].state.runtime.failed(fault)
            await self._answer(_problem_of(fault, scope), scope, call)
            return
        incident = uuid4().hex[:12]
        log.exception("incident %s: %s %s", incident, asked_method(scope), scope["path"])
        if call.status is not None:
            raise error  # half an answer is out; the server must cut the connection
        detail = text("problem.internal", _language(scope), incident=incident)
        await self._answer(Problem("internal", detail, {"incident": incident}), scope, call)

    async def _answer_cut_off(self, scope: Scope, call: "_Call") -> None:
        """Only a server that ends cancels requests: those that have not come to an end in the time it gives them."""
        error = draining()
        _metrics(scope).refused.labels(error.reason).inc()
        call.abandon_body()
        await self._answer(_problem_of(error, scope), scope, call)

    async def _answer(self, problem: Problem, scope: Scope, call: "_Call") -> None:
        _metrics(scope).problems.labels(problem.slug).inc()
        await problem.response()(scope, call.receive, call.send)


def _metrics(scope: Scope) -> Metrics:
    metrics: Metrics = scope["app"].state.runtime.metrics
    return metrics


def _problem_of(error: SpokenError, scope: Scope) -> Problem:
    problem = problem_of(error, _language(scope))
    assert problem is not None
    return problem


def _language(scope: Scope) -> str:
    return pick(dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1"))


class _Call:
    """One request; remembers which status was sent and, where the connection closes, whether its body has been read."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = time.perf_counter()
        self.status: int | None = None
        self._receive = receive
        self._send = send
        headers = dict(scope["headers"])
        has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        # With keep-alive the server goes on reading after the answer. Without, it closes, and a client that is
        # still sending would see a reset connection in place of the answer.
        self._admission: Admission = scope["app"].state.runtime.admission
        self._late = self._admission.closed
        closes = scope["http_version"] == "1.0" or headers.get(b"connection", b"").lower() == b"close" or self._late
        self._sends_body = has_body and headers.get(b"expect", b"").lower() != b"100-continue"
        self._unread = self._sends_body and closes
        # Only where it matters what has been read: a large body comes in hundreds of chunks.
        self.receive: Receive = self._watch if self._unread else receive

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            # A server that ends sends its clients to others, but not before it has read what they were sending.
            if CLOSES in headers:  # a refusal at the door: nothing has been read
                self._unread = self._sends_body
            elif self._admission.closed and (self._late or message["status"] < 400):
                headers = [*headers, CLOSES]
            if self._unread:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._drain(), DRAIN_SECONDS)
            message["headers"] = headers
            add_common(message)
        await self._send(message)

    def abandon_body(self) -> None:
        """Answer however much of the body has been read."""
        self._sends_body = self._unread = False

    async def _watch(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._unread = False
        return message

    async def _drain(self) -> None:
        left = DRAIN_BYTES
        while self._unread and left > 0:
            left -= len((await self._watch()).get("body", b""))
