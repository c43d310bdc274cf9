"""Which items may never go without a human, however sure the model is."""

from regrade.models.category.rules import Because
from regrade.serving.base.dispositions import Reason
from regrade.serving.policy import reasons
from regrade.serving.policy.rules import Case, applies
from regrade.serving.policy.schema import Terms


def may_go_alone(terms: Terms, case: Case, action: str) -> Reason | None:
    """What no policy can switch off: destroy never, relist only at the policy's own explicit threshold."""
    if action == "destroy":
        return Reason("destroy_needs_human")
    if action == "relist":
        needed = terms.auto_relist_min_probability
        if needed is None:
            return Reason("relist_needs_human")
        if case.posterior["unopened"] < needed:
            return reasons.relist_unsure(case.posterior["unopened"], needed)
    return None


def asked_for(terms: Terms, case: Case, action: str) -> list[Because]:
    """Why rules of the policy ask for a human."""
    return [r.because for r in terms.require_review if r.action in (None, action) and applies(r.when, case)]
