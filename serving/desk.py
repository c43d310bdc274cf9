"""The review desk: who looks at which item, and what they decide. Methods block on the database."""

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, or_, select, update

from regrade.serving.agreement import Agreement, agreement
from regrade.serving.auth import ApiKey
from regrade.serving.db import Database
from regrade.serving.errors import FieldFault, InvalidFieldsError, LeaseError, NotFoundError
from regrade.serving.item import Item
from regrade.serving.pipeline import declared_value
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import Policy
from regrade.serving.policy.types import Disposition, Option, Reason
from regrade.serving.records import Inspection, Review, ReviewedDefect, new_id
from regrade.serving.store import insert_review, load
from regrade.serving.tables import inspections, reviews


@dataclass(frozen=True, slots=True)
class Claim:
    """An item to review, and the lease under which it may be decided until `expires_at`."""

    inspection: Inspection
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer found. `action` None takes the policy's, `defects` None keeps the model's."""

    condition: str
    action: str | None = None
    defects: tuple[ReviewedDefect, ...] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """How many items wait, how many of them somebody holds, and the age of the oldest in seconds."""

    depth: int
    leased: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The queue, and how the model and the reviewers agree: overall, and by part and name."""

    queue: Queue
    overall: Agreement
    by: dict[str, dict[str, Agreement]]


class ReviewDesk:
    """Leases items that need a human, one reviewer each, and records the decisions."""

    def __init__(
        self, database: Database, policy: Policy, lease: timedelta, now: Callable[[], datetime] | None = None
    ) -> None:
        self._database = database
        self._policy = policy
        self._lease = lease
        self._now = now or (lambda: datetime.now(UTC))

    def claim(self, reviewer: ApiKey) -> Claim | None:
        """Lease the oldest item that waits and that nobody holds; None when there is none."""
        now = self._now()
        free = or_(inspections.c.lease_expires_at.is_(None), inspections.c.lease_expires_at <= now)
        oldest = (
            select(inspections)
            .where(inspections.c.status == "needs_review", free)
            .order_by(inspections.c.created_at, inspections.c.id)
            .limit(1)
            # SQLite has one writer at a time anyway; elsewhere this keeps two reviewers off the same row.
            .with_for_update(skip_locked=True)
        )
        token, expires_at = secrets.token_urlsafe(24), now + self._lease
        with self._database.write() as connection:
            row = connection.execute(oldest).first()
            if row is None:
                return None
            change = update(inspections).where(inspections.c.id == row.id)
            connection.execute(
                change.values(lease_key_id=reviewer.id, lease_hash=_hash(token), lease_expires_at=expires_at)
            )
            return Claim(load(connection, [row])[0], token, expires_at)

    def decide(self, inspection_id: str, token: str, reviewer: ApiKey, verdict: Verdict) -> Inspection:
        """Record a decision and return the inspection as it then stands.

        Raises `NotFoundError`, `LeaseError` where `token` does not (or no longer) allow it, and
        `InvalidFieldsError` for an action that the policy does not permit or a defect on no photo.
        """
        with self._database.write() as connection:
            row = connection.execute(
                select(inspections).where(inspections.c.id == inspection_id).with_for_update()
            ).first()
            if row is None:
                raise NotFoundError(f"There is no inspection {inspection_id!r}. Claim one first.")
            self._check_lease(row, token, reviewer)
            before = load(connection, [row])[0]
            insert_review(connection, self._review(before, reviewer, verdict))
            change = update(inspections).where(inspections.c.id == inspection_id)
            connection.execute(
                change.values(status="reviewed", lease_key_id=None, lease_hash=None, lease_expires_at=None)
            )
            row = connection.execute(select(inspections).where(inspections.c.id == inspection_id)).one()
            return load(connection, [row])[0]

    def queue(self) -> Queue:
        """The state of the queue."""
        now = self._now()
        waiting = inspections.c.status == "needs_review"
        oldest = select(func.count(), func.min(inspections.c.created_at)).where(waiting)
        held = select(func.count()).where(waiting, inspections.c.lease_expires_at > now)
        with self._database.read() as connection:
            depth, since = connection.execute(oldest).one()
            leased = connection.execute(held).scalar_one()
        return Queue(depth, leased, None if since is None else max(0.0, (now - since).total_seconds()))

    def stats(self) -> Stats:
        """The state of the queue, and the agreement of the model with the reviewers."""
        with self._database.read() as connection:
            decided = _decided(connection)
        by = {
            part: {name: agreement(_pairs(rows)) for name, rows in _grouped(decided, part).items()}
            for part in ("category", "reviewer", "station")
        }
        return Stats(self.queue(), agreement(_pairs(decided)), by)

    def _check_lease(self, row: Row[Any], token: str, reviewer: ApiKey) -> None:
        if row.status != "needs_review":
            raise LeaseError(f"The inspection is {row.status}, not waiting for review. Claim another one.")
        if row.lease_hash is None or not hmac.compare_digest(row.lease_hash, _hash(token)):
            raise LeaseError("This lease is not the one that holds the inspection now. Claim one again.")
        if row.lease_key_id != reviewer.id:
            raise LeaseError("This lease was given to another reviewer. Claim an inspection yourself.")
        if row.lease_expires_at <= self._now():
            raise LeaseError("This lease has expired. Claim an inspection again.")

    def _review(self, inspection: Inspection, reviewer: ApiKey, verdict: Verdict) -> Review:
        for index, defect in enumerate(verdict.defects or ()):
            if not 0 <= defect.photo < len(inspection.photos):
                message = f"there is no such photo. Legal values: 0 to {len(inspection.photos) - 1}."
                raise InvalidFieldsError("invalid-request", "review", [FieldFault(f"defects.{index}.photo", message)])
        item = Item.model_validate(inspection.item)
        suggested = decide(
            self._policy,
            inspection.result,
            declared_value=declared_value(item),
            seller=item.seller,
            sku=item.sku,
            human_condition=verdict.condition,
        ).disposition
        chosen = suggested if verdict.action is None else choose(suggested, verdict.action)
        source: Literal["policy", "reviewer"] = "policy" if verdict.action is None else "reviewer"
        grade = inspection.result.grade
        return Review(
            id=new_id(),
            inspection_id=inspection.id,
            decided_at=self._now(),
            key_id=reviewer.id,
            reviewer=reviewer.name,
            model_condition=grade.condition if grade else None,
            condition=verdict.condition,
            disposition=chosen,
            disposition_source=source,
            defects=verdict.defects,
            note=verdict.note,
        )


def choose(suggested: Disposition, action: str) -> Disposition:
    """`suggested` with another of its permitted actions in front.

    Raises `InvalidFieldsError` that lists the permitted actions.
    """
    options = (Option(suggested.action, suggested.expected_recovery), *suggested.alternatives)
    for option in options:
        if option.action == action:
            rest = tuple(other for other in options if other.action != action)
            because = Reason("reviewer_chose", {"action": action})
            reasons = (because,) if action != suggested.action else (because, *suggested.reasons)
            return Disposition(action, option.expected_recovery, reasons, rest, suggested.policy)
    legal = ", ".join(option.action for option in options)
    fault = FieldFault("disposition", f"the policy does not permit {action!r} for this item. Legal values: {legal}.")
    raise InvalidFieldsError("action-not-permitted", "review", [fault])


def _decided(connection: Connection) -> Sequence[Row[Any]]:
    columns = (
        reviews.c.model_condition,
        reviews.c.condition,
        reviews.c.reviewer,
        inspections.c.category,
        inspections.c.station,
    )
    query: Select[Any] = select(*columns).join(inspections, reviews.c.inspection_id == inspections.c.id)
    return connection.execute(query.where(reviews.c.model_condition.is_not(None))).all()


def _pairs(rows: Iterable[Row[Any]]) -> list[tuple[str, str]]:
    return [(row.model_condition, row.condition) for row in rows]


def _grouped(rows: Iterable[Row[Any]], part: str) -> dict[str, list[Row[Any]]]:
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        if (name := getattr(row, part)) is not None:
            groups[name].append(row)
    return dict(sorted(groups.items()))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
