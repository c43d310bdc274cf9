"""Figures of results: pace, automatic share, recovery and the queue's age. The database sums up; nothing is read row by
row, so that what is in memory grows with days, sellers, stations and people alone."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, distinct, exists, func, select

from regrade.serving.inspections.visibility import Viewer
from regrade.serving.results.asked import Asked, chosen, fitting, lead_of
from regrade.serving.results.forecast import Forecast, forecast
from regrade.serving.results.moments import day_of, hour_of
from regrade.serving.review.quality.decision_rows import AUTOMATIC, week_of
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections, review_undos, reviews, tasks

AGES: Final = (1, 4, 24, 72)
"""Where the ages of what waits are divided, in hours."""
TARGET: Final = 24.0
"""The age that nothing in the queue should be beyond, in hours, where none is named."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much somebody has done: `hours` are those of the clock in which there was something, `seconds` how long a
    look took on average, where that was measured."""

    name: str
    done: int
    hours: int
    seconds: float | None = None

    @property
    def an_hour(self) -> float:
        """Items an hour, in the hours in which there were any."""
        return self.done / self.hours


@dataclass(frozen=True, slots=True)
class Share:
    """How many items were graded, and how many of them went without a person."""

    name: str
    graded: int
    automatic: int

    @property
    def share(self) -> float | None:
        """In [0, 1]; None of nothing."""
        return self.automatic / self.graded if self.graded else None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the actions that stand are expected to recover, and what the policy's own would for the conditions that
    stand; `overridden` items have another action than the policy's. Amounts are sums, in `currency`. What waits for a
    person is not among them."""

    name: str
    currency: str
    items: int
    decided: float
    policy: float
    overridden: int

    @property
    def lost(self) -> float:
        """What is recovered less than the policy's actions would."""
        return self.policy - self.decided


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for a look. `ages` counts items up to each of `AGES` hours, and those beyond; `oldest` is in hours,
    `late` are older than `target` hours."""

    waiting: int
    ages: tuple[int, ...]
    oldest: float
    late: int
    target: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of what was asked for. `stations` count items graded, `people` looks; weeks are those of ISO, the
    oldest first; `automatic` is over all."""

    items: int
    stations: list[Pace]
    people: list[Pace]
    automatic: Share
    automatic_weeks: list[Share]
    automatic_categories: list[Share]
    recovery_sellers: list[Recovery]
    recovery_weeks: list[Recovery]
    queue: Queue
    forecast: Forecast


def figures(
    database: Database, asked: Asked, viewer: Viewer | None, *, now: datetime | None = None, target: float = TARGET
) -> Figures:
    """All of it for the inspections that are asked for; looks are those at them, whenever they were."""
    moment = now or datetime.now(UTC)
    with database.read() as connection:
        where = fitting(asked, viewer, lead_of(connection, asked))
        days = _days(connection, where)
        people = _people(connection, where)
        looks, seconds = _looks(connection, where)
        share = _share("", days)
        return Figures(
            items=sum(row.items for row in days),
            stations=_stations(connection, where),
            people=people,
            automatic=share,
            automatic_weeks=_shares(days, lambda row: week_of(date.fromisoformat(row.day))),
            automatic_categories=_shares(days, lambda row: row.category or ""),
            recovery_sellers=_by_seller(connection, where),
            recovery_weeks=_by_week(connection, where),
            queue=_queue(connection, where, moment, target),
            forecast=forecast(_came_in(days, asked, moment), looks, seconds, share.graded, share.automatic),
        )


def _days(connection: Connection, where: Sequence[ColumnElement[bool]]) -> Sequence[Any]:
    day, graded = day_of(connection, inspections.c.created_at), inspections.c.model_condition.is_not(None)
    query = chosen(
        where,
        day,
        inspections.c.category,
        func.count().label("items"),
        func.count(case((graded, 1))).label("graded"),
        func.count(case((and_(graded, AUTOMATIC), 1))).label("automatic"),
    )
    return connection.execute(query.group_by(day, inspections.c.category)).all()


def _share(name: str, rows: Sequence[Any]) -> Share:
    return Share(name, sum(row.graded for row in rows), sum(row.automatic for row in rows))


def _shares(rows: Sequence[Any], part: Any) -> list[Share]:
    by: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by[part(row)].append(row)
    return [_share(name, by[name]) for name in sorted(by)]


def _stations(connection: Connection, where: Sequence[ColumnElement[bool]]) -> list[Pace]:
    station, hour = inspections.c.station, hour_of(connection, inspections.c.created_at)
    hours = chosen([*where, station.is_not(None)], station, hour, func.count().label("items")).group_by(station, hour)
    each = hours.subquery()
    query = select(each.c.station, func.sum(each.c["items"]).label("done"), func.count().label("hours"))
    rows = connection.execute(query.group_by(each.c.station).order_by(each.c.station))
    return [Pace(row.station, int(row.done), row.hours) for row in rows]


def _not_undone() -> ColumnElement[bool]:
    return ~exists().where(review_undos.c.review_id == reviews.c.id).correlate(reviews)


def _people(connection: Connection, where: Sequence[ColumnElement[bool]]) -> list[Pace]:
    hour = hour_of(connection, reviews.c.decided_at)
    query = (
        select(
            reviews.c.key_id,
            func.max(reviews.c.reviewer).label("name"),
            func.count().label("done"),
            func.count(distinct(hour)).label("hours"),
            func.avg(reviews.c.seconds).label("seconds"),
        )
        .join(inspections, inspections.c.id == reviews.c.inspection_id)
        .where(*where, _not_undone())
        .group_by(reviews.c.key_id)
    )
    found = [
        Pace(row.name, row.done, row.hours, None if row.seconds is None else float(row.seconds))
        for row in connection.execute(query)
    ]
    return sorted(found, key=lambda one: one.name)


def _looks(connection: Connection, where: Sequence[ColumnElement[bool]]) -> tuple[int, float | None]:
    """How many looks there were at the items, and how many seconds one took on average."""
    query = select(func.count(), func.avg(reviews.c.seconds))
    joined = query.select_from(reviews).join(inspections, inspections.c.id == reviews.c.inspection_id)
    count, seconds = connection.execute(joined.where(*where, _not_undone())).one()
    return count, None if seconds is None else float(seconds)


_RECOVERY: Final[tuple[ColumnElement[Any], ...]] = (
    func.count().label("items"),
    func.sum(inspections.c.recovery).label("decided"),
    func.sum(inspections.c.policy_recovery).label("policy"),
    func.count(case((inspections.c.recovery != inspections.c.policy_recovery, 1))).label("overridden"),
)


_SETTLED: Final = (
    inspections.c.currency.is_not(None),
    # Not the bare column, so that no database goes by its index.
    func.coalesce(inspections.c.status, "") != "needs_review",
)
"""What has an action that stands, by a person or without one."""


def _by_seller(connection: Connection, where: Sequence[ColumnElement[bool]]) -> list[Recovery]:
    # Not the bare column: SQLite would go by its index, and read a row for each of its entries.
    part = func.coalesce(inspections.c.seller, "").label("seller"), inspections.c.currency
    rows = connection.execute(chosen([*where, *_SETTLED], *part, *_RECOVERY).group_by(*part))
    return sorted((_recovery(row.seller, [row]) for row in rows), key=lambda one: (-one.lost, one.name))


def _by_week(connection: Connection, where: Sequence[ColumnElement[bool]]) -> list[Recovery]:
    part = day_of(connection, inspections.c.created_at), inspections.c.currency
    weeks: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(chosen([*where, *_SETTLED], *part, *_RECOVERY).group_by(*part)):
        weeks[week_of(date.fromisoformat(row.day)), row.currency].append(row)
    return [_recovery(week, weeks[week, currency]) for week, currency in sorted(weeks)]


def _recovery(name: str, rows: Sequence[Any]) -> Recovery:
    return Recovery(
        name=name,
        currency=rows[0].currency,
        items=sum(int(row.items) for row in rows),
        decided=sum(float(row.decided or 0.0) for row in rows),
        policy=sum(float(row.policy or 0.0) for row in rows),
        overridden=sum(int(row.overridden) for row in rows),
    )


def _queue(connection: Connection, where: Sequence[ColumnElement[bool]], now: datetime, target: float) -> Queue:
    def since(hours: float) -> Any:
        return now - timedelta(hours=hours)

    old = [func.count(case((tasks.c.created_at < since(hours), 1))) for hours in (*AGES, target)]
    query = select(func.count(), func.min(tasks.c.created_at), *old).select_from(tasks)
    joined = query.join(inspections, inspections.c.id == tasks.c.inspection_id).where(tasks.c.state == "open", *where)
    waiting, first, *beyond = connection.execute(joined).one()
    edges = [waiting, *beyond[:-1], 0]
    ages = tuple(more - fewer for more, fewer in pairwise(edges))
    oldest = 0.0 if first is None else max(0.0, (now - first).total_seconds() / 3600)
    return Queue(waiting, ages, oldest, beyond[-1], target)


def _came_in(rows: Sequence[Any], asked: Asked, now: datetime) -> list[tuple[date, int]]:
    """How many items came in, a whole day each; days without any count, and neither the first nor today does, of which
    a part may be missing."""
    counts: defaultdict[date, int] = defaultdict(int)
    for row in rows:
        counts[date.fromisoformat(row.day)] += row.items
    if not counts:
        return []
    first = min(counts)
    asked_from = None if asked.since is None else asked.since.astimezone(UTC).date()
    # A site that is younger than what is asked for had no items before: those days are none of its own.
    begin = first if asked_from == first else first + timedelta(days=1)
    last = now.date() if asked.until is None else min(now, asked.until).astimezone(UTC).date()
    whole = [begin + timedelta(days=number) for number in range((last - begin).days)]
    return [(day, counts[day]) for day in whole]
