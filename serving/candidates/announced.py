"""That a promise is broken, as an event for those who rely on it: once for each promise of each bundle."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select

from regrade.serving.candidates.broken import Watched
from regrade.serving.outbox.kinds import Kind
from regrade.serving.outbox.tables import events
from regrade.serving.outbox.writer import note_site
from regrade.serving.storage.database import Database

BROKEN: Final[Kind] = "promise.broken"


def announce(database: Database, category: str, version: str, found: Sequence[Watched]) -> int:
    """Note those of `found` that are broken and were not told of yet; returns how many."""
    broken = [one for one in found if one.broken]
    if not broken:
        return 0
    told = 0
    with database.write() as connection:
        known = {
            _about(data) for data in connection.execute(select(events.c.data).where(events.c.type == BROKEN)).scalars()
        }
        for one in broken:
            data = {
                **{"category": category, "version": version, "promise": one.what, "looks": one.looks},
                **{"promised": one.limit, "found": one.mean},
            }
            if _about(data) not in known:
                note_site(connection, BROKEN, datetime.now(UTC), data)
                told += 1
    return told


def _about(data: Any) -> tuple[Any, ...]:
    return data["category"], data["version"], data["promise"]
