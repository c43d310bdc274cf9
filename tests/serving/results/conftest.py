"""A database with inspections drawn at random, and what of them a reader without a database would find."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from regrade.models.types import CONDITIONS
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import new_id
from regrade.serving.storage.tables import inspections, reviews, tasks
from tests.databases import NewDatabase

START = datetime(2026, 11, 2, tzinfo=UTC)
HOSTILE = ("=1+1", "+x", "-x", "@x", "＝1", 'say "hi"', "a,b", "你好", "a'b", "\u05d0\u05d1", "<b>&amp;")


@dataclass
class Shelf:
    """A database, and all rows of `inspections` in it, as they were written."""

    database: Database
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = KeyStore(self.database)
        self.station = self.keys.create("station", "bench")[1]
        self.people = [self.keys.create("reviewer", name)[1] for name in ("Ann", "Bob")]

    def add(self, **given: Any) -> dict[str, Any]:
        """Store an inspection of which `given` is told; the rest is the same each time."""
        at = given.get("created_at", START + timedelta(minutes=len(self.rows)))
        row = {
            "id": new_id(),
            "created_at": at,
            "updated_at": at,
            "status": "graded",
            "key_id": self.station.id,
            "body_digest": "d",
            "rma": f"RMA-{len(self.rows)}",
            "sku": None,
            "seller": None,
            "station": None,
            "category": "footwear",
            "model_condition": "used",
            "model_confidence": 0.9,
            "condition": "used",
            "disposition": "resell_used",
            "suggested": "resell_used",
            "decided_by": None,
            "recovery": 10.0,
            "policy_recovery": 10.0,
            "currency": "USD",
            "item": {},
            "result": {},
            "decision": None,
            "revision": 1,
            "sample_share": None,
            "erased_at": None,
            "missing_pieces": None,
            **given,
        }
        with self.database.write() as connection:
            connection.execute(insert(inspections).values(row))
        self.rows.append(row)
        return row

    def task(self, row: dict[str, Any], kind: str = "unsure", **given: Any) -> None:
        """A look that is owed an inspection."""
        own = {"id": new_id(), "inspection_id": row["id"], "kind": kind, "state": "open"}
        with self.database.write() as connection:
            connection.execute(insert(tasks).values(**{**own, "created_at": row["created_at"], **given}))

    def look(self, row: dict[str, Any], who: ApiKey, at: datetime, seconds: float | None = None, **given: Any) -> str:
        """A decision on an inspection; its id."""
        own: dict[str, Any] = {
            "id": new_id(),
            "inspection_id": row["id"],
            "decided_at": at,
            "key_id": who.id,
            "reviewer": who.name,
        }
        said: dict[str, Any] = {
            "condition": "used",
            "disposition": {},
            "disposition_source": "policy",
            "seconds": seconds,
        }
        with self.database.write() as connection:
            connection.execute(insert(reviews).values(**own, **said, **given))
        return str(own["id"])

    def scatter(self, count: int, seed: int = 0) -> None:
        """Store `count` inspections of all kinds, in no order, some at the same moment."""
        draw = random.Random(seed)
        for _ in range(count):
            at = START + timedelta(hours=draw.randrange(200))
            status = draw.choice(("graded", "needs_review", "reviewed", "retake"))
            self.add(
                created_at=at,
                updated_at=at + timedelta(hours=draw.choice((0, 0, 5, 300))),
                status=status,
                rma=draw.choice(("R-1", "R-2", *HOSTILE)),
                sku=draw.choice((None, "S-1", "S-2")),
                seller=draw.choice((None, "acme", "zenith", *HOSTILE)),
                station=draw.choice((None, "LA-01", "LA-02")),
                category=draw.choice(("footwear", "packaging")),
                condition=draw.choice((None, *CONDITIONS)),
                disposition=draw.choice((None, "refurbish", "scrap")),
                decided_by=draw.choice(self.people).id if status == "reviewed" else None,
                sample_share=draw.choice((None, 0.05)) if status in ("graded", "reviewed") else None,
                erased_at=draw.choice((None, None, None, at)),
            )


@pytest.fixture
def make_shelf(new_database: NewDatabase, tmp_path: Path) -> Iterator[Callable[[], Shelf]]:
    opened: list[Database] = []

    def make() -> Shelf:
        opened.append(Database(new_database(tmp_path)))
        return Shelf(opened[-1])

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def shelf(make_shelf: Callable[[], Shelf]) -> Shelf:
    return make_shelf()
