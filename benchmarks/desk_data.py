"""A data directory with as many inspections as a site collects in months, written straight into the tables."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Table, insert

from regrade.models.registry.store import store_of
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.inspections.store import rows_of
from regrade.serving.installation.data_dir import open_database
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import load_policy
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import FirstLook, Inspection, StoredPhoto, new_id
from regrade.serving.storage.reviews import Review, row_of
from regrade.serving.storage.tables import reviews, tasks

CATEGORIES = ("apparel", "electronics", "footwear", "packaging")
SELLERS = tuple(f"seller-{number:02}" for number in range(24))
STATIONS = tuple(f"LA-{number:02}" for number in range(1, 21))
REASONS = ("confidence_short", "no_guarantee", "value_at_risk", "rule", "relist_unsure", "category_mismatch")
Added = dict[Table, list[dict[str, Any]]]
"""Rows to add, by table."""

ROWS = 2000
"""Inspections that are written at once."""
SAMPLED = 0.05
"""The share of the items that went without a human, of which some are looked at blind."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many inspections there are, and what became of them: open looks of each kind, and decided items."""

    inspections: int
    unsure: int
    sample: int
    second: int
    decided: int

    @classmethod
    def of(cls, count: int) -> "Size":
        """`count` inspections, a fifth of them with an open look, a fifth decided by a human."""
        return cls(count, count * 15 // 100, count * 3 // 100, count * 2 // 100, count // 5)


def fill(data_dir: Path, size: Size, seed: int = 0) -> tuple[Database, list[ApiKey]]:
    """A migrated database in `data_dir` with `size`, and the keys of 8 reviewers, of whom each decided an eighth."""
    database = open_database(Settings(_env_file=None, data_dir=data_dir))
    keys = KeyStore(database)
    station = keys.create("station", "bench")[1]
    reviewers = [keys.create("reviewer", f"Reviewer {number}")[1] for number in range(1, 9)]
    rows: Added = defaultdict(list)
    with database.write() as connection:
        for number, added in enumerate(_rows(size, station, reviewers, seed), 1):
            for table, values in added.items():
                rows[table] += values
            if number % ROWS == 0 or number == size.inspections:
                for table, values in rows.items():
                    if values:
                        connection.execute(insert(table), values)
                        values.clear()
        connection.exec_driver_sql("ANALYZE")
    return database, reviewers


def _rows(size: Size, station: ApiKey, reviewers: list[ApiKey], seed: int) -> Iterator[Added]:
    random = np.random.default_rng(seed)
    policy = load_policy(None, store_of(None).definitions())
    kinds = [(category, condition) for category in CATEGORIES for condition in CONDITIONS]
    results = {(category, condition): _result(category, condition) for category, condition in kinds}
    decisions = {key: decide(policy, result, declared_value=None, seller=None) for key, result in results.items()}
    # What became of each inspection, in no order. Of the sampled ones, as many again are decided.
    parts = [
        *(["unsure"] * size.unsure + ["sample"] * size.sample + ["second"] * size.second),
        *(["decided"] * (size.decided - size.second) + ["checked"] * size.sample),
    ]
    fates = random.permutation(parts + ["graded"] * (size.inspections - len(parts)))
    start = datetime.now(UTC) - timedelta(days=90)
    for number, fate in enumerate(fates):
        moment = start + timedelta(days=90) * (number / size.inspections)
        kind = CATEGORIES[random.integers(4)], CONDITIONS[random.integers(4)]
        value = float(np.round(random.lognormal(4, 0.8), 2))
        sure = fate in ("graded", "sample", "checked")
        inspection = Inspection(
            id=new_id(),
            created_at=moment,
            status="graded" if sure else "needs_review" if fate == "unsure" else "reviewed",
            key_id=station.id,
            idempotency_key=None,
            body_digest="0" * 64,
            item={
                "rma": f"RMA-{number}",
                "declared_value": {"amount": value, "currency": "USD"},
                "seller": SELLERS[random.integers(24)],
                "station": STATIONS[random.integers(20)],
            },
            result=results[kind],
            decision=decisions[kind],
            photos=tuple(
                StoredPhoto(at, f"{number:062x}{at:02}", "image/jpeg", 900_000, 4032, 3024) for at in range(4)
            ),
        )
        reason = None if sure else REASONS[random.integers(len(REASONS))]
        look = FirstLook(
            None if fate == "graded" else "sample" if sure else "unsure", SAMPLED if sure else None, reason, value
        )
        added = rows_of(inspection, look)
        for task in added.get(tasks, ()):
            task["done_at"] = None
        if fate in ("decided", "second", "checked"):
            _decide(added, inspection, reviewers[number % len(reviewers)], moment + timedelta(hours=2), random)
        if fate == "second":
            (first,) = added[tasks]
            again = {"id": new_id(), "kind": "second", "state": "open", "share": 0.1, "reason": None, "done_at": None}
            added[tasks].append({**first, **again, "created_at": moment + timedelta(hours=2)})
        yield added


def _decide(added: Added, inspection: Inspection, who: ApiKey, at: datetime, random: np.random.Generator) -> None:
    """Let `who` decide on the open task of the inspection, mostly as the model did."""
    (task,) = added[tasks]
    task |= {"state": "done", "done_at": at}
    graded, decision = inspection.model_condition, inspection.decision
    assert graded is not None
    assert decision is not None
    # A sampled item that is found otherwise would need a tie-break: here, all of these are right.
    blind = task["kind"] == "sample"
    condition = graded if blind or random.random() < 0.8 else CONDITIONS[random.integers(4)]
    review = Review(
        id=new_id(),
        inspection_id=inspection.id,
        decided_at=at,
        key_id=who.id,
        reviewer=who.name,
        model_condition=graded,
        condition=condition,
        disposition=decision.disposition,
        disposition_source="policy",
        defects=None,
        note=None,
        task_id=task["id"],
        kind=task["kind"],
        blind=blind,
        seconds=20.0,
    )
    added[reviews] = [row_of(review)]


def _result(category: str, condition: str) -> ItemResult:
    """What a grader says of an item with four photos, as long as it is in truth."""
    probabilities = {name: 0.97 if name == condition else 0.01 for name in CONDITIONS}
    measures = {
        "short_side": 3024.0,
        "highlight": 210.0,
        "shadow": 31.0,
        "structure": 44.0,
        "blur": 0.31,
        "detail": 22.0,
        "brightness": 128.0,
        "sharpness": 0.69,
        "warmth": 8.0,
        "tint": 0.4,
    }
    return ItemResult(
        category=CategoryCall(category, "declared", 0.98, category),
        grade=Grade(condition, probabilities, (condition,), 0.97, 0.9, 0.05),
        defects=tuple(Defect(at, "scuff", 0.8, (100.0, 200.0, 900.0, 700.0), "minor") for at in range(3)),
        quality=(Quality(True, (), measures),) * 4,
        models={category: "2026.11.1"},
        timings_ms={"read": 9.0, "queue": 1.0, "decode": 160.0, "infer": 240.0, "store": 30.0, "total": 440.0},
    )
