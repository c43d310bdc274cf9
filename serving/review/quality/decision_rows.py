"""Raw material for statistics: one row a decision, and how many items went without a human."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, String, and_, case, cast, func, or_, select

from regrade.models.errors import RegradeError
from regrade.models.registry.store import BundleStore, store_of
from regrade.serving.review.context import DeskContext
from regrade.serving.review.quality.station_days import utc_day
from regrade.serving.review.types import AutoGraded, DecisionRow
from regrade.serving.storage.tables import inspections, review_undos, reviews, tasks

Promise = Callable[[str, str], float | None]
"""Category and version of a bundle to the share of wrong grades that it promises to stay below (its α)."""

_OF_REVIEW: Final = (
    *("id", "inspection_id", "decided_at", "key_id", "reviewer", "model_condition", "condition"),
    *("kind", "blind", "rubric", "seconds", "role"),
)

AUTOMATIC: ColumnElement[bool] = or_(inspections.c.sample_share.is_not(None), inspections.c.status == "graded")
"""Inspections that went without a human. Those of before there were blind looks have no share, and stay `graded`."""


def promises(bundles: BundleStore | None) -> Promise:
    """Looks α up in `bundles` (None: the shipped ones); None for a bundle that is gone or spoilt, or that promises
    nothing."""
    store = store_of(bundles)

    @lru_cache(maxsize=256)
    def promise(category: str, version: str) -> float | None:
        try:
            selective = store.load(category, version).calibration.selective
        except (RegradeError, OSError):
            return None
        return None if selective.threshold is None else selective.alpha

    return promise


def looks(context: DeskContext, promise: Promise, since: datetime | None, until: datetime | None) -> list[DecisionRow]:
    """One row a decision that was not undone; see `Desk.looks`."""
    result = inspections.c.result
    query = (
        select(
            *(reviews.c[name] for name in _OF_REVIEW),
            *(inspections.c[name] for name in ("category", "seller", "station", "created_at", "model_confidence")),
            inspections.c.sample_share,
            AUTOMATIC.label("automatic"),
            cast(result["models"], String).label("versions"),
            result["grade"]["auto_threshold"].as_float().label("auto_threshold"),
            result["grade"]["promised_error"].as_float().label("promised_error"),
            tasks.c.share,
        )
        .join(inspections, inspections.c.id == reviews.c.inspection_id)
        .outerjoin(tasks, tasks.c.id == reviews.c.task_id)
        .outerjoin(review_undos, review_undos.c.review_id == reviews.c.id)
        .where(review_undos.c.review_id.is_(None), *_between(reviews.c.decided_at, since, until))
        .order_by(reviews.c.decided_at, reviews.c.id)
    )
    with context.database.read() as connection:
        return [_look(row, promise) for row in connection.execute(query)]


def auto_graded_counts(context: DeskContext, since: datetime | None, until: datetime | None) -> list[AutoGraded]:
    """How many items went without a human; see `Desk.auto_graded_counts`."""
    sample = and_(tasks.c.inspection_id == inspections.c.id, tasks.c.kind == "sample", tasks.c.state != "void")
    within = (AUTOMATIC, *_between(inspections.c.created_at, since, until))
    items: Counter[tuple[str | None, str | None, str]] = Counter()
    drawable, sampled, looked_at = items.copy(), items.copy(), items.copy()
    with context.database.read() as connection:
        # By day, of which weeks are made here: databases count weeks in ways of their own. The few items that were
        # drawn are counted apart, lest the task of each of the many others is looked for.
        part = (inspections.c.category, inspections.c.seller, utc_day(connection, inspections.c.created_at))
        could = func.count(case((inspections.c.sample_share > 0, 1)))
        for category, seller, day, count, some in connection.execute(
            select(*part, func.count(), could).where(*within).group_by(*part)
        ):
            items[category, seller, _week(day)] += count
            drawable[category, seller, _week(day)] += some
        done = func.count(case((tasks.c.state == "done", 1)))
        for category, seller, day, count, some in connection.execute(
            select(*part, func.count(), done).join(tasks, sample).where(*within).group_by(*part)
        ):
            sampled[category, seller, _week(day)] += count
            looked_at[category, seller, _week(day)] += some
    return [
        AutoGraded(*part, count, drawable[part], sampled[part], looked_at[part])
        for part, count in sorted(items.items(), key=lambda one: (one[0][2], one[0][0] or "", one[0][1] or ""))
    ]


@lru_cache(maxsize=2048)
def week_of(day: date) -> str:
    """The ISO week of `day`, such as `2026-W48`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def _week(day: object) -> str:
    return week_of(date.fromisoformat(str(day)))


@lru_cache(maxsize=256)
def _versions(written: str) -> Mapping[str, str]:
    """Few texts, which very many looks share."""
    versions: dict[str, str] = json.loads(written)
    return MappingProxyType(versions)


def _between(moment: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [*([moment >= since] if since is not None else []), *([moment < until] if until is not None else [])]


def _look(row: Any, promise: Promise) -> DecisionRow:
    alpha, versions = row.promised_error, _versions(row.versions)
    # Grades of before it was kept with them are asked of their bundle, as long as that is there.
    if alpha is None and (version := versions.get(row.category)) is not None:
        alpha = promise(row.category, version)
    return DecisionRow(
        review_id=row.id,
        inspection_id=row.inspection_id,
        category=row.category,
        seller=row.seller,
        station=row.station,
        created_at=row.created_at,
        decided_at=row.decided_at,
        kind=row.kind,
        blind=row.blind,
        key_id=row.key_id,
        reviewer=row.reviewer,
        condition=row.condition,
        model_condition=row.model_condition,
        model_confidence=row.model_confidence,
        auto_threshold=row.auto_threshold,
        automatic=bool(row.automatic),
        share=row.share,
        sample_share=row.sample_share,
        versions=versions,
        alpha=alpha,
        seconds=row.seconds,
        rubric=row.rubric,
        role=row.role,
    )
