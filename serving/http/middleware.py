"""What wraps every request: its measurement, its trace, and an answer even to what nobody expected."""

import asyncio
import logging
import time
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regrade.serving.base.errors import SpokenError
from regrade.serving.base.i18n import pick, text
from regrade.serving.base.problems import Problem, problem_of
from regrade.serving.connections.descriptors import shortage_of
from regrade.serving.connections.headers import add_common
from regrade.serving.grading.admission import Admission, draining
from regrade.serving.storage.disk import fault_of, first_line
from regrade.serving.storage.scope import see_only
from regrade.serving.telemetry import tracing
from regrade.serving.telemetry.metrics import Metrics

CLOSES = (b"connection", b"close")

log = logging.getLogger("regrade")

ASKED = "regrade.asked_method"
STARTED = "regrade.started"


def asked_method(scope: Scope) -> str:
    """The method that the client asked for."""
    asked: str = scope.get(ASKED, scope["method"])
    return asked


def own_path(scope: Scope) -> str:
    """The path that was asked for, without that under which the service stands."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


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
        see_only(None)  # until it is known who asks: what an earlier request was allowed is over
        call = _Call(scope, receive, send)
        scope[STARTED] = call.started
        with tracing.request(scope, asked_method(scope)) as answered:
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
                answered(route, status)

    async def _answer_unexpected(self, error: Exception, scope: Scope, call: "_Call") -> None:
        if (shortage := shortage_of(error)) is not None and call.status is None:
            log.error("%s %s: %s", asked_method(scope), scope["path"], first_line(error))
            _metrics(scope).refused.labels(shortage.reason).inc()
            await self._answer(_problem_of(shortage, scope), scope, call)
            return
        if (fault := fault_of(error)) is not None and call.status is None:
            log.error("%s %s: %s", asked_method(scope), scope["path"], first_line(error))
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
        await self._answer(_problem_of(error, scope), scope, call)

    async def _answer(self, problem: Problem, scope: Scope, call: "_Call") -> None:
        _metrics(scope).problems.labels(problem.slug).inc()
        await problem.response(own_path(scope))(scope, call.receive, call.send)


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
    """One request; remembers which status was sent."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = time.perf_counter()
        self.status: int | None = None
        self.receive = receive
        self._send = send
        self._admission: Admission = scope["app"].state.runtime.admission
        self._late = self._admission.closed

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            # A server that ends sends its clients to others; who was let in before is told so with the answer.
            if CLOSES not in headers and self._admission.closed and (self._late or message["status"] < 400):
                headers = [*headers, CLOSES]
            message["headers"] = headers
            add_common(message)
        await self._send(message)
