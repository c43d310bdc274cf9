"""What the service counts and times, in Prometheus' text format. `METRICS.md` says what each metric means."""

import math
import platform
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from regrade.models.networks.arithmetic import Arithmetic
from regrade.models.types import Comparison
from regrade.serving.storage.disk import Space
from regrade.serving.storage.records import Inspection
from regrade.serving.telemetry import tracing

# Another series beside each counter and histogram, which nobody asks: `_created` belongs to OpenMetrics.
disable_created_metrics()  # type: ignore[no-untyped-call]

STAGES: Final = (
    *(
        "read",
        "intake",
        "queue",
        "decode",
        "gate",
        "classify",
        "detect",
        "codes",
        "fuse",
        "identity",
        "policy",
        "store",
        "total",
    ),
)
"""Through which an inspection goes, in this order. From decode to codes they are timed for each photo."""

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""The parser lets dozens more through, and each would be another time series."""

_HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
_STAGE_BUCKETS = (
    *(0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008),
    *(0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08),
    *(0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 1.5, 2.5, 5.0, 10.0, 30.0),
)
"""Seconds. Two neighbours differ by less than 1 : 1.6 from 1 to 500 ms, where a stage's quantiles are read."""
_CONFIDENCE_BUCKETS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 1.0)


class Metrics:
    """The metrics of one application; each has its own registry, so that several may live in one process."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._add_load(registry)
        self._add_results(registry)
        self._active: dict[str, str] = {}
        volume = ["volume"]
        self.disk_free = Gauge("regrade_disk_free_bytes", "Free room of a volume.", volume, registry=registry)
        self.disk_reserve = Gauge(
            "regrade_disk_reserve_bytes", "Room on it below which nothing new is taken.", volume, registry=registry
        )
        self.disk_files = Gauge(
            "regrade_disk_free_files", "Files that can still be made on a volume (inodes).", volume, registry=registry
        )

    def _add_load(self, registry: CollectorRegistry) -> None:
        """What says how busy the service is, and where time goes."""
        self.ready = Gauge("regrade_ready", "1 when items may be sent here, else 0.", registry=registry)
        self.well = Gauge(
            "regrade_well", "1 where all is well with a part of the service, else 0.", ["check"], registry=registry
        )
        self.responses = Counter(
            "regrade_http_responses", "HTTP responses.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "regrade_http_request_seconds",
            "Time from the first byte of a request's headers to the end of its response.",
            ["method", "route"],
            buckets=_HTTP_BUCKETS,
            registry=registry,
        )
        self.stages = Histogram(
            "regrade_stage_seconds",
            "Time in each stage of an inspection; decode, gate, classify, detect and codes once for each photo.",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        # Looked up once: they are asked for several times a photo.
        self._stages = {name: self.stages.labels(name) for name in STAGES}
        self.in_flight = Gauge("regrade_inspections_in_flight", "Inspections under way or waiting.", registry=registry)
        self.active = Gauge(
            "regrade_inspections_active", "Inspections whose photos share the cores.", registry=registry
        )
        self.uploads = Gauge("regrade_uploads_in_flight", "Requests whose bodies still come in.", registry=registry)
        self.bytes_in_flight = Gauge(
            "regrade_bytes_in_flight", "Bytes of request bodies held in memory.", registry=registry
        )
        self.backlog = Gauge(
            "regrade_backlog_core_seconds",
            "Expected work of all inspections under way or waiting, in seconds of one core.",
            registry=registry,
        )
        self.wait = Gauge(
            "regrade_predicted_wait_seconds", "Expected wait of an item that came now.", registry=registry
        )
        self.cost_factor = Gauge(
            "regrade_cost_factor", "What work has cost lately, over what was measured at the start.", registry=registry
        )
        self.refused = Counter(
            "regrade_refused", "Requests turned away for want of room or time.", ["reason"], registry=registry
        )
        self.problems = Counter("regrade_problems", "Problems answered, by type.", ["type"], registry=registry)
        self.failed_logins = Counter(
            "regrade_failed_logins", "Keys that were sent and are wrong.", ["where"], registry=registry
        )
        self.replayed = Counter(
            "regrade_replayed", "Requests answered from an earlier one by their Idempotency-Key.", registry=registry
        )

    def _add_results(self, registry: CollectorRegistry) -> None:
        """What says how the models and the reviewers do."""
        self.inferred = Counter(
            "regrade_inferred",
            "Items judged over the Open Inference Protocol, which are not stored.",
            ["model"],
            registry=registry,
        )
        self.inspections = Counter(
            "regrade_inspections", "Inspections stored.", ["status", "category"], registry=registry
        )
        self.regraded = Counter("regrade_regraded", "Inspections graded anew.", ["cause", "status"], registry=registry)
        by_model = ("category", "version")
        self.model_info = Gauge(
            "regrade_model_info", "1 for the bundle that grades a category now.", by_model, registry=registry
        )
        self.arithmetic = Gauge(
            "regrade_arithmetic_info",
            "1 for the arithmetic that runs the networks on this CPU.",
            ["precision", "kernels"],
            registry=registry,
        )
        self.cpu = Gauge(
            "regrade_cpu_info",
            "1 for this CPU, with those of its instructions that matter for networks.",
            ["machine", "instructions"],
            registry=registry,
        )
        self.golden = Gauge(
            "regrade_golden_photos_passed",
            "1 where golden photos came out as they should, 0 where they did not; NaN where none were compared.",
            registry=registry,
        )
        self.golden_cosine = Gauge(
            "regrade_golden_photos_cosine",
            "The lowest cosine of a golden photo's features to what they should be; NaN where none were compared.",
            registry=registry,
        )
        self.golden.set(math.nan)
        self.golden_cosine.set(math.nan)
        self.graded_by = Counter(
            "regrade_graded", "Items graded, by the bundle that did.", [*by_model, "condition"], registry=registry
        )
        self.model_items = Counter(
            "regrade_model_items",
            "Items graded, by the bundle that did and whether a human must look.",
            [*by_model, "status"],
            registry=registry,
        )
        self.confidence = Histogram(
            "regrade_confidence",
            "Calibrated probability of the condition that an item was graded as.",
            by_model,
            buckets=_CONFIDENCE_BUCKETS,
            registry=registry,
        )
        self.adapted = Counter(
            "regrade_adapted", "Heads fitted anew at night, by what came of it.", ["outcome"], registry=registry
        )
        self.shadow_items = Counter(
            "regrade_shadow_items",
            "Items that another bundle than the one that graded them was asked about.",
            [*by_model, "outcome"],
            registry=registry,
        )
        self.shadow_seconds = Histogram(
            "regrade_shadow_seconds",
            "Time to work out what another bundle makes of an item, after its answer.",
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self.trials = Counter(
            "regrade_trials",
            "Steps of trials of candidates that a rule has taken.",
            ["category", "step"],
            registry=registry,
        )
        self.erased = Counter(
            "regrade_erased", "Inspections erased by this service, by what asked for it.", ["by"], registry=registry
        )
        self.webhooks = Counter(
            "regrade_webhooks", "Attempts to deliver events, by what came of them.", ["outcome"], registry=registry
        )
        self.photos = Counter(
            "regrade_photos", "Photos looked at, by the first issue of the quality gate.", ["issue"], registry=registry
        )
        self.reviewed = Counter("regrade_reviewed", "Human decisions.", ["category", "agreed"], registry=registry)
        self.queue_depth = Gauge("regrade_review_queue", "Items that wait for a human.", registry=registry)
        self.queue_age = Gauge(
            "regrade_review_queue_oldest_seconds", "Age of the oldest item that waits.", registry=registry
        )

    def run_by(self, arithmetic: Arithmetic, golden: Comparison | None) -> None:
        """Say which arithmetic runs the networks, on what CPU, and how golden photos came out by it."""
        self.arithmetic.clear()  # another bundle may be run by another
        self.arithmetic.labels(arithmetic.precision, arithmetic.kernels).set(1)
        self.cpu.labels(platform.machine(), " ".join(arithmetic.cpu)).set(1)
        if golden is not None and golden.bundles:
            self.golden.set(golden.passed)
            self.golden_cosine.set(golden.cosine)

    def stage(self, name: str) -> "Stage":
        """Times a `with` block as one of `STAGES`, and traces it. An exception ends the stage as well."""
        return Stage(name, self._stages.get(name) or self.stages.labels(name))

    def observe(self, name: str, seconds: float) -> None:
        """Note how long one of `STAGES` took. May be called on any thread."""
        (self._stages.get(name) or self.stages.labels(name)).observe(seconds)

    def ended(self, name: str, seconds: float) -> None:
        """Note, and trace, that one of `STAGES` has taken the last `seconds`; for one that is no `with` block."""
        self.observe(name, seconds)
        tracing.steps(time.perf_counter() - seconds, {name: seconds * 1000})

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer to `method` at the path template `route`; `status` 0 where the client got none."""
        method = method if method in _METHODS else "other"
        self.responses.labels(method, route, status).inc()
        self.seconds.labels(method, route).observe(seconds)

    def serve_models(self, versions: Mapping[str, str]) -> None:
        """Tell which version grades each category from now on, in place of those told before."""
        for category, version in self._active.items():
            if versions.get(category) != version:
                self.model_info.remove(category, version)
        for category, version in versions.items():
            self.model_info.labels(category, version).set(1)
        self._active = dict(versions)

    def disk(self, spaces: Sequence[Space]) -> None:
        """Tell how much room there is on each volume."""
        for space in spaces:
            self.disk_free.labels(space.name).set(space.free)
            self.disk_reserve.labels(space.name).set(space.reserve)
            self.disk_files.labels(space.name).set(math.inf if space.files is None else space.files)

    def stored(self, inspection: Inspection) -> None:
        """Count an inspection that was stored."""
        result = inspection.result
        category = result.category.name if result.category else "none"
        self.inspections.labels(inspection.status, category).inc()
        for quality in result.quality:
            self.photos.labels(quality.issues[0] if quality.issues else "none").inc()
        if result.grade is not None:
            for name, version in result.models.items():
                self.graded_by.labels(name, version, result.grade.condition).inc()
                self.model_items.labels(name, version, inspection.status).inc()
                self.confidence.labels(name, version).observe(result.grade.confidence)

    def text(self) -> bytes:
        """All metrics as Prometheus reads them."""
        return generate_latest(self.registry)


class Stage:
    """One stage under way; `seconds` is how long it took, once it has ended."""

    __slots__ = ("_histogram", "_span", "_started", "seconds")

    def __init__(self, name: str, histogram: Histogram) -> None:
        self._histogram = histogram
        self._span = tracing.span(name)
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._span.__enter__()
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._started
        self._histogram.observe(self.seconds)
        self._span.__exit__(kind, error, trace)
