"""Items that two bundles have judged, one of them in shadow, and what people made of these items."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import String, select
from sqlalchemy import cast as as_type

from regrade.serving.review.quality.errors_and_agreement import iso_week
from regrade.serving.review.types import DecisionRow
from regrade.serving.storage.adjudication import Votes, settled
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections, shadow_grades


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a bundle says of an item: a probability by condition, the defects it found, and whether the item would go
    without a person."""

    probabilities: Mapping[str, float]
    defects: frozenset[str]
    alone: bool

    @property
    def condition(self) -> str:
        """The likeliest."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])


@dataclass(frozen=True, slots=True)
class Pair:
    """An item that `active` and `candidate` have judged. `by_candidate`: whether that one graded it, at a canary's
    station. `truth` is the condition that people settled on, None while they have not; `decided_at` when that
    was. `blind`: whether they did so by lot and without knowing what a model said."""

    inspection_id: str
    seller: str | None
    station: str | None
    created_at: datetime
    active: Opinion
    candidate: Opinion
    by_candidate: bool
    closer_missed: bool
    truth: str | None
    decided_at: datetime | None
    blind: bool

    @property
    def week(self) -> str:
        """In which it came in, such as `2026-W48`."""
        return iso_week(self.created_at)


@dataclass(frozen=True, slots=True)
class Settled:
    """What people settled on, when (with the first look, or with the one that broke a tie), and whether the first was
    blind."""

    condition: str
    at: datetime
    blind: bool


def settled_of(looks: Iterable[DecisionRow]) -> dict[str, Settled]:
    """What people settled on, by inspection; those with an open tie are left out.

    A blind first look tells it alone: further ones follow from what the first has said, and what the model has.
    """
    votes: dict[str, dict[str, DecisionRow]] = {}
    for look in looks:
        votes.setdefault(look.inspection_id, {})[look.kind] = look
    found = {}
    for inspection_id, by_kind in votes.items():
        first = by_kind.get("unsure") or by_kind.get("sample")
        if first is None:
            continue
        condition = settled(first.model_condition, cast("Votes", by_kind))
        if condition is not None:
            found[inspection_id] = Settled(condition, by_kind.get("third", first).decided_at, first.blind)
    return found


def pairs(
    database: Database, category: str, active: str, candidate: str, since: datetime, looks: Sequence[DecisionRow]
) -> list[Pair]:
    """The items of `category` from `since` on that both versions have judged, in the order in which people decided on
    them, the undecided ones last."""
    decided = settled_of(looks)
    result = inspections.c.result
    query = (
        select(
            *(inspections.c[name] for name in ("id", "seller", "station", "created_at", "status", "sample_share")),
            as_type(result["grade"]["probabilities"], String).label("probabilities"),
            as_type(result["defects"], String).label("defects"),
            result["models"][category].as_string().label("graded_by"),
            *(
                shadow_grades.c[name].label(f"shadow_{name}")
                for name in ("version", "probabilities", "defects", "alone")
            ),
            shadow_grades.c.closer_missed,
        )
        .join(shadow_grades, shadow_grades.c.inspection_id == inspections.c.id)
        .where(shadow_grades.c.category == category, shadow_grades.c.version.in_((active, candidate)))
        .where(shadow_grades.c.at >= since, inspections.c.created_at >= since)
        .order_by(inspections.c.created_at, inspections.c.id)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    found = [
        _pair(row, candidate, decided) for row in rows if {row.graded_by, row.shadow_version} == {active, candidate}
    ]
    return sorted(found, key=lambda pair: (pair.decided_at is None, pair.decided_at or pair.created_at))


def _pair(row: Any, candidate: str, decided: Mapping[str, Settled]) -> Pair:
    # Whoever has decided since, it had gone: such an item alone has a share.
    graded = stored_opinion(
        row.probabilities, row.defects, alone=row.sample_share is not None or row.status == "graded"
    )
    beside = Opinion(row.shadow_probabilities, frozenset(row.shadow_defects), row.shadow_alone)
    by_candidate = row.graded_by == candidate
    what = decided.get(row.id)
    return Pair(
        inspection_id=row.id,
        seller=row.seller,
        station=row.station,
        created_at=row.created_at,
        active=beside if by_candidate else graded,
        candidate=graded if by_candidate else beside,
        by_candidate=by_candidate,
        closer_missed=row.closer_missed,
        truth=None if what is None else what.condition,
        decided_at=None if what is None else what.at,
        blind=what is not None and what.blind,
    )


def stored_opinion(probabilities: str, defects: str, *, alone: bool) -> Opinion:
    """What a stored grade says, from its parts in JSON."""
    kinds = frozenset(defect["type"] for defect in json.loads(defects))
    return Opinion(json.loads(probabilities), kinds, alone)
