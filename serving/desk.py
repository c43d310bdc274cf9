"""The review desk: who looks at which item, and what they decide. Methods block on the database."""

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, and_, case, func, or_, select, update

from regrade.serving.agreement import Agreement, agreement
from regrade.serving.auth import ApiKey
from regrade.serving.db import Database
from regrade.serving.errors import FieldFault, InvalidFieldsError, LeaseError, NotFoundError
from regrade.serving.i18n import Message
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import Policy
from regrade.serving.policy.types import Disposition, Money, Option, Reason
from regrade.serving.records import Inspection, Review, ReviewedDefect, StoredPhoto, new_id
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
class Decided:
    """The inspection as it stands. `replayed`: this decision had been recorded before, and was sent again."""

    inspection: Inspection
    replayed: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """The queue, and how the model and the reviewers agree: overall, and by part (`category`, `key_id`, `station`).

    `names` says whose each `key_id` is, as it was called at the last decision.
    """

    queue: Queue
    overall: Agreement
    by: dict[str, dict[str, Agreement]]
    names: dict[str, str]


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
        """Lease the oldest item that waits and that nobody holds; None when there is none.

        A reviewer who holds an item is given that one again, under a new lease: the answer to the first claim may
        have been lost, or the page closed, and nobody else could have the item until the old lease expires.
        """
        now = self._now()
        waiting = inspections.c.status == "needs_review"
        own = and_(inspections.c.lease_key_id == reviewer.id, inspections.c.lease_expires_at > now)
        free = or_(inspections.c.lease_expires_at.is_(None), inspections.c.lease_expires_at <= now)
        oldest = (
            select(inspections)
            .where(waiting, or_(own, free))
            .order_by(case((own, 0), else_=1), inspections.c.created_at, inspections.c.id)
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

    def decide(self, inspection_id: str, token: str, reviewer: ApiKey, verdict: Verdict) -> Decided:
        """Record a decision and return the inspection as it then stands.

        The same verdict under the same lease, sent again, changes nothing and is answered with what is stored.
        Raises `NotFoundError`, `LeaseError` where `token` does not (or no longer) allow it, and
        `InvalidFieldsError` for an action that the policy does not permit or a defect on no photo.
        """
        with self._database.write() as connection:
            row = connection.execute(
                select(inspections).where(inspections.c.id == inspection_id).with_for_update()
            ).first()
            if row is None:
                raise NotFoundError(Message("problem.no_inspection", {"inspection": inspection_id}))
            before = load(connection, [row])[0]
            if _given_under(row, token, reviewer) and before.review is not None and _says(before.review, verdict):
                return Decided(before, replayed=True)
            self._check_lease(row, token, reviewer)
            insert_review(connection, self._review(before, reviewer, verdict))
            change = update(inspections).where(inspections.c.id == inspection_id)
            # Whose lease it was is kept: it tells a decision sent again from a second one.
            connection.execute(change.values(status="reviewed", lease_expires_at=None))
            row = connection.execute(select(inspections).where(inspections.c.id == inspection_id)).one()
            return Decided(load(connection, [row])[0], replayed=False)

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
            for part in ("category", "key_id", "station")
        }
        names = {row.key_id: row.reviewer for row in decided}
        return Stats(self.queue(), agreement(_pairs(decided)), by, names)

    def _check_lease(self, row: Row[Any], token: str, reviewer: ApiKey) -> None:
        if row.status != "needs_review":
            raise LeaseError(Message("problem.lease_over"))
        if row.lease_hash is None or not hmac.compare_digest(row.lease_hash, _hash(token)):
            raise LeaseError(Message("problem.lease_replaced"))
        if row.lease_key_id != reviewer.id:
            raise LeaseError(Message("problem.lease_foreign"))
        if row.lease_expires_at <= self._now():
            raise LeaseError(Message("problem.lease_expired"))

    def _review(self, inspection: Inspection, reviewer: ApiKey, verdict: Verdict) -> Review:
        faults = [
            FieldFault(f"defects.{index}.{fault.field}", fault.message)
            for index, defect in enumerate(verdict.defects or ())
            if (fault := _misplaced(defect, inspection.photos)) is not None
        ]
        if faults:
            raise InvalidFieldsError("invalid-request", "review", faults)
        # Not checked anew: an item is as it was accepted, even where the rules have become stricter since.
        item, value = inspection.item, inspection.item.get("declared_value")
        suggested = decide(
            self._policy,
            inspection.result,
            declared_value=None if value is None else Money(value["amount"], value["currency"]),
            seller=item.get("seller"),
            sku=item.get("sku"),
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
    message = Message("fault.action", {"given": action, "legal": legal})
    raise InvalidFieldsError("action-not-permitted", "review", [FieldFault("disposition", message)])


def _misplaced(defect: ReviewedDefect, photos: Sequence[StoredPhoto]) -> FieldFault | None:
    """What is wrong with where a defect was put, if anything is."""
    if not 0 <= defect.photo < len(photos):
        return FieldFault("photo", Message("fault.no_such_photo", {"last": len(photos) - 1}))
    if defect.box is None:
        return None
    x1, y1, x2, y2 = defect.box
    width, height = photos[defect.photo].width, photos[defect.photo].height
    if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height:
        return None
    return FieldFault("box", Message("fault.box", {"width": width, "height": height}))


def _given_under(row: Row[Any], token: str, reviewer: ApiKey) -> bool:
    """Whether the decision that stands was made by `reviewer` under the lease `token`."""
    held = row.lease_hash is not None and hmac.compare_digest(row.lease_hash, _hash(token))
    return bool(row.status == "reviewed" and held and row.lease_key_id == reviewer.id)


def _says(review: Review, verdict: Verdict) -> bool:
    """Whether a stored decision is what `verdict` asks for."""
    action = review.disposition.action if review.disposition_source == "reviewer" else None
    said = (review.condition, action, review.defects, review.note)
    return said == (verdict.condition, verdict.action, verdict.defects, verdict.note)


def _decided(connection: Connection) -> Sequence[Row[Any]]:
    columns = (
        reviews.c.model_condition,
        reviews.c.condition,
        reviews.c.key_id,
        reviews.c.reviewer,
        inspections.c.category,
        inspections.c.station,
    )
    query: Select[Any] = select(*columns).join(inspections, reviews.c.inspection_id == inspections.c.id)
    query = query.where(reviews.c.model_condition.is_not(None)).order_by(reviews.c.decided_at, reviews.c.id)
    return connection.execute(query).all()


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
