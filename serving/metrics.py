"""What the service counts and times, in Prometheus' text format."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from regrade.serving.records import Inspection

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one application; each has its own registry, so that several may live in one process."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.responses = Counter(
            "regrade_http_responses",
            "HTTP responses.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "regrade_http_request_seconds",
            "Time from the first byte of a request's headers to the end of its response.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.stages = Histogram(
            "regrade_stage_seconds",
            "Time that an inspection spends in each stage.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "regrade_inspections_in_flight", "Inspections under way or waiting.", registry=self.registry
        )
        self.bytes_in_flight = Gauge(
            "regrade_bytes_in_flight", "Bytes of request bodies held in memory.", registry=self.registry
        )
        self.refused = Counter(
            "regrade_refused", "Requests turned away for want of room.", ["reason"], registry=self.registry
        )
        self.problems = Counter("regrade_problems", "Problems answered, by type.", ["type"], registry=self.registry)
        self.replayed = Counter(
            "regrade_replayed",
            "Requests answered from an earlier one by their Idempotency-Key.",
            registry=self.registry,
        )
        self.inspections = Counter(
            "regrade_inspections", "Inspections stored.", ["status", "category"], registry=self.registry
        )
        self.graded_by = Counter(
            "regrade_graded",
            "Items graded, by the bundle that graded them.",
            ["category", "version", "condition"],
            registry=self.registry,
        )
        self.photos = Counter(
            "regrade_photos",
            "Photos looked at, by the first issue of the quality gate.",
            ["issue"],
            registry=self.registry,
        )
        self.reviewed = Counter("regrade_reviewed", "Human decisions.", ["category", "agreed"], registry=self.registry)
        self.queue_depth = Gauge("regrade_review_queue", "Items that wait for a human.", registry=self.registry)
        self.queue_age = Gauge(
            "regrade_review_queue_oldest_seconds", "Age of the oldest item that waits.", registry=self.registry
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stages.labels(name).observe(time.perf_counter() - started)

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

    def text(self) -> bytes:
        """All metrics as Prometheus reads them."""
        return generate_latest(self.registry)
