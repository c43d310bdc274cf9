"""What the review desk answers over the wire: claims, the audit trail, figures."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from regrade.serving.http.schemas import InspectionOut


class LeaseOut(BaseModel):
    token: str
    expires_at: datetime


class ClaimOut(BaseModel):
    inspection: InspectionOut
    lease: LeaseOut
    blind: bool = Field(
        description="Whether this is a check of model and reviewers: what they found is then left out of `inspection`."
    )


class EntryOut(BaseModel):
    """One line of the audit trail."""

    id: str
    at: datetime
    key_id: str | None
    name: str | None = Field(description="Whose key it was, as it was called then.")
    action: str
    task_id: str | None
    detail: dict[str, Any]


class PhotoViewOut(BaseModel):
    """A look at a photo."""

    at: datetime
    key_id: str
    name: str = Field(description="Whose key it is.")
    role: str
    photo: int
    what: Literal["full", "thumbnail", "original"]


class TrailOut(BaseModel):
    items: list[EntryOut]
    photo_views: list[PhotoViewOut] | None = Field(None, description="Only where asked for with `photos=true`.")


class AgreementOut(BaseModel):
    items: int = Field(description="Reviewed items that this is measured on.")
    raw: float | None
    kappa: float | None = Field(description="Cohen's kappa of model and reviewer.")


class ReviewerAgreementOut(AgreementOut):
    name: str = Field(description="Whose key it is, as it was called at the last decision.")


class QueueOut(BaseModel):
    depth: int
    leased: int
    oldest_seconds: float | None


class KindOut(BaseModel):
    open: int
    done: int


class StatsOut(BaseModel):
    queue: QueueOut = Field(description="The items that wait for a human; blind reviews are counted in `kinds`.")
    agreement: AgreementOut
    by_category: dict[str, AgreementOut]
    by_reviewer: dict[str, ReviewerAgreementOut] = Field(description="By the id of the reviewer's API key.")
    by_station: dict[str, AgreementOut]
    kinds: dict[str, KindOut] = Field(
        description="Reviews by kind: `unsure` (the model asked), `sample` (a blind check of a sure grade), `second` "
        "and `third` (blind, by another reviewer)."
    )
