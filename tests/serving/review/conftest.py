"""A desk on a real database with a clock that tests turn, and inspections as the service stores them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.category import load_categories
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.base.dispositions import Money
from regrade.serving.evidence import Signer
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import DEFAULT_POLICY, Policy, parse_policy
from regrade.serving.review import Claim, Desk, FirstLooks, Lottery, Verdict
from regrade.serving.rubric.in_force import InForce
from regrade.serving.rubric.load import load_rubrics
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id
from tests.databases import NewDatabase

SECRET = bytes(range(32))


@dataclass
class Kit:
    """A desk and what it works with. `time` is what its clock says; every inspection is a minute after the last."""

    database: Database
    policy: Policy
    time: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)
    made: int = 0
    reviewers: dict[str, ApiKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = KeyStore(self.database)
        self.station = self.keys.create("station", "bench")[1]
        self.lottery = Lottery(SECRET)
        self.signer = Signer.generate()
        self.store = InspectionStore(self.database, FirstLooks(lambda: self.policy, self.lottery), self.signer)
        times: dict[str, Any] = {"lease": timedelta(minutes=10), "undo": timedelta(seconds=60)}
        categories = load_categories()
        rules = InForce(categories, self.policy, load_rubrics(categories=categories))
        self.desk = Desk(self.database, lambda: rules, self.lottery, **times, signer=self.signer, now=lambda: self.time)

    def reviewer(self, name: str) -> ApiKey:
        """The reviewer of that name, the same each time."""
        if name not in self.reviewers:
            self.reviewers[name] = self.keys.create("reviewer", name)[1]
        return self.reviewers[name]

    def add(
        self,
        *,
        sure: bool = False,
        condition: str = "used",
        category: str = "footwear",
        value: float | None = None,
        created_at: datetime | None = None,
        promised: float | None = None,
        **item: Any,
    ) -> Inspection:
        """Store an inspection whose grade the model is, or is not, `sure` of, with the α kept that was `promised`."""
        self.made += 1
        rest = 0.001 if sure else 0.2
        probabilities = {name: (1 - 3 * rest) if name == condition else rest for name in CONDITIONS}
        threshold = 0.9 if sure else None
        result = ItemResult(
            category=CategoryCall(category, "declared", 0.99, category),
            grade=Grade(condition, probabilities, (condition,), probabilities[condition], threshold, promised),
            defects=(Defect(0, "scuff", 0.87, (10.0, 20.0, 110.0, 90.0), "minor"),),
            quality=(Quality(True, (), {"brightness": 120.0, "warmth": 0.1}),),
            models={category: "2026.11.1"},
            timings_ms={"total": 12.0},
        )
        declared = None if value is None else Money(value, "USD")
        given = {"rma": f"RMA-{self.made}", "category": category, **item}
        if value is not None:
            given["declared_value"] = {"amount": value, "currency": "USD"}
        decision = decide(self.policy, result, declared_value=declared, seller=item.get("seller"))
        assert decision.needs_review is not sure, decision.review
        inspection = Inspection(
            id=new_id(),
            created_at=created_at or self.time + timedelta(minutes=self.made) - timedelta(days=1),
            status="graded" if sure else "needs_review",
            key_id=self.station.id,
            idempotency_key=None,
            body_digest="d",
            item=given,
            result=result,
            decision=decision,
            photos=(StoredPhoto(0, "ab" * 32, "image/jpeg", 1000, 640, 480),),
        )
        self.store.insert(inspection)
        return inspection

    def claim(self, name: str, **filters: Any) -> Claim:
        """What the reviewer is given; there must be something."""
        from regrade.serving.review import Filters

        claimed = self.desk.claim(self.reviewer(name), Filters(**filters))
        assert claimed is not None
        return claimed

    def decide(self, name: str, condition: str, **more: Any) -> str:
        """Let the reviewer claim an item and decide on it; returns the inspection's id."""
        claimed = self.claim(name)
        self.desk.decide(claimed.inspection.id, claimed.token, self.reviewer(name), Verdict(condition, **more))
        return claimed.inspection.id

    def status(self, inspection: Inspection) -> str:
        """The status as it is stored."""
        return self.store.get(inspection.id).status

    def stands(self, inspection: Inspection) -> str | None:
        """The condition of the human decision that stands."""
        review = self.store.get(inspection.id).review
        return None if review is None else review.condition

    def open_kinds(self, name: str) -> list[str]:
        """The kinds of the open tasks that the reviewer may take."""
        return [row.task.kind for row in self.desk.queue_page(self.reviewer(name)).rows]


MakeKit = Callable[..., Kit]


@pytest.fixture
def make_kit(tmp_path: Path, new_database: NewDatabase) -> Iterator[MakeKit]:
    """Makes kits; `sample` and `second` are the shares that are drawn, `sellers` the policy's text of that name."""
    databases: list[Database] = []

    def make(sample: float = 0.0, second: float = 0.0, sellers: str = "{}") -> Kit:
        shares = f"quality_control: {{sample_share: {sample}, second_share: {second}}}\n"
        text = DEFAULT_POLICY.read_text(encoding="utf-8").replace("sellers: {}", f"sellers: {sellers}")
        database = Database(new_database(tmp_path, f"desk{len(databases)}.db"))
        databases.append(database)
        return Kit(database, parse_policy(_without_shares(text) + shares, categories=load_categories()))

    yield make
    for database in databases:
        database.close()


def _without_shares(text: str) -> str:
    """The policy without its own shares: one line, `quality_control: {…}`."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("quality_control:")) + "\n"


@pytest.fixture
def kit(make_kit: MakeKit) -> Kit:
    """A desk at which nothing is drawn by lot."""
    return make_kit()
