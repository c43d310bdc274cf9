"""What operators scrape."""

from contextlib import suppress

from fastapi import APIRouter, Response

from regrade.serving.base.errors import BusyError
from regrade.serving.http.routes.common import ReaderDep, RuntimeDep, problems
from regrade.serving.telemetry.metrics import Metrics

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    summary="Read the metrics",
    response_class=Response,
    responses=problems(401, 403, also={200: {"content": {"text/plain": {}}}}),
)
async def metrics(runtime: RuntimeDep, key: ReaderDep) -> Response:
    """Prometheus' text format. Any key may read it; Prometheus sends one with `authorization.credentials`."""
    queue = await runtime.call(runtime.desk.queue)
    findings = await runtime.call(runtime.health.look)
    shown, admission = runtime.metrics, runtime.admission
    shown.queue_depth.set(queue.depth)
    shown.queue_age.set(queue.oldest_seconds or 0.0)
    with suppress(BusyError):  # nothing is loaded yet
        shown.serve_models(runtime.grader.versions)
        shown.run_by(runtime.grader.arithmetic, runtime.grader.golden)
    shown.ready.set(runtime.ready)
    for finding in findings:
        shown.well.labels(finding.name).set(finding.state == "ok")
    with suppress(OSError):
        shown.disk(await runtime.call(runtime.disk.spaces))
    shown.in_flight.set(admission.requests)
    shown.active.set(admission.active)
    shown.uploads.set(admission.uploads)
    shown.bytes_in_flight.set(admission.bytes_in_flight)
    shown.backlog.set(admission.backlog)
    shown.wait.set(admission.predicted_wait)
    shown.cost_factor.set(admission.costs.factor)
    return Response(shown.text(), media_type=Metrics.CONTENT_TYPE)
