import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from typing import Any

import pytest

from regrade.serving.telemetry import tracing

# The example of W3C Trace Context.
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def spans(alone: None) -> Iterator[Any]:
    """The exporter of a provider that keeps its spans: `get_finished_spans()`. Needs the SDK, of the dev extra."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(provider)
    yield kept
    tracing.shutdown()


@pytest.fixture
def environment(alone: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment that asks for no traces."""
    for name in ("TRACES_EXPORTER", "EXPORTER_OTLP_ENDPOINT", "EXPORTER_OTLP_TRACES_ENDPOINT", "SDK_DISABLED"):
        monkeypatch.delenv(f"OTEL_{name}", raising=False)
    yield monkeypatch
    tracing.shutdown()


def named(kept: Any) -> dict[str, Any]:
    return {span.name: span for span in kept.get_finished_spans()}


def test_nothing_is_traced_that_nobody_asked_for(environment: pytest.MonkeyPatch) -> None:
    assert not tracing.configure()
    assert not tracing.enabled()
    with tracing.span("a", photo=1) as span:
        assert not span.is_recording()
    assert tracing.carry(time.perf_counter) is time.perf_counter
    tracing.annotate(photos=4)
    tracing.steps(time.perf_counter(), {"gate": 1.0})


def test_none_and_disabled_mean_off(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    environment.setenv("OTEL_TRACES_EXPORTER", "none")
    assert not tracing.configure()
    environment.setenv("OTEL_TRACES_EXPORTER", "otlp")
    environment.setenv("OTEL_SDK_DISABLED", "true")
    assert not tracing.configure()


def test_a_missing_exporter_is_told_and_no_obstacle(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("OTEL_TRACES_EXPORTER", "carrier_pigeon")
    with caplog.at_level(logging.WARNING, "regrade"):
        assert not tracing.configure()
    assert "carrier_pigeon" in caplog.text or "opentelemetry.sdk" in caplog.text
    assert 'pip install "regrade[telemetry]"' in caplog.text


def test_spans_lie_within_each_other(spans: Any) -> None:
    with tracing.span("outer"), tracing.span("inner", photo=2):
        tracing.annotate(issue="blurry")
    outer, inner = named(spans)["outer"], named(spans)["inner"]
    assert inner.parent.span_id == outer.context.span_id
    assert dict(inner.attributes) == {"regrade.photo": 2, "regrade.issue": "blurry"}


def test_a_span_of_another_thread_lies_below_the_one_that_sent_it(spans: Any) -> None:
    def look(photo: int) -> None:
        with tracing.span("photo", photo=photo):
            time.sleep(0.001)

    with tracing.span("item"):
        threads = [threading.Thread(target=tracing.carry(look), args=(photo,)) for photo in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    *photos, item = spans.get_finished_spans()
    assert sorted(span.attributes["regrade.photo"] for span in photos) == [0, 1, 2]
    assert {span.parent.span_id for span in photos} == {item.context.span_id}


def test_steps_follow_one_another_in_the_past(spans: Any) -> None:
    started = time.perf_counter() - 0.5
    with tracing.span("photo"):
        tracing.steps(started, {"gate": 2.0, "classify": 30.0, "detect": 40.5})
    gate, classify, detect, photo = spans.get_finished_spans()
    assert [span.name for span in (gate, classify, detect)] == ["gate", "classify", "detect"]
    assert (gate.end_time, classify.end_time) == (classify.start_time, detect.start_time)
    assert detect.end_time - gate.start_time == pytest.approx(72.5e6, abs=1e3)
    assert time.time_ns() - gate.start_time == pytest.approx(0.5e9, rel=0.5)
    assert gate.parent.span_id == photo.context.span_id


def test_a_request_continues_the_callers_trace(service: Any, photo: bytes, spans: Any) -> None:
    answer = service.post([photo], traceparent=f"00-{TRACE}-{PARENT}-01")
    assert answer.status_code == 201
    server = _finished(spans, "POST /v1/inspections")
    assert format(server.context.trace_id, "032x") == TRACE
    assert format(server.parent.span_id, "016x") == PARENT
    assert server.kind.name == "SERVER"
    assert server.attributes["http.route"] == "/v1/inspections"
    assert server.attributes["http.response.status_code"] == 201
    assert server.attributes["regrade.inspection"] == answer.json()["id"]


def test_stages_lie_below_their_request_and_those_of_a_photo_below_it(service: Any, photo: bytes, spans: Any) -> None:
    service.post([photo, photo], {"rma": "1", "category": "packaging"})
    server = _finished(spans, "POST /v1/inspections")

    def below(parent: Any) -> list[Any]:
        return [s for s in spans.get_finished_spans() if s.parent and s.parent.span_id == parent.context.span_id]

    stages = below(server)
    assert sorted(s.name for s in stages) == [
        *("fuse", "identity", "intake", "look", "look", "policy", "queue", "read", "store"),
    ]
    assert all(server.start_time <= s.start_time <= s.end_time <= server.end_time for s in stages)
    photos = [s for s in stages if s.name == "look"]
    assert {s.attributes["regrade.photo"] for s in photos} == {0, 1}
    for one in photos:
        steps = [s.name for s in below(one)]
        steps.remove("codes")  # read beside the networks; when is nobody's business
        assert steps[:3] == ["decode", "gate", "classify"]
        assert steps[3:] in ([], ["detect"])  # the detector is asked only where it can change something


def test_a_request_without_a_trace_begins_one(service: Any, spans: Any) -> None:
    service.client.get("/v1/inspections/unknown", headers={"traceparent": "nonsense"})
    server = _finished(spans, "GET /v1/inspections/{inspection_id}")
    assert server.parent is None
    assert server.attributes["url.path"] == "/v1/inspections/unknown"
    assert server.status.status_code.name == "UNSET"  # the client's fault is not the server's


def test_an_error_of_ours_is_one_in_the_trace(
    service: Any, spans: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service.runtime.desk, "read", lambda *_: 1 / 0)
    assert service.client.get("/v1/inspections/1").status_code == 500
    assert 'regrade_problems_total{type="internal"} 1.0' in service.client.get("/metrics").text
    assert _finished(spans, "GET /v1/inspections/{inspection_id}").status.status_code.name == "ERROR"


def test_probes_and_scrapes_are_not_traced(service: Any, spans: Any) -> None:
    for path in ("/healthz", "/v2/health/live", "/v2/health/ready", "/metrics"):
        assert service.client.get(path).status_code == 200
    assert spans.get_finished_spans() == ()


def test_spans_reach_a_collector(environment: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        environment.setenv("OTEL_SERVICE_NAME", "regrade-east")
        assert tracing.configure()
        with tracing.span("decode"):
            pass
        tracing.shutdown()
    (sent,) = ExportTraceServiceRequest.FromString(bodies[0]).resource_spans
    resource = {pair.key: pair.value.string_value for pair in sent.resource.attributes}
    assert (resource["service.name"], resource["service.version"]) == ("regrade-east", version("regrade"))
    assert [span.name for span in sent.scope_spans[0].spans] == ["decode"]


def _finished(kept: Any, name: str) -> Any:
    """The span called `name`; it ends a moment after the answer has reached the client."""
    deadline = time.monotonic() + 10
    while (span := named(kept).get(name)) is None:
        assert time.monotonic() < deadline, sorted(named(kept))
        time.sleep(0.005)
    return span
