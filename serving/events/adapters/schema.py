"""The fields of an adapter's file."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from regrade.models.category.economics import Action
from regrade.models.category.fields import Condition, Model
from regrade.serving.outbox.kinds import Kind


def _several(value: Any) -> Any:
    """One value stands for a list of it."""
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else value


class Secret(Model):
    """A header's value that is kept apart: the name of a file in `keys/` of the data directory."""

    secret: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")


class Rule(Model):
    """A word for what fits all that is set here; what is left out fits everything. The first rule that fits counts."""

    condition: Annotated[tuple[Condition, ...] | None, BeforeValidator(_several)] = None
    disposition: Annotated[tuple[Action, ...] | None, BeforeValidator(_several)] = None
    defect: Annotated[tuple[str, ...] | None, BeforeValidator(_several)] = None
    """Any of these was found."""
    word: str | None
    """None is a gap, which whoever uses the file has to fill: such a file is not taken."""


class Call(Model):
    """One request. With `list`, it tells of up to `most` items, each as `body` under that field; else of one."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: str = Field(pattern=r"^/")
    list: str | None = None
    most: int = Field(1, ge=1, le=100)
    body: dict[str, Any] = Field(min_length=1)


class AdapterFile(Model):
    """A whole file. `url` is where `path` of each call begins; `link_days` how long links to photos are good."""

    name: str = Field(min_length=1)
    url: str = Field(pattern=r"^https?://")
    events: Annotated[tuple[Kind, ...], BeforeValidator(_several)] = Field(min_length=1)
    headers: dict[str, str | Secret] = Field(default_factory=dict)
    link_days: float = Field(7.0, gt=0, le=30)
    words: dict[str, tuple[Rule, ...]] = Field(default_factory=dict)
    calls: tuple[Call, ...] = Field(min_length=1)
