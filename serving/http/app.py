"""The application: `create_app(settings)` puts the routes, the runtime and the answers to errors together."""

import asyncio
import logging
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute

from regrade.models.errors import RegradeError
from regrade.models.grader import Grader
from regrade.serving.base.errors import BusyError, InvalidFieldsError, PhotosAwayError
from regrade.serving.base.fields import describe_fault
from regrade.serving.base.problems import Problem, problem_of
from regrade.serving.base.settings import Settings, load_settings
from regrade.serving.connections.descriptors import shortage_of
from regrade.serving.events.attempts import Told
from regrade.serving.http.front import Front, method_not_allowed
from regrade.serving.http.middleware import Wrap, asked_method, own_path
from regrade.serving.http.openapi import describe
from regrade.serving.http.routes import catalogue, counts, home
from regrade.serving.http.routes.accounts import page as accounts_page
from regrade.serving.http.routes.accounts import people, sign_in, stations
from regrade.serving.http.routes.api import (
    audit,
    bench,
    docs,
    erasures,
    evidence,
    health,
    inspections,
    labels,
    models,
    reviews,
    revisions,
    rubrics,
    uploads,
)
from regrade.serving.http.routes.api import metrics as ops
from regrade.serving.http.routes.common import language_of
from regrade.serving.http.routes.desk import api as desk_api
from regrade.serving.http.routes.desk import models as desk_models
from regrade.serving.http.routes.desk import pages as desk
from regrade.serving.http.routes.desk import quality as desk_quality
from regrade.serving.http.routes.desk.access import TurnedAway, answer_turned_away
from regrade.serving.http.routes.events import feed, photo_links, webhooks
from regrade.serving.http.routes.events import page as desk_webhooks
from regrade.serving.http.routes.events.out import event_bytes, seller_event_bytes
from regrade.serving.http.routes.inference import infer
from regrade.serving.http.routes.inference import models as inference_models
from regrade.serving.http.routes.results import files as desk_result_files
from regrade.serving.http.routes.results import page as desk_results
from regrade.serving.http.routes.sellers import page as seller_pages
from regrade.serving.http.routes.sellers import promise as seller_promises
from regrade.serving.http.routes.station import offline, pages
from regrade.serving.runtime import Runtime
from regrade.serving.storage.disk import fault_of, first_line
from regrade.serving.telemetry import tracing

log = logging.getLogger("regrade")

Announce = Callable[[str], None]


def announce_on_stdout(token: str, data_dir: str = "DIR") -> None:
    """Print the first admin key in a frame of its own, and how to get another."""
    lines = (
        "",
        f"First admin key, shown only now: {token}",
        "",
        "It opens /station, /desk and the API. Keep it; if it is lost, make another:",
        f"{_command()} keys create --role admin --data-dir {shlex.quote(data_dir)}",
        "",
    )
    wide = max(map(len, lines))
    framed = [f"|  {line:<{wide}}  |" for line in lines]
    edge = f"+{'-' * (wide + 4)}+"
    sys.stdout.write("\n".join(["", edge, *framed, edge, "", ""]))
    sys.stdout.flush()


@cache
def _routes() -> list[BaseRoute]:
    """All that is answered, shared by the applications of a process: what FastAPI works out of a route, with the first
    request, takes 60 ms of all of them."""
    api = (
        *(inspections, uploads, revisions, counts, bench, labels, erasures, evidence),
        *(
            reviews,
            audit,
            feed,
            webhooks,
            photo_links,
            rubrics,
            models,
            catalogue,
            stations,
            people,
            health,
            ops,
            inference_models,
            infer,
        ),
    )
    accounts = (sign_in, accounts_page)
    figures = (desk_quality, desk_results, desk_result_files)
    desks = (*figures, desk_models, desk_webhooks, seller_pages, seller_promises, desk_api, desk)
    rooms = APIRouter()
    for room in (*api, home, docs, offline, pages, *accounts, *desks):
        rooms.include_router(room.router)
    return list(rooms.routes)


def _command() -> str:
    """How this shell calls regrade: by its name where it is on the path, else as it was called now (`make run`)."""
    called = Path(sys.argv[0])
    if called.name != "regrade" or shutil.which("regrade") is not None:
        return "regrade"
    return shlex.quote(str(called))


def create_app(
    settings: Settings | None = None,
    *,
    runtime: Runtime | None = None,
    grader: Grader | None = None,
    announce: Announce = announce_on_stdout,
    on_failure: Callable[[Exception], None] | None = None,
    on_loaded: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The application for `settings` (those of the environment when None).

    `runtime` is used, and closed at the end, in place of making one when the application starts: whoever makes it
    first learns what is wrong with the data directory or the policy. `grader` is used in place of loading one.
    `announce` is given the first admin key of a fresh installation.
    `on_failure` is told when the models cannot be loaded; until somebody acts, the service is then never ready.
    `on_loaded` is called once, when they are loaded or it is certain that they cannot be.
    Raises `SettingsError` for settings that are unsafe.
    """
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = runtime or Runtime(settings)
        app.state.runtime = running
        tracing.configure()
        try:
            first = running.keys.create_first()
            if first is not None:
                announce(first)
            running.keeper.start()
            running.nightly.start()
            running.dispatcher.start(
                Told(
                    lambda event: event_bytes(event, running.rubrics),
                    lambda event: seller_event_bytes(event, running.rubrics),
                )
            )
            loading = asyncio.create_task(_load(running, grader, on_failure))
            loading.add_done_callback(lambda _: on_loaded())
            watching = [
                asyncio.create_task(one)
                for one in (running.watch(), running.weigh_candidates(), running.follow_others())
            ]
            yield
            for task in watching:
                task.cancel()
            await loading
        finally:
            running.close()
            tracing.shutdown()

    app = FastAPIOffline(
        title="regrade",
        version=version("regrade"),
        summary="Grades returned goods from bench photos.",
        lifespan=lifespan,
        # A redirected POST loses its body with some clients: a wrong path is an error at once.
        redirect_slashes=False,
        static_url=docs.FILES,
        docs_url=None,
        redoc_url=None,
    )
    app.router.routes.extend(_routes())
    app.add_middleware(Front, root_path=settings.root_path)
    app.add_middleware(Wrap)
    app.add_exception_handler(RegradeError, _answer_expected)
    app.add_exception_handler(TurnedAway, answer_turned_away)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    describe(app, settings.root_path)
    return app


async def _load(runtime: Runtime, grader: Grader | None, on_failure: Callable[[Exception], None] | None) -> None:
    try:
        await runtime.load_grader(grader)
    except Exception as error:
        runtime.failure = error
        log.error("The models cannot be loaded: %s", error)
        if on_failure is not None:
            on_failure(error)


async def _answer_expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, RegradeError)
    error = shortage_of(error) or error
    fault = fault_of(error)
    if fault is not None and fault.fault is not None:
        log.error("%s %s: %s", request.method, request.url.path, first_line(error.__cause__ or error))
        await request.app.state.runtime.failed(fault)
    problem = problem_of(fault or error, language_of(request))
    if problem is None:
        raise error  # our own fault: the middleware answers 500 and logs it
    if problem.status == 500:
        log.error("%s %s: %s", request.method, request.url.path, error)
    metrics = request.app.state.runtime.metrics
    metrics.problems.labels(problem.slug).inc()
    if isinstance(error, BusyError):
        metrics.refused.labels(error.reason).inc()
    if isinstance(error, PhotosAwayError):
        metrics.refused.labels("photos_away").inc()
    if problem.status == 404 and home.wants_page(request):
        return await home.missing_page(request, problem)
    response = problem.response(own_path(request.scope))
    if (applied := getattr(request.state, "preference_applied", None)) is not None:
        response.headers["Preference-Applied"] = applied
    return response


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # FastAPI says first whether it was the path or the query.
    faults = [describe_fault({**fault, "loc": fault["loc"][1:]}) for fault in error.errors()]
    return await _answer_expected(request, InvalidFieldsError("invalid-query", "request", faults))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    own = own_path(request.scope)
    if error.status_code == 404:
        problem = Problem("not-found", f"There is nothing at {request.url.path}. See /docs for what there is.")
        return await home.missing_page(request, problem) if home.wants_page(request) else problem.response(own)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "").split(", ")
        return method_not_allowed(asked_method(request.scope), allowed).response(own)
    return Problem("bad-request", str(error.detail)).response(own)
