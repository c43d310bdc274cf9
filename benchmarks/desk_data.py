"""A data directory with as many inspections as a site collects in months, written straight into the tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.auth import ApiKey, KeyStore
from regrade.serving.db import Database
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import load_policy
from regrade.serving.records import DECISION, DISPOSITION, RESULT, new_id
from regrade.serving.runtime import open_database
from regrade.serving.settings import Settings
from regrade.serving.tables import inspection_photos, inspections, reviews, tasks

CATEGORIES = ("apparel", "electronics", "footwear", "packaging")
SELLERS = tuple(f"seller-{number:02}" for number in range(24))
STATIONS = tuple(f"LA-{number:02}" for number in range(1, 21))
REASONS = ("confidence_short", "no_guarantee", "value_at_risk", "rule", "relist_unsure", "category_mismatch")
Added = Mapping[Any, list[dict[str, Any]]]
"""Rows to add, by table."""

ROWS = 2000
"""Inspections that are written at once."""


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
    rows: dict[Any, list[dict[str, Any]]] = {table: [] for table in (inspections, inspection_photos, tasks, reviews)}
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


def _rows(
    size: Size, station: ApiKey, reviewers: list[ApiKey], seed: int
) -> Iterator[Mapping[Any, list[dict[str, Any]]]]:
    random = np.random.default_rng(seed)
    policy = load_policy()
    templates = {
        (category, condition): _result(category, condition) for category in CATEGORIES for condition in CONDITIONS
    }
    dumped = {key: RESULT.dump_python(result, mode="json") for key, result in templates.items()}
    decisions = {key: decide(policy, result, declared_value=None, seller=None) for key, result in templates.items()}
    # What became of each inspection, in no order.
    parts = [
        *(["unsure"] * size.unsure + ["sample"] * size.sample + ["second"] * size.second),
        *["decided"] * (size.decided - size.second),
    ]
    fates = random.permutation(parts + ["graded"] * (size.inspections - len(parts)))
    start = datetime.now(UTC) - timedelta(days=90)
    for number, fate in enumerate(fates):
        moment = start + timedelta(days=90) * (number / size.inspections)
        category, condition = CATEGORIES[random.integers(4)], CONDITIONS[random.integers(4)]
        key = (category, condition)
        seller, place = SELLERS[random.integers(24)], STATIONS[random.integers(20)]
        value = float(np.round(random.lognormal(4, 0.8), 2))
        name = new_id()
        copies = {"category": category, "seller": seller, "station": place}
        graded = fate in ("graded", "sample")
        item = {"rma": f"RMA-{number}", "declared_value": {"amount": value, "currency": "USD"}, **copies}
        added: dict[Any, list[dict[str, Any]]] = {
            inspections: [
                {
                    "id": name,
                    "created_at": moment,
                    "status": "graded" if graded else "needs_review" if fate == "unsure" else "reviewed",
                    "key_id": station.id,
                    "body_digest": "0" * 64,
                    "rma": item["rma"],
                    "model_condition": condition,
                    "model_confidence": 0.97,
                    "sample_share": 0.05 if graded else None,
                    "item": item,
                    "result": dumped[key],
                    "decision": DECISION.dump_python(decisions[key], mode="json"),
                    **copies,
                }
            ],
            inspection_photos: [
                {"inspection_id": name, "position": at, "sha256": f"{number:062x}{at:02}", "media_type": "image/jpeg"}
                | {"size": 900_000, "width": 4032, "height": 3024}
                for at in range(4)
            ],
        }
        task = {"inspection_id": name, "state": "open", "created_at": moment, "value": value, "share": None, **copies}
        task |= {"reason": None, "done_at": None}
        asked = {"kind": "unsure", "reason": REASONS[random.integers(len(REASONS))]}
        if fate in ("unsure", "sample"):
            own = asked if fate == "unsure" else {"kind": "sample", "share": 0.05}
            added[tasks] = [task | own | {"id": new_id()}]
        elif fate in ("decided", "second"):
            decided_at, who = moment + timedelta(hours=2), reviewers[number % len(reviewers)]
            first = task | asked | {"id": new_id(), "state": "done", "done_at": decided_at}
            second = task | {"id": new_id(), "kind": "second", "created_at": decided_at, "share": 0.1}
            added[tasks] = [first, second] if fate == "second" else [first]
            added[reviews] = [
                {
                    "id": new_id(),
                    "inspection_id": name,
                    "decided_at": decided_at,
                    "key_id": who.id,
                    "reviewer": who.name,
                    "model_condition": condition,
                    "condition": condition,
                    "disposition": DISPOSITION.dump_python(decisions[key].disposition, mode="json"),
                    "disposition_source": "policy",
                    "task_id": first["id"],
                    "kind": "unsure",
                    "blind": False,
                    "seconds": 20.0,
                }
            ]
        yield added


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
    }
    return ItemResult(
        category=CategoryCall(category, "declared", 0.98, category),
        grade=Grade(condition, probabilities, (condition,), 0.97, 0.9),
        defects=tuple(Defect(at, "scuff", 0.8, (100.0, 200.0, 900.0, 700.0), "minor") for at in range(3)),
        quality=(Quality(True, (), measures),) * 4,
        models={category: "2026.11.1"},
        timings_ms={"read": 9.0, "queue": 1.0, "decode": 160.0, "infer": 240.0, "store": 30.0, "total": 440.0},
    )
