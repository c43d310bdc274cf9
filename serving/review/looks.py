"""Raw material for statistics: one row a decision, and how many items went without a human."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select

from regrade.models.bundle import load_bundle, shipped_root
from regrade.models.errors import RegradeError
from regrade.serving.review.bench import Bench
from regrade.serving.review.types import AutoGraded, Look
from regrade.serving.tables import inspections, review_undos, reviews, tasks

Promise = Callable[[str, str], float | None]
"""Category and version of a bundle to the share of wrong grades that it promises to stay below (its α)."""

AUTOMATIC: ColumnElement[bool] = or_(inspections.c.sample_share.is_not(None), inspections.c.status == "graded")
"""Inspections that went without a human. Those of before there were blind looks have no share, and stay `graded`."""


def promises(root: Path | None) -> Promise:
    """Looks α up in the bundles under `root` (None: the shipped ones); None for a bundle that is gone or spoilt, or
    that promises nothing."""
    folder = shipped_root() if root is None else root

    @lru_cache(maxsize=256)
    def promise(category: str, version: str) -> float | None:
        try:
            selective = load_bundle(folder, category, version).calibration.selective
        except (RegradeError, OSError):
            return None
        return None if selective.threshold is None else selective.alpha

    return promise


def looks(bench: Bench, promise: Promise, since: datetime | None, until: datetime | None) -> list[Look]:
    """One row a decision that was not undone; see `Desk.looks`."""
    result = inspections.c.result
    query = (
        select(
            reviews,
            *(inspections.c[name] for name in ("category", "seller", "station", "created_at", "model_confidence")),
            inspections.c.sample_share,
            AUTOMATIC.label("automatic"),
            result["models"].label("versions"),
            result["grade"]["auto_threshold"].as_float().label("auto_threshold"),
            tasks.c.share,
        )
        .join(inspections, inspections.c.id == reviews.c.inspection_id)
        .outerjoin(tasks, tasks.c.id == reviews.c.task_id)
        .outerjoin(review_undos, review_undos.c.review_id == reviews.c.id)
        .where(review_undos.c.review_id.is_(None), *_between(reviews.c.decided_at, since, until))
        .order_by(reviews.c.decided_at, reviews.c.id)
    )
    with bench.database.read() as connection:
        return [_look(row, promise) for row in connection.execute(query)]


def auto_graded_counts(bench: Bench, since: datetime | None, until: datetime | None) -> list[AutoGraded]:
    """How many items went without a human; see `Desk.auto_graded_counts`."""
    sample = and_(tasks.c.inspection_id == inspections.c.id, tasks.c.kind == "sample", tasks.c.state != "void")
    columns = (inspections.c.category, inspections.c.seller, inspections.c.created_at, inspections.c.sample_share)
    query = select(*columns, tasks.c.state).select_from(inspections.outerjoin(tasks, sample))
    query = query.where(AUTOMATIC, *_between(inspections.c.created_at, since, until))
    items: Counter[tuple[str | None, str | None, str]] = Counter()
    drawable, sampled, looked_at = items.copy(), items.copy(), items.copy()
    with bench.database.read() as connection:
        for category, seller, created_at, share, state in connection.execute(query):
            year, week, _ = created_at.isocalendar()
            part = (category, seller, f"{year}-W{week:02}")
            items[part] += 1
            drawable[part] += bool(share)
            sampled[part] += state is not None
            looked_at[part] += state == "done"
    return [
        AutoGraded(*part, count, drawable[part], sampled[part], looked_at[part])
        for part, count in sorted(items.items(), key=lambda one: (one[0][2], one[0][0] or "", one[0][1] or ""))
    ]


def _between(moment: Any, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return [*([moment >= since] if since is not None else []), *([moment < until] if until is not None else [])]


def _look(row: Row[Any], promise: Promise) -> Look:
    version = row.versions.get(row.category)
    return Look(
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
        versions=row.versions,
        alpha=None if version is None else promise(row.category, version),
        seconds=row.seconds,
        rubric=row.rubric,
    )
