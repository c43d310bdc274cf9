"""OpenTelemetry traces for those who ask for them in the environment; nothing, at next to no cost, for all others.

    OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 regrade serve

needs `pip install "regrade[telemetry]"`. A request is a server span, which continues the trace of a `traceparent`
header (W3C Trace Context); each stage and each photo is a span below it. All OTEL_* variables of the SDK apply:
sampler, limits, `OTEL_SERVICE_NAME`, headers of the exporter. Without the packages or the variables the API of
OpenTelemetry does nothing.
"""

import contextvars
import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import entry_points, version
from typing import Any, Final, ParamSpec, TypeVar

from opentelemetry import propagate, trace
from opentelemetry.trace import NoOpTracerProvider, Span, SpanKind, StatusCode, Tracer, TracerProvider
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

# Not the provider that OpenTelemetry holds for the whole process: that can be set once, and never ended.
_provider: TracerProvider = NoOpTracerProvider()
_tracer: Tracer = _provider.get_tracer("regrade")


def enabled() -> bool:
    """Whether spans are made."""
    return not isinstance(_provider, NoOpTracerProvider)


def span(name: str, **attributes: str | float | bool) -> AbstractContextManager[Span]:
    """A span around a `with` block, below the current one. An attribute `photo` is called `regrade.photo`."""
    return _tracer.start_as_current_span(name, attributes=_own(attributes))


@contextmanager
def request(scope: Scope, method: str) -> Iterator[Callable[[str, int], None]]:
    """The server span of a whole request, named and described as OpenTelemetry's conventions for HTTP say.

    Gives a function to be told the answer: the template of the path, and the status, 0 for none.
    """
    if not enabled() or scope["path"] in _UNTRACED:
        yield lambda route, status: None
        return
    # Of repeated headers the last counts, as in a dict anyway: more than one traceparent is malformed.
    carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    attributes = {"http.request.method": method, "url.path": scope["path"], "url.scheme": scope["scheme"]}
    context = propagate.extract(carrier)
    with _tracer.start_as_current_span(method, context, SpanKind.SERVER, attributes) as current:

        def answered(route: str, status: int) -> None:
            current.update_name(f"{method} {route}")
            current.set_attributes({"http.route": route, "http.response.status_code": status})
            # A refusal is the client's matter; only answers of 500 and above are errors of a server.
            if status >= 500 or status == 0:
                current.set_status(StatusCode.ERROR)

        yield answered


def annotate(**attributes: str | float | bool) -> None:
    """Add attributes to the current span."""
    trace.get_current_span().set_attributes(_own(attributes))


def steps(started: float, milliseconds: Mapping[str, float]) -> None:
    """Record what has been done below the current span: steps that followed one another from `started` (perf_counter).

    For code that times itself and knows nothing of traces, such as the grader.
    """
    if not enabled():
        return
    begun = time.time_ns() - round((time.perf_counter() - started) * 1e9)
    for name, duration in milliseconds.items():
        ended = begun + round(duration * 1e6)
        _tracer.start_span(name, start_time=begun).end(ended)
        begun = ended


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, to be called once on another thread, where its spans lie below the span that is current here."""
    if not enabled():
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


def use(provider: TracerProvider | None) -> None:
    """Make spans with `provider` from now on; with None, none."""
    global _provider, _tracer
    _provider = NoOpTracerProvider() if provider is None else provider
    _tracer = _provider.get_tracer("regrade", version("regrade"))


def shutdown() -> None:
    """Make no more spans, and send what has not been sent; what a collector does not take in time is lost."""
    ended: Any = _provider
    if enabled():
        use(None)
        # The SDK itself would wait half a minute for a collector that is gone.
        sending = threading.Thread(target=ended.shutdown, name="last-spans", daemon=True)
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
