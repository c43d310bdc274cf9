"""A site without a grader: a data directory with a database, keys and photos, and a desk that decides."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from regrade.models.registry.store import store_of
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import KeyStore
from regrade.serving.evidence import KeyRing, Provenance, Signer
from regrade.serving.evidence.backfill import Backfill
from regrade.serving.evidence.read import Evidence, read_evidence
from regrade.serving.evidence.store_check import EvidenceReport, check_evidence
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.policy.decide import decide
from regrade.serving.review import Desk, Lottery, Verdict
from regrade.serving.rubric.in_force import in_force
from regrade.serving.storage.database import Database
from regrade.serving.storage.photostore import LocalPhotoStore
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id
from tests.databases import NewDatabase

PHOTO = b"not a photo, but nobody looks at it here"


@dataclass
class Site:
    """A data directory, and all that stores and decides in it. `time` is what the desk's clock says."""

    data_dir: Path
    url: str
    time: datetime = datetime(2026, 11, 28, 12, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.database = Database(self.url)
        self.keys_dir = self.data_dir / "keys"
        self.signer = Signer.load(self.keys_dir)
        rules = in_force(store_of(None))
        self.policy = rules.policy
        self.keys = KeyStore(self.database)
        self.station = self.keys.create("station", "bench 3")[1]
        self.ann = self.keys.create("reviewer", "Ann")[1]
        self.photos = LocalPhotoStore(self.data_dir / "photos")
        self.photos.publish(self.photos.stage([(PHOTO, hashlib.sha256(PHOTO).hexdigest())]))
        self.store = InspectionStore(self.database, signer=self.signer)
        times: dict[str, Any] = {"lease": timedelta(minutes=10), "undo": timedelta(seconds=60)}
        self.desk = Desk(
            self.database, lambda: rules, Lottery(bytes(32)), **times, signer=self.signer, now=lambda: self.time
        )

    def inspection(self, **item: Any) -> Inspection:
        """One that asks for a human, not stored."""
        probabilities = dict(zip(CONDITIONS, (0.1, 0.2, 0.4, 0.3), strict=True))
        result = ItemResult(
            category=CategoryCall("footwear", "declared", 0.99, "footwear"),
            grade=Grade("used", probabilities, ("used", "damaged"), 0.4, None),
            defects=(Defect(0, "scuff", 0.87, (10.0, 20.0, 110.0, 90.0), "minor"),),
            quality=(Quality(True, (), {"brightness": 120.5, "warmth": 0.1}),),
            models={"footwear": "2026.11.1"},
            timings_ms={"total": 12.0},
        )
        name = new_id()
        return Inspection(
            id=name,
            created_at=self.time,
            status="needs_review",
            key_id=self.station.id,
            idempotency_key=f"Jo Doe, {name}",
            body_digest="d" * 64,
            item={"rma": "RMA-1", "seller": "acme", "category": "footwear", "answers": {"who": "Jo Doe"}, **item},
            result=result,
            decision=decide(self.policy, result, declared_value=None, seller="acme"),
            photos=(StoredPhoto(0, hashlib.sha256(PHOTO).hexdigest(), "image/jpeg", len(PHOTO), 640, 480),),
        )

    def add(self, **item: Any) -> str:
        """Store one, and return its id."""
        made = self.inspection(**item)
        self.store.insert(made, Provenance({"footwear": "b" * 64}, "c" * 64, "0.1.0"))
        return made.id

    def decide(self, note: str | None = "scuffed heel, says Jo Doe") -> str:
        """Let Ann claim and decide; returns the inspection's id."""
        claimed = self.desk.claim(self.ann)
        assert claimed is not None
        self.desk.decide(claimed.inspection.id, claimed.token, self.ann, Verdict("damaged", note=note))
        return claimed.inspection.id

    def sql(self, *statements: str) -> None:
        """Change the database; see `change`."""
        change(self.database, *statements)

    def all(self, query: str) -> list[Any]:
        """The rows of a query."""
        with self.database.read() as connection:
            return list(connection.execute(text(query)))

    def check(self) -> EvidenceReport:
        """What `regrade store verify` finds."""
        return check_evidence(self.database, self.keys_dir)

    def codes(self) -> set[str]:
        """The kinds of findings."""
        return {finding.code for finding in self.check().findings}

    def evidence(self, inspection_id: str) -> Evidence:
        """What the API answers."""
        return read_evidence(self.database, self.signer, inspection_id)

    def known(self) -> KeyRing:
        """All public keys that the site has ever had."""
        return KeyRing.load(self.keys_dir)

    def open(self) -> None:
        """What a service does when it starts: sign what is not signed, or note that there is nothing of that kind."""
        backfill = Backfill(self.database, self.signer)
        backfill.start()
        backfill.wait()


def change(database: Database, *statements: str) -> None:
    """Change a database as somebody does who has got hold of it: no trigger and no foreign key keeps them."""
    if database.file is None:
        with database.engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in statements:
                assert connection.execute(text(statement)).rowcount, statement
        return
    with closing(sqlite3.connect(database.file)) as raw, raw:
        kept = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            raw.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert raw.execute(statement).rowcount, statement
        for _, made in kept:
            raw.execute(made)


MakeSite = Callable[[], Site]


@pytest.fixture
def make_site(tmp_path: Path, new_database: NewDatabase) -> Iterator[MakeSite]:
    """Makes sites on which no service was started yet."""
    sites: list[Site] = []

    def make() -> Site:
        folder = tmp_path / f"site{len(sites)}"
        folder.mkdir(0o700)
        sites.append(Site(folder, new_database(folder)))
        return sites[-1]

    yield make
    for site in sites:
        site.database.close()


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A site that is open."""
    made = make_site()
    made.open()
    return made


@pytest.fixture
def old_site(make_site: MakeSite) -> Site:
    """A site of before steps were signed, with three inspections, one decided, one decided and undone."""
    made = make_site()
    for number in range(3):
        made.add(rma=f"RMA-{number}")
    made.decide()
    made.desk.undo(made.decide(), made.ann)
    made.sql("DELETE FROM evidence_steps", "DELETE FROM evidence_disclosures")
    made.sql("UPDATE evidence_head SET log_index = -1, sha256 = NULL")
    (made.keys_dir / "evidence-head.jws").unlink()
    made.database.close()
    return Site(made.data_dir, made.url)
