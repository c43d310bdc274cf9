"""Events and webhooks as they go over the wire."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from regrade.serving.base.text_forms import BriefNote, Name
from regrade.serving.events.moments import Event
from regrade.serving.http.render import inspection_out
from regrade.serving.http.routes.sellers.out import seller_out
from regrade.serving.outbox.kinds import Kind
from regrade.serving.rubric.types import Rubrics

LANGUAGE = "en"
"""What webhooks are sent in: nobody asks for a language there."""


class EventOut(BaseModel):
    """Something that happened. `data` is the inspection as it stood then, less what was erased since; of
    `promise.broken` it is which promise of which bundle."""

    id: str = Field(description="The same each time that it is sent; also a cursor, for `after`.")
    type: Kind
    created_at: datetime
    data: dict[str, Any]


class EventsOut(BaseModel):
    items: list[EventOut]
    next_cursor: str | None = Field(
        description="What to pass as `after` the next time, also after an empty page; null only where nothing has "
        "happened yet."
    )


class WebhookIn(BaseModel):
    """A webhook to be made."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(
        None,
        min_length=1,
        max_length=2000,
        description="HTTPS, at a public address; see `webhook_networks`. With an adapter, its own if left out.",
    )
    adapter: Name | None = Field(
        None, description="The adapter that says what is sent there, such as `loop`; null: the event itself, signed."
    )
    types: list[Kind] | None = Field(None, min_length=1, description="Only these events; null: all.")
    seller: Name | None = Field(
        None,
        description="Only events of this seller's items; null: all, and the site's own. Who is bound to several "
        "sellers names one of them.",
    )
    description: BriefNote = ""


class WebhookChangeIn(BaseModel):
    """What to change of a webhook; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = Field(None, min_length=1, max_length=2000)
    types: list[Kind] | None = Field(None, min_length=1)
    seller: Name | None = None
    description: BriefNote | None = None
    enabled: StrictBool | None = Field(None, description="False: nothing is sent, and what happens is sent later.")


class ReplayIn(BaseModel):
    """From when on to send again."""

    model_config = ConfigDict(extra="forbid")

    since: str = Field(description="RFC 3339, with a zone.", examples=["2026-11-23T10:00:00Z"])


class WebhookOut(BaseModel):
    """A webhook, how it stands, and what is on its way."""

    id: str
    created_at: datetime
    url: str
    types: list[Kind] | None
    seller: str | None
    owner: str | None = Field(description="Whose it is, where a seller's; null: the site's.")
    description: str
    adapter: str | None
    enabled: bool
    stopped: Literal["paused", "gone", "owner"] | None = Field(
        description="Why nothing is sent; `gone`: the receiver answered 410; `owner`: whose it is no longer sees this "
        "seller's items. Somebody else of the seller who enables it takes it over: look at its address first."
    )
    overlap_until: datetime | None = Field(description="Until when the secret before signs too.")
    failures: int = Field(description="Attempts that failed one after another.")
    resume_at: datetime | None = Field(description="When the next attempt is made, after such failures.")
    last_at: datetime | None
    last_status: int | None
    last_error: str | None
    pending: int
    dead: int
    behind: int = Field(description="Events not yet looked at for it; of a seller's, those alone that it is sent.")


class SecretOut(WebhookOut):
    """The same with its newest secret, which is shown only now."""

    secret: str = Field(description="`whsec_…`, for a library of the Standard Webhooks.")


class DeliveryOut(BaseModel):
    """One event on its way to a webhook. `status` and `error` are of the last attempt."""

    number: int
    event_id: str
    type: str
    inspection_id: str | None
    state: Literal["pending", "delivered", "dead"]
    created_at: datetime
    attempts: int
    next_at: datetime | None
    last_at: datetime | None
    status: int | None
    error: str | None
    ms: float | None


class DeliveriesOut(BaseModel):
    items: list[DeliveryOut]
    next_cursor: str | None


class PingOut(BaseModel):
    """What came of an attempt: `error` is null where it arrived."""

    delivered: bool
    status: int | None
    error: str | None
    ms: float


class ReplayOut(BaseModel):
    events: int = Field(description="How many events are looked through again; of a seller's, how many are sent.")


def event_out(event: Event, lang: str, rubrics: Rubrics) -> EventOut:
    """An event in the words of one language."""
    data: dict[str, Any] = dict(event.data)
    if event.inspection is not None:
        data = inspection_out(event.inspection, lang, rubrics).model_dump(mode="json")
    return EventOut.model_validate({"id": event.id, "type": event.type, "created_at": event.at, "data": data})


def seller_event_out(event: Event, lang: str, rubrics: Rubrics) -> EventOut:
    """The same for a seller, of an item of theirs."""
    assert event.inspection is not None
    data = seller_out(event.inspection, lang, rubrics).model_dump(mode="json")
    return EventOut.model_validate({"id": event.id, "type": event.type, "created_at": event.at, "data": data})


def event_bytes(event: Event, rubrics: Rubrics) -> bytes:
    """An event as webhooks are sent it."""
    return event_out(event, LANGUAGE, rubrics).model_dump_json().encode()


def seller_event_bytes(event: Event, rubrics: Rubrics) -> bytes:
    """An event as webhooks of sellers are sent it."""
    return seller_event_out(event, LANGUAGE, rubrics).model_dump_json().encode()
