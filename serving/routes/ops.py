"""What operators scrape."""

from fastapi import APIRouter, Response

from regrade.serving.metrics import Metrics
from regrade.serving.routes.common import ReaderDep, RuntimeDep, problems

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
    runtime.metrics.queue_depth.set(queue.depth)
    runtime.metrics.queue_age.set(queue.oldest_seconds or 0.0)
    runtime.metrics.in_flight.set(runtime.admission.requests)
    runtime.metrics.bytes_in_flight.set(runtime.admission.bytes_in_flight)
    return Response(runtime.metrics.text(), media_type=Metrics.CONTENT_TYPE)
