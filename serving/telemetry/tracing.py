"""OpenTelemetry traces for those who ask for them in the environment; nothing, at next to no cost, for all others.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 regrade serve

needs `pip install "regrade[telemetry]"`. A request is a server span, which continues the trace of a `traceparent`
header (W3C Trace Context); each stage and each photo is a span below it. All OTEL_* variables of the SDK apply:
sampler, limits, `OTEL_SERVICE_NAME`, headers of the exporter. Without the packages or the variables no span is made.
"""

import contextvars
import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.metadata import entry_points, version
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

from starlette.types import Scope

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("regrade")

_UNTRACED: Final = ("/healthz", "/metrics", "/v2/health/live", "/v2/health/ready")
"""What machines ask every few seconds; it would bury the rest."""

_LAST_SECONDS: Final = 3.0
"""For the last spans, when the service ends."""

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Nothing:
    """Stands for a span where there is none."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def answered(self, route: str, status: int) -> None:
        """Take no note of an answer."""


_NOTHING: Final = Nothing()


class Tracing:
    """Spans of one tracer provider of the OpenTelemetry SDK. The API is imported here and nowhere earlier."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.trace: Any = importlib.import_module("opentelemetry.trace")
        self.propagate: Any = importlib.import_module("opentelemetry.propagate")
        self.tracer: Any = provider.get_tracer("regrade", version("regrade"))


class Request:
    """The server span of one HTTP request, named and described as OpenTelemetry's conventions for HTTP say."""

    def __init__(self, tracing: Tracing, scope: Scope, method: str) -> None:
        self._trace = tracing.trace
        self._method = method
        # Of repeated headers the last counts, as in a dict anyway: more than one traceparent is malformed.
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._span = tracing.tracer.start_span(
            method,
            context=tracing.propagate.extract(carrier),
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": scope["path"], "url.scheme": scope["scheme"]},
        )
        self._current = self._trace.use_span(self._span, end_on_exit=True)

    def __enter__(self) -> Self:
        self._current.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._current.__exit__(kind, error, trace)

    def answered(self, route: str, status: int) -> None:
        """Note the answer: its status, 0 for none, and the template of the path."""
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        # A refusal is the client's matter; only answers of 500 and above are errors of a server.
        if status >= 500 or status == 0:
            self._span.set_status(self._trace.StatusCode.ERROR)


_tracing: Tracing | None = None


def enabled() -> bool:
    """Whether spans are made."""
    return _tracing is not None


def span(name: str, **attributes: str | float | bool) -> AbstractContextManager[object]:
    """A span around a `with` block, below the current one. An attribute `photo` is called `regrade.photo`."""
    if _tracing is None:
        return _NOTHING
    current: AbstractContextManager[object] = _tracing.tracer.start_as_current_span(name, attributes=_own(attributes))
    return current


def request(scope: Scope, method: str) -> Request | Nothing:
    """The span of a whole request, to be entered before anything else is done for it."""
    if _tracing is None or scope["path"] in _UNTRACED:
        return _NOTHING
    return Request(_tracing, scope, method)


def annotate(**attributes: str | float | bool) -> None:
    """Add attributes to the current span."""
    if _tracing is not None:
        _tracing.trace.get_current_span().set_attributes(_own(attributes))


def steps(started: float, milliseconds: Mapping[str, float]) -> None:
    """Record what has been done below the current span: steps that followed one another from `started` (perf_counter).

    For code that times itself and knows nothing of traces, such as the grader.
    """
    if _tracing is None:
        return
    begun = time.time_ns() - round((time.perf_counter() - started) * 1e9)
    for name, duration in milliseconds.items():
        ended = begun + round(duration * 1e6)
        _tracing.tracer.start_span(name, start_time=begun).end(ended)
        begun = ended


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, to be called once on another thread, where its spans lie below the span that is current here."""
    if _tracing is None:
        return function
    context = contextvars.copy_context()

    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(function, *args, **kwargs)

    return within


def configure() -> bool:
    """Begin to trace if the environment asks for it and the packages are there. Returns whether spans are made.

    What is wrong is logged and never keeps the service from starting.
    """
    if enabled():
        return True
    names = _exporters()
    if not names or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    try:
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        known = {point.name: point for point in entry_points(group="opentelemetry_traces_exporter")}
        exporters = [known[name].load()() for name in names]
    except (ImportError, KeyError) as error:
        log.warning(
            "No traces are sent: OTEL_* variables ask for the exporter %s, and %s is not installed. "
            'Use: pip install "regrade[telemetry]"',
            ", ".join(names),
            getattr(error, "name", None) or error,
        )
        return False
    provider = sdk.TracerProvider(resource=_resource(), shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(export.BatchSpanProcessor(exporter))
    use(provider)
    log.info("traces are sent by %s", ", ".join(names))
    return True


def use(provider: Any) -> None:
    """Make spans with `provider` (`opentelemetry.sdk.trace.TracerProvider`) from now on; with None, none."""
    global _tracing
    _tracing = None if provider is None else Tracing(provider)


def shutdown() -> None:
    """Make no more spans, and send what has not been sent; what a collector does not take in time is lost."""
    ended = _tracing
    use(None)
    if ended is not None:
        # The SDK itself would wait half a minute for a collector that is gone.
        sending = threading.Thread(target=ended.provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        sending.join(_LAST_SECONDS)


def _exporters() -> list[str]:
    """The names of the exporters that the environment asks for, as packages register them."""
    default = "otlp" if any(os.environ.get(name, "").strip() for name in _ENDPOINTS) else ""
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip() or default
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
    otlp = "otlp_proto_grpc" if protocol.strip() == "grpc" else "otlp_proto_http"
    names = [name.strip() for name in named.split(",")]
    return [otlp if name == "otlp" else name for name in names if name and name != "none"]


def _resource() -> Any:
    """What the spans are said to come from; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word."""
    resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    ours = resources.Resource({"service.name": "regrade", "service.version": version("regrade")})
    return resources.Resource.create({}).merge(ours).merge(resources.OTELResourceDetector().detect())


def _own(attributes: Mapping[str, str | float | bool]) -> dict[str, str | float | bool]:
    return {f"regrade.{name}": value for name, value in attributes.items()}
