"""An inspection as its seller is shown it: what came back, in which condition, what for, what becomes of it.

Fields are named here one by one, so that none comes along that somebody adds to what the site itself sees. Left out are
who graded and decided, notes and asks, at which station, how sure the model was, reasons, alternatives and the name of
the policy, versions, and timings.
"""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from regrade.models.category.economics import Action
from regrade.models.category.fields import Condition
from regrade.models.pieces.types import State
from regrade.models.types import Box
from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message
from regrade.serving.grading.item import DeclaredValue
from regrade.serving.http.pieces.shown import PieceOut
from regrade.serving.http.render import inspection_out
from regrade.serving.http.schemas import InspectionOut, MoneyOut, PhotoOut, RetakeOut
from regrade.serving.rubric.types import Rubrics
from regrade.serving.storage.records import Inspection, Status

INTERNAL: Final = ("station", "ask", "revision")
"""Query parameters that would tell what a seller is not shown."""
DISCLOSED: Final = frozenset({"rma", "seller", "sku", "category", "declared_value"})
"""What is personal in signed steps and goes into a seller's evidence: the item's own."""


class SellerItemOut(BaseModel):
    rma: str
    seller: str | None
    sku: str | None
    category: str | None
    declared_value: DeclaredValue | None


class SellerGradeOut(BaseModel):
    condition: Condition
    name: str | None = Field(description="What the seller's own scale calls it, if there is one.")


class SellerDefectOut(BaseModel):
    photo: int
    type: str
    severity: str
    box: Box | None = Field(description="x1, y1, x2, y2 in pixels of the upright photo.")


class SellerPiecesOut(BaseModel):
    """Which pieces that belong to the item are not there."""

    state: State = Field(description="`unknown`: nobody has looked yet.")
    missing: list[PieceOut] | None = Field(description="Null where nobody has looked.")


class SellerDispositionOut(BaseModel):
    action: Action
    expected_recovery: MoneyOut


class SellerDecisionOut(BaseModel):
    by: Literal["person"] = "person"
    at: datetime


class SellerErasedOut(BaseModel):
    at: datetime


class SellerInspectionOut(BaseModel):
    """An inspection as keys of the role `seller` read it."""

    id: str
    status: Status
    created_at: datetime
    item: SellerItemOut
    category: str | None = Field(description="The one that it was graded as.")
    grade: SellerGradeOut | None
    defects: list[SellerDefectOut]
    pieces: SellerPiecesOut | None = Field(description="Null where the catalogue expects none.")
    disposition: SellerDispositionOut | None
    decision: SellerDecisionOut | None = Field(description="Where a person has decided; null: the model's word stands.")
    photos: list[PhotoOut]
    retake: list[RetakeOut] | None
    erased: SellerErasedOut | None


class SellerInspectionsOut(BaseModel):
    items: list[SellerInspectionOut]
    next_cursor: str | None


def seller_out(inspection: Inspection, lang: str, rubrics: Rubrics) -> SellerInspectionOut:
    """The public view of an inspection as it stands."""
    return public(inspection_out(inspection, lang, rubrics))


def public(told: InspectionOut) -> SellerInspectionOut:
    """The public view of what the site is told of an inspection."""
    item, disposition = told.item, told.disposition
    return SellerInspectionOut.model_validate(
        {
            "id": told.id,
            "status": told.status,
            "created_at": told.created_at,
            "item": {name: item.get(name) for name in SellerItemOut.model_fields},
            "category": None if told.category is None else told.category.name,
            "grade": None if told.grade is None else {"condition": told.grade.condition, "name": told.grade.name},
            "defects": [one.model_dump(include=set(SellerDefectOut.model_fields)) for one in told.defects],
            "pieces": None if told.pieces is None else {"state": told.pieces.state, "missing": told.pieces.missing},
            "disposition": None
            if disposition is None
            else {"action": disposition.action, "expected_recovery": disposition.expected_recovery},
            "decision": None if told.decision is None else {"at": told.decision.at},
            "photos": told.photos,
            "retake": told.retake,
            "erased": None if told.erased is None else {"at": told.erased.at},
        }
    )


def refuse_internal(given: dict[str, Any]) -> None:
    """Raise `InvalidFieldsError` for query parameters that are not for sellers, of those that are not None."""
    if found := [name for name in INTERNAL if given.get(name) is not None]:
        faults = [FieldFault(name, Message("fault.not_for_sellers")) for name in found]
        raise InvalidFieldsError("invalid-query", "query", faults)
