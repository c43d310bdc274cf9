"""What is to be done with an item now: one word and one bin, for whoever holds it."""

from regrade.models.types import CONDITIONS
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
    if _to_be_counted(inspection, policy):
        return NowOut(state="count")
    action = disposition.action
    return NowOut.model_validate({"state": "put", "action": action, "bin": _bin(inspection, action, policy, lang)})


def _to_be_counted(inspection: Inspection, policy: Policy) -> bool:
    """Whether a bin would be named too soon: what is done with it depends on which pieces are there, and nobody has
    looked or decided. Nobody opens what is sealed for it."""
    pieces, call = inspection.pieces_now, inspection.result.category
    if pieces is None or pieces.state != "unknown" or call is None or inspection.decided_by is not None:
        return False
    sealed = inspection.model_condition == CONDITIONS[0]
    return not sealed and policy.terms(inspection.item.get("seller")).counts_pieces(call.name)


def _bin(inspection: Inspection, place: str, policy: Policy, lang: str) -> BinOut:
    call, seller = inspection.result.category, inspection.item.get("seller")
    found = policy.terms(seller).bins.of(place, None if call is None else call.name)
    return BinOut(name=found.name.to(lang), colour=found.colour)
