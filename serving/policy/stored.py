"""Deciding on what is stored: the policy and an inspection, for whoever asks later than the pipeline did.

The item is not checked anew: it is as it was accepted, even where the rules have become stricter since.
"""

from typing import TypedDict

from regrade.models.pieces.types import Pieces
from regrade.serving.base.dispositions import Decision, Money
from regrade.serving.policy.decide import case_of, decide
from regrade.serving.policy.rules import Case
from regrade.serving.policy.terms import Policy
from regrade.serving.storage.records import Inspection


class _Told(TypedDict):
    declared_value: Money | None
    seller: str | None
    sku: str | None
    identity: str | None
    pieces: Pieces | None


def decide_stored(policy: Policy, inspection: Inspection, human_condition: str | None = None) -> Decision:
    """What `policy` does with the item of an inspection; `human_condition` and errors as of `decide`."""
    return decide(policy, inspection.result, **_told(inspection), human_condition=human_condition)


def case_of_stored(policy: Policy, inspection: Inspection, human_condition: str | None = None) -> Case:
    """The item of an inspection as the rules of `policy` see it; `human_condition` and errors as of `case_of`."""
    return case_of(policy, inspection.result, **_told(inspection), human_condition=human_condition)


def _told(inspection: Inspection) -> _Told:
    item, identity = inspection.item, inspection.identity
    return {
        "declared_value": inspection.declared_value,
        "seller": item.get("seller"),
        "sku": item.get("sku"),
        "identity": None if identity is None else identity.verdict,
        "pieces": inspection.pieces_now,
    }
