"""What is to be done with an item now: one word and one bin, for whoever holds it."""

from regrade.serving.http.schemas import BinOut, NowOut
from regrade.serving.policy.terms import Policy
from regrade.serving.storage.records import Inspection

ASIDE = "aside"


def now_of(inspection: Inspection, policy: Policy, lang: str) -> NowOut | None:
    """What stands for `inspection`, with the bin that `policy` names in `lang`; None where it was erased.

    The bin is that of now: a site that renames its bins finds older items under the new name.
    """
    if inspection.erased is not None:
        return None
    asked = inspection.ask
    if inspection.status == "retake" or (asked is not None and asked.kind == "photos"):
        return NowOut(state="retake")
    decision, review = inspection.decision, inspection.review
    disposition = review.disposition if review is not None else decision.disposition if decision is not None else None
    if inspection.status == "needs_review" or disposition is None:
        if inspection.who == "bench":
            return NowOut(state="decide")
        return NowOut(state="aside", bin=_bin(inspection, ASIDE, policy, lang))
    action = disposition.action
    return NowOut.model_validate({"state": "put", "action": action, "bin": _bin(inspection, action, policy, lang)})


def _bin(inspection: Inspection, place: str, policy: Policy, lang: str) -> BinOut:
    call, seller = inspection.result.category, inspection.item.get("seller")
    found = policy.terms(seller).bins.of(place, None if call is None else call.name)
    return BinOut(name=found.name.to(lang), colour=found.colour)
