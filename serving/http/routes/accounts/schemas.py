"""What goes over the wire of stations and people."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool

from regrade.serving.access.keys import MOST_SELLERS, Role
from regrade.serving.access.names import AccountName
from regrade.serving.access.people.directory import Change, PersonRole
from regrade.serving.access.people.directory import State as PersonState
from regrade.serving.access.stations import State as StationState
from regrade.serving.base.text_forms import Name
from regrade.serving.http.routes.queries import Moment

Code = Annotated[str, Field(max_length=64)]
"""As somebody typed it: case, spaces and dashes do not matter."""


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StationIn(_In):
    name: AccountName = Field(description="1 to 64 characters; unique, ignoring case.", examples=["LA-07"])


class PairIn(_In):
    code: Code = Field(examples=["7KQM-W3PZ"])


class StationOut(BaseModel):
    id: str = Field(description="Also that of its key, whichever tablet holds it.")
    name: str
    state: StationState = Field(
        description="`new`: no tablet yet; `waiting`: for its first, by a code; `paired`; `revoked`: none any more."
    )
    created_at: datetime
    created_by: str
    paired_at: datetime | None
    address: str | None = Field(description="The tablet's, when it was paired.")
    user_agent: str | None
    last_used_at: datetime | None = Field(description="Within a minute.")
    code_expires_at: datetime | None = Field(description="Until when a pairing code waits for a tablet.")


class StationsOut(BaseModel):
    stations: list[StationOut]


class OwnStationOut(BaseModel):
    station: str | None = Field(description="The one that the caller's key is bound to; null where it is to none.")


class PairedOut(BaseModel):
    key: str = Field(description="What the tablet sends from now on; it is shown only now.")
    station: str


class CodeOut(BaseModel):
    code: str = Field(description="To be typed; shown only now.")
    link: str = Field(description="The same to be opened, or drawn as a QR code. The code is in its fragment.")
    expires_at: datetime


Sellers = Annotated[list[Name], Field(max_length=MOST_SELLERS)]


class PersonIn(_In):
    name: AccountName = Field(description="What they sign in by; unique, ignoring case.", examples=["Ann Li"])
    role: PersonRole
    expires_at: Moment | None = Field(None, description="When their access ends; null: never.")
    sellers: Sellers = Field([], description="With the role `seller`, and only then: whose items alone they see.")


class PersonChangeIn(_In):
    """What is left out stays."""

    name: AccountName | None = None
    role: PersonRole | None = None
    expires_at: Moment | None = Field(None, description="null: never.")
    disabled: StrictBool | None = None
    sellers: Sellers | None = Field(None, description="With the role `seller`: whose items alone they see from now on.")

    def change(self) -> Change:
        """The same for the directory."""
        expires = (self.expires_at,) if "expires_at" in self.model_fields_set else None
        sellers = None if self.sellers is None else tuple(dict.fromkeys(self.sellers))
        return Change(self.name, self.role, expires, self.disabled, sellers)


class PersonOut(BaseModel):
    id: str = Field(description="Also that of the key which stands for them in evidence and the audit trail.")
    name: str
    role: Role
    sellers: list[str] = Field(description="Whose items alone they see; empty but for the role `seller`.")
    state: PersonState = Field(description="`new`: never invited, or not in time; `invited`, `active`, `expired`, …")
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    disabled_at: datetime | None
    last_used_at: datetime | None = Field(description="Within a minute.")
    has_password: bool
    passkeys: int
    invited_until: datetime | None = Field(description="Until when an invitation waits for them.")


class PeopleOut(BaseModel):
    people: list[PersonOut]


class InvitedIn(_In):
    code: Code


class PasskeyIn(_In):
    """A browser's answer, as `PublicKeyCredential.toJSON` has it."""

    credential: dict[str, JsonValue]
    next: str | None = Field(None, max_length=2000)


class NewPasskeyIn(_In):
    code: Code
    credential: dict[str, JsonValue]
