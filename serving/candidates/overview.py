"""What there is to know of a category's bundles at one moment, for the page of models."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.registry import changes as registry
from regrade.models.registry import trials
from regrade.models.registry.activations import Activation
from regrade.models.registry.store import BundleStore
from regrade.models.registry.trials import Trial
from regrade.serving.candidates.broken import Watched
from regrade.serving.candidates.comparison import Claim, Figures, figures
from regrade.serving.candidates.rules import LONGEST, Rules
from regrade.serving.policy.promise.told import Told, told
from regrade.serving.policy.terms import Policy
from regrade.serving.review.quality.decision_rows import AUTOMATIC
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections, review_undos, reviews

LATELY: Final = timedelta(weeks=26)
PAST: Final = 5
"""Activations that are told of."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A trial in figures: overall (None before the first item), by week, station and seller; and what is shown."""

    overall: Figures | None
    weeks: Sequence[Figures]
    stations: Sequence[Figures]
    sellers: Sequence[Figures]
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class CategoryState:
    """The bundles of a category. `versions` are those that could be activated or tried, newest last, without the active
    one; `previous` is what a return would go back to. `decided` items were decided on by people so far; of the `items`
    of the last 26 weeks `automatic` went without one. `watched` are the promises about the active version where it is
    adapted."""

    category: str
    active: str
    adapted: bool
    previous: str | None
    versions: Sequence[str]
    trial: Trial | None
    comparison: Comparison | None
    watched: Sequence[Watched]
    past: Sequence[Activation]
    promise: Told
    decided: int
    items: int
    automatic: int


def states(store: BundleStore, grader: Grader, policy: Policy, database: Database, rules: Rules) -> list[CategoryState]:
    """Of every category that grades, by name."""
    decided, items, automatic = _counts(database)
    found = []
    for category in grader.categories:
        active, bundle = grader.versions[category], grader.bundles[category]
        adapted = "adapted" in bundle.metrics
        try:
            trial = trials.trial_of(store, category)
        except BundleError:
            trial = None
        found.append(
            CategoryState(
                category=category,
                active=active,
                adapted=adapted,
                previous=registry.previous_version(store, category),
                versions=tuple(version for version in store.versions(category) if version != active),
                trial=trial,
                comparison=_compared(rules, policy, trial) if trial is not None and trial.running else None,
                watched=rules.watched(category, active) if adapted else (),
                past=registry.history(store, category)[-PAST:][::-1],
                promise=told(policy, category),
                decided=decided.get(category, 0),
                items=items.get(category, 0),
                automatic=automatic.get(category, 0),
            )
        )
    return found


def _compared(rules: Rules, policy: Policy, trial: Trial) -> Comparison:
    judged, category = rules.judged(trial), trial.category
    return Comparison(
        overall=next(iter(figures(policy, category, judged)), None),
        weeks=figures(policy, category, judged, "week"),
        stations=figures(policy, category, judged, "station"),
        sellers=figures(policy, category, judged, "seller"),
        claims=rules.claims(category, judged),
    )


def _counts(database: Database) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """By category: items that people decided on ever, and those that came in lately, in all and without a person."""
    now, name = datetime.now(UTC), inspections.c.category
    there = (name.is_not(None), inspections.c.model_condition.is_not(None), inspections.c.created_at >= now - LATELY)
    items = select(name, func.count()).where(*there).group_by(name)
    decided = (
        select(name, func.count(func.distinct(reviews.c.inspection_id)))
        .join(reviews, reviews.c.inspection_id == inspections.c.id)
        .outerjoin(review_undos, review_undos.c.review_id == reviews.c.id)
        .where(name.is_not(None), review_undos.c.review_id.is_(None), inspections.c.created_at >= now - LONGEST)
        .group_by(name)
    )
    with database.read() as connection:
        counted = [connection.execute(query).all() for query in (decided, items, items.where(AUTOMATIC))]
    one, two, three = ({row[0]: int(row[1]) for row in rows} for rows in counted)
    return one, two, three
