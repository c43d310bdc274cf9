"""The answer to a decision, at the desk or at the bench."""

from fastapi import Response

from regrade.serving.http.render import inspection_out
from regrade.serving.http.schemas import InspectionOut
from regrade.serving.review import Decided
from regrade.serving.runtime import Runtime


def decided_out(runtime: Runtime, response: Response, decided: Decided, condition: str, lang: str) -> InspectionOut:
    """The inspection as whoever found `condition` may know it. A decision that is new is counted, one that was sent
    again is said to be such."""
    call = decided.inspection.result.category
    if decided.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    elif decided.model_condition is not None and call is not None:
        runtime.metrics.reviewed.labels(call.name, str(decided.model_condition == condition).lower()).inc()
    return inspection_out(decided.inspection, lang, runtime.rubrics, policy=runtime.policy)
