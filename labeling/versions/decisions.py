"""The desk's decisions as this room takes them in: plain JSON objects from whoever keeps them.

Sources are found by the entry-point group `regrade.decisions`. Each is a function

    decisions(data_dir: Path, since: datetime | None) -> Iterator[dict]

that yields one object an inspection, with the fields of `DeskDecision`; further fields are passed over. `since` leaves
out inspections whose last decision is older. The module of the function may have another beside it,

    note_export(data_dir: Path, detail: Mapping[str, Any]) -> None

which is told of every export before it is written, for an audit trail, and

    erased(data_dir: Path) -> int

which says how many decided inspections are left out because they were erased,

    note_adaptation(data_dir: Path, detail: Mapping[str, Any]) -> None

which is told what came of fitting a head anew, and

    recoveries(data_dir: Path, category: str) -> dict

which says what each action brings in by condition: `currency`, and `recoveries`, condition → action → amount.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from regrade.datasets.validation import dataset_error
from regrade.models.errors import DatasetError
from regrade.models.types import Box

GROUP = "regrade.decisions"
_LENIENT = ConfigDict(extra="ignore")
_Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
_Text = Annotated[str, StringConstraints(min_length=1)]

Source = Callable[[Path, datetime | None], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedPhoto:
    """A photo of the inspection. `path` is the file that holds it; width and height are those of the upright photo."""

    __pydantic_config__ = _LENIENT

    index: Annotated[int, Field(ge=0)]
    sha256: _Sha256
    path: Path
    media_type: str
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedDefect:
    """A defect on the photo of index `photo`; `box` in pixels of the upright photo, None where none was drawn."""

    __pydantic_config__ = _LENIENT

    photo: Annotated[int, Field(ge=0)]
    type: _Text
    severity: str = "major"
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerDecision:
    """What one reviewer said, and did not take back. `kind` is unsure, sample, second or third; `key_id` is the
    reviewer's. `blind`: the reviewer did not see the model's grade."""

    __pydantic_config__ = _LENIENT

    key_id: _Text
    condition: _Text
    decided_at: datetime
    kind: str
    blind: bool = False
    rubric: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedItem:
    """What the station said of the item."""

    __pydantic_config__ = _LENIENT

    rma: str
    seller: str | None = None
    sku: str | None = None
    station: str | None = None
    answers: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelGrade:
    """What the model found, of which only the defects matter here."""

    __pydantic_config__ = _LENIENT

    defects: tuple[DecidedDefect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskDecision:
    """One inspection that reviewers decided.

    `looks` are oldest first, `condition` is what follows from them, None while a tie is not broken, and `open` the
    kinds of looks that are still owed. `defects` are those of the reviewers, None where nobody said anything of them.
    """

    __pydantic_config__ = _LENIENT

    id: _Text
    status: str
    item: DecidedItem
    photos: tuple[DecidedPhoto, ...]
    looks: tuple[ReviewerDecision, ...]
    condition: str | None
    open: tuple[str, ...]
    category: str | None = None
    model: ModelGrade | None = None
    defects: tuple[DecidedDefect, ...] | None = None

    @property
    def settled(self) -> bool:
        """Whether no further look can change the condition."""
        return self.condition is not None and not self.open


_DECISION = TypeAdapter(DeskDecision)


def read_decisions(
    data_dir: Path, since: datetime | None = None, source: Source | None = None
) -> Iterator[DeskDecision]:
    """The decisions under `data_dir`, from `source` or from the one that is installed.

    Raises `DatasetError` where there is no source, and for an object that lacks a field.
    """
    if not data_dir.is_dir():
        raise DatasetError(f"{data_dir}: no such folder; give the --data-dir that the service keeps its state in")
    for number, row in enumerate((source or installed_source())(data_dir, since), start=1):
        try:
            yield _DECISION.validate_python(row)
        except ValidationError as error:
            raise dataset_error(f"{data_dir}: decision {number}", error) from None


def note_export(data_dir: Path, detail: Mapping[str, Any]) -> None:
    """Tell whoever keeps the decisions under `data_dir` that some of them are being taken out; `detail` is JSON."""
    told = _beside("note_export")
    if told is not None:
        told(data_dir, detail)


def erased(data_dir: Path) -> int:
    """How many decided inspections under `data_dir` were erased since; 0 where whoever keeps them does not say."""
    counted = _beside("erased")
    return 0 if counted is None else int(counted(data_dir))


def note_adaptation(data_dir: Path, detail: Mapping[str, Any]) -> None:
    """Tell whoever keeps the decisions under `data_dir` what came of fitting a head anew by them; `detail` is JSON."""
    told = _beside("note_adaptation")
    if told is not None:
        told(data_dir, detail)


def recoveries(data_dir: Path, category: str) -> Mapping[str, Any] | None:
    """What each action brings in by condition, for an item of the category of the usual value, by the policy in force
    under `data_dir`: `currency` and `recoveries`; None where whoever keeps the decisions does not say."""
    asked = _beside("recoveries")
    return None if asked is None else asked(data_dir, category)


def _beside(name: str) -> Callable[..., Any] | None:
    """Another function of the installed source's module."""
    found: Callable[..., Any] | None = getattr(sys.modules.get(installed_source().__module__), name, None)
    return found


def installed_source() -> Source:
    """The function of the entry-point group `regrade.decisions`. Raises `DatasetError` where none is installed."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    if not points:
        raise DatasetError(
            "nothing installed reads the desk's decisions; install regrade whole, or anew: pip install ."
        )
    source: Source = points[0].load()
    return source
