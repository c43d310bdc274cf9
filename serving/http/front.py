"""What holds for every request before any route sees it: where the service stands, what can be asked, in which coding.

- Behind a proxy that serves a subpath, such as `/regrade`, requests come with that prefix or without it: both do.
- `OPTIONS` tells what a path can do (RFC 9110 section 9.3.7), without a key: the description of the API is public.
- Content that is compressed is refused, and not taken for what it is not.
"""

import re
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from regrade.serving.base.problems import Problem
from regrade.serving.http.middleware import asked_method, own_path

_ORDER: Final[tuple[str, ...]] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Front:
    """Stands before the routes of an application that is served under `root_path`, empty or such as `/regrade`."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root = root_path
        self._paths: Paths | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._place(scope)
            known = self._known(scope)
            if (answer := _answer(scope, known.methods)) is not None:
                scope["route"] = known.route  # what metrics count it by
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _place(self, scope: Scope) -> None:
        """Make the path begin with the root path, as ASGI has it, whether the proxy has taken it off or not."""
        root, path = self._root, scope["path"]
        if root and path == root:  # the first page, without its slash
            scope["path"], scope["raw_path"] = f"{root}/", f"{root}/".encode()
        elif root and not path.startswith(f"{root}/"):
            scope["path"] = root + path
            scope["raw_path"] = root.encode() + scope.get("raw_path", b"")
        scope["root_path"] = root

    def _known(self, scope: Scope) -> "Known":
        if self._paths is None:  # all routes are there by the first request
            self._paths = Paths(scope["app"])
        return self._paths.find(scope["path"][len(self._root) :])


def _answer(scope: Scope, methods: list[str]) -> Response | None:
    """What is answered before any route is asked; `methods` are those of the path, none where there is no such path."""
    problem = _refusal(scope, methods)
    if problem is not None:
        scope["app"].state.runtime.metrics.problems.labels(problem.slug).inc()
        return problem.response(own_path(scope))
    if methods and scope["method"] == "OPTIONS":
        return Response(status_code=204, headers={"Allow": ", ".join(methods)})
    return None


def _refusal(scope: Scope, methods: list[str]) -> Problem | None:
    coding = _header(scope, b"content-encoding")
    if not all(one.strip().lower() in ("", "identity") for one in coding.split(",")):
        detail = f"The content is encoded as {coding[:80]}. Send it as it is, without Content-Encoding."
        return Problem("encoded-content", detail, {}, {"Accept-Encoding": "identity"})
    transfer = _header(scope, b"transfer-encoding")
    if transfer.strip().lower() not in ("", "chunked"):
        detail = f"The transfer coding {transfer[:80]} is not known here. Send `chunked`, or a Content-Length."
        return Problem("unknown-transfer-coding", detail, {}, {"Connection": "close"})
    asked = asked_method(scope)
    if methods and asked not in (*methods, "OPTIONS"):
        return method_not_allowed(asked, methods)
    return None


@dataclass(frozen=True, slots=True)
class Known:
    """The methods of a path in the order in which they are told (RFC 9110 section 10.2.1), and a route of it."""

    methods: list[str]
    route: BaseRoute | None


class Paths:
    """The paths of an application, and the methods that each of them knows."""

    def __init__(self, app: FastAPI) -> None:
        self._literal: dict[str, list[tuple[BaseRoute, set[str]]]] = {}
        self._patterns: list[tuple[re.Pattern[str], BaseRoute, set[str]]] = []
        for route in iter_route_contexts(app.routes):
            path, methods = route.path or "", set(route.methods or ())
            if isinstance(route.original_route, Mount):  # what is mounted are files
                path, methods = f"{path}/{{path:path}}", {"GET"}
            if "{" in path:
                self._patterns.append((compile_path(path)[0], route.original_route, methods))
            else:
                self._literal.setdefault(path, []).append((route.original_route, methods))

    def find(self, path: str) -> Known:
        """What is known of a path. One that is written out is that one alone: `/v1/reviews/stats` is no item's."""
        found = self._literal.get(path)
        if found is None:
            found = [(route, methods) for pattern, route, methods in self._patterns if pattern.match(path)]
        every = set().union(*(methods for _, methods in found))
        listed = [method for method in _ORDER if method in every or (method == "HEAD" and "GET" in every)]
        return Known(listed, found[0][0] if found else None)


def method_not_allowed(method: str, methods: list[str]) -> Problem:
    """The answer to a method that a path does not know; `methods` are those that it does."""
    allowed = ", ".join(methods)
    return Problem("method-not-allowed", f"{method} is not possible here. Use {allowed}.", {}, {"Allow": allowed})


def _header(scope: Scope, name: bytes) -> str:
    return ", ".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)
