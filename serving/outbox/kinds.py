"""The types of events, as the HTTP contract names them."""

from typing import Final, Literal, get_args

Kind = Literal[
    "inspection.graded",
    "inspection.decided",
    "inspection.reopened",
    "inspection.erased",
    "station.changed",
    "promise.broken",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SELLER_KINDS: Final[tuple[Kind, ...]] = (
    "inspection.graded",
    "inspection.decided",
    "inspection.reopened",
    "inspection.erased",
)
"""Events of their own items that sellers are told of; one that is added is not among them by itself."""

MEANINGS: Final[dict[Kind, str]] = {
    "inspection.graded": "graded, also anew; `data.status` says whether that is all, or somebody must look, or photos "
    "must be taken again",
    "inspection.decided": "somebody decided, at the bench or at the desk; `data.decision` is what stands since",
    "inspection.reopened": "a decision was taken back",
    "inspection.erased": "its photos and personal fields are gone",
    "station.changed": "what the desk asks of its station changed: photos are asked for, answered in a note, or no "
    "longer wanted; `data.ask` says which",
    "promise.broken": "blind looks show that what goes without a person does not keep what the policy promises; "
    "`data` says which promise of which bundle",
}
