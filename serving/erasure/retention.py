"""Retention: which inspections have been kept for as long as the setting lets them be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, false, or_, select

from regrade.serving.base.retention_rules import Rules
from regrade.serving.inspections.selection import KEPT
from regrade.serving.storage.tables import inspections, tasks


@dataclass(frozen=True, slots=True)
class Due:
    """The inspections that came in longer ago, at `now`, than the rules let them be kept.

    An item at which a human still owes a look counts as one that needs a review, whatever its status: what has not been
    looked at yet is not erased by the way.
    """

    rules: Rules
    now: datetime

    def where(self) -> ColumnElement[bool]:
        """What any of the rules says."""
        return and_(KEPT, or_(false(), *self._rules()))

    def first(self, connection: Connection, limit: int) -> Sequence[str]:
        """The oldest by one rule after the other."""
        found: dict[str, None] = {}
        for rule in self._rules():
            query = select(inspections.c.id).where(KEPT, rule).order_by(inspections.c.created_at, inspections.c.id)
            found |= dict.fromkeys(connection.execute(query.limit(limit - len(found))).scalars())
        return list(found)

    def _rules(self) -> Iterator[ColumnElement[bool]]:
        open_ = select(tasks.c.inspection_id).where(tasks.c.state.in_(("open", "away")))
        owed = open_.where(tasks.c.inspection_id == inspections.c.id).correlate(inspections).exists()
        for status, age in self.rules.items():
            old, same = inspections.c.created_at < self.now - age, inspections.c.status == status
            if status != "needs_review":
                yield and_(same, old, ~owed)
            else:
                yield and_(same, old)
                yield and_(inspections.c.id.in_(open_), old)
