"""A database with very many inspections, written straight into the tables: results alone, without photos and steps."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import Insert, Table, column, insert
from sqlalchemy import table as lite

from regrade.models.registry.store import store_of
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import KeyStore
from regrade.serving.policy.decide import decide
from regrade.serving.policy.load import load_policy
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import DECISION, RESULT
from regrade.serving.storage.sqlite import WRITE
from regrade.serving.storage.tables import inspections, reviews, tasks

CATEGORIES: Final = ("apparel", "electronics", "footwear", "packaging")
SELLERS: Final = 24
STATIONS: Final = 20
SKUS: Final = 2000
PEOPLE: Final = 12
DAYS: Final = 180
AT_ONCE: Final = 20_000
STATUSES: Final = ("graded", "needs_review", "reviewed", "retake")
SHARES: Final = (0.72, 0.04, 0.22, 0.02)


def fill(database: Database, count: int, now: datetime | None = None, seed: int = 0) -> list[str]:
    """Store `count` inspections of the last 180 days with their tasks and decisions; the ids of who decides.

    Sellers and SKUs are skewed: few have most. Indexes of inspections are built once all are there.
    """
    keys = KeyStore(database)
    station = keys.create("station", "bench")[1].id
    people = [keys.create("reviewer", f"Reviewer {number}")[1].id for number in range(1, PEOPLE + 1)]
    with database.engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        known = {row[0] for row in connection.exec_driver_sql(_INDEXES[database.shared])}
        later = [index for index in inspections.indexes if index.name in known]
        for index in later:
            index.drop(connection)
        for rows in _rows(count, station, people, now or datetime.now(UTC), seed):
            for table, values in rows.items():
                if values:
                    connection.execute(_plain(table, values[0]), values)
        for index in later:
            index.create(connection)
        connection.exec_driver_sql("ANALYZE" if database.shared else "SELECT 1")
    return people


_INDEXES: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'inspections' AND sql IS NOT NULL",
    "SELECT indexname FROM pg_indexes WHERE tablename = 'inspections'",
)


def _plain(table: Table, values: dict[str, Any]) -> Insert:
    """An insert of what is written as the database keeps it: a million times the same JSON need not be made anew."""
    return insert(lite(table.name, *(column(name) for name in values)))


def _rows(count: int, station: str, people: list[str], now: datetime, seed: int) -> Iterator[dict[Any, list[Any]]]:
    random = np.random.default_rng(seed)
    kinds = _kinds()
    start = now - timedelta(days=DAYS)
    for begin in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - begin)
        status = random.choice(4, size, p=SHARES)
        which = random.integers(len(kinds), size=size)
        seller = _skewed(random, SELLERS, size)
        sku = _skewed(random, SKUS, size)
        bench = random.integers(STATIONS, size=size)
        who = random.integers(PEOPLE, size=size)
        changed = random.random(size) < 0.06
        seconds = random.lognormal(3.2, 0.5, size)
        sampled = random.random(size) < 0.05
        found: dict[Any, list[Any]] = {inspections: [], tasks: [], reviews: []}
        for at in range(size):
            number = begin + at
            moment = start + timedelta(days=DAYS) * (number / count)
            kind = kinds[which[at]]
            row = _inspection(number, moment, STATUSES[status[at]], station, kind, people[who[at]], int(seller[at]))
            row |= {"sku": f"SKU-{sku[at]:04}", "station": f"LA-{bench[at] + 1:02}"}
            found[inspections].append(row)
            if row["status"] == "needs_review" or (row["status"] == "graded" and sampled[at] and number > count * 0.97):
                found[tasks].append(
                    _task(number, moment, row, "unsure" if row["status"] == "needs_review" else "sample")
                )
            if row["status"] == "reviewed":
                action = kind["other"] if changed[at] and kind["other"] else kind["disposition"]
                own = action["expected_recovery"]
                row |= {"disposition": action["action"], "recovery": own["amount"]}
                found[reviews].append(_review(number, moment, row, action, float(seconds[at])))
        yield found


def _skewed(random: np.random.Generator, most: int, size: int) -> Any:
    """Numbers below `most`, the small ones often."""
    return np.minimum((most * random.random(size) ** 2.5).astype(int), most - 1)


def _kinds() -> list[dict[str, Any]]:
    policy = load_policy(None, store_of(None).definitions())
    found = []
    for category in CATEGORIES:
        for condition in CONDITIONS:
            result = _result(category, condition)
            decision = DECISION.dump_python(
                decide(policy, result, declared_value=None, seller=None), mode="json"
            )  # fmt: skip
            options = decision["disposition"]["alternatives"]
            other = None if not options else {**decision["disposition"], **options[0], "alternatives": options}
            found.append(
                {
                    "category": category,
                    "condition": condition,
                    "result": RESULT.dump_json(result).decode(),
                    "decision": json.dumps(decision),
                    "disposition": decision["disposition"],
                    "other": other,
                }
            )
    return found


def _result(category: str, condition: str) -> ItemResult:
    return ItemResult(
        category=CategoryCall(category, "declared", 0.99, category),
        grade=Grade(
            condition, {one: 0.97 if one == condition else 0.01 for one in CONDITIONS}, (condition,), 0.97, 0.9
        ),
        defects=(Defect(0, "scuff", 0.87, (10.0, 20.0, 110.0, 90.0), "minor"),),
        quality=tuple(Quality(True, (), {"brightness": 120.5, "warmth": 0.1}) for _ in range(4)),
        models={category: "2026.11.1"},
        timings_ms={"total": 12.0},
    )


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _id(number: int, moment: datetime, kind: int = 0) -> str:
    text = f"{int(moment.timestamp() * 1000):012x}7{kind:03x}8{number:015x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _inspection(
    number: int, moment: datetime, status: str, station: str, kind: dict[str, Any], who: str, seller: int
) -> dict[str, Any]:
    own = kind["disposition"]["expected_recovery"]
    graded = status != "retake"
    return {
        "id": _id(number, moment),
        "created_at": _text(moment),
        "updated_at": _text(moment + timedelta(hours=3 if status == "reviewed" else 0)),
        "status": status,
        "key_id": station,
        "idempotency_key": None,
        "body_digest": "0" * 64,
        "rma": f"RMA-{number:07}",
        "seller": f"seller-{seller:02}",
        "category": kind["category"],
        "model_condition": kind["condition"] if graded else None,
        "model_confidence": 0.97 if graded else None,
        "condition": kind["condition"] if graded else None,
        "disposition": kind["disposition"]["action"] if graded else None,
        "suggested": kind["disposition"]["action"] if graded else None,
        "recovery": own["amount"] if graded else None,
        "policy_recovery": own["amount"] if graded else None,
        "currency": own["currency"] if graded else None,
        "decided_by": who if status == "reviewed" else None,
        "item": f'{{"rma": "RMA-{number:07}"}}',
        "result": kind["result"],
        "decision": kind["decision"],
        "revision": 1,
        "sample_share": 0.05 if status == "graded" else None,
    }


def _task(number: int, moment: datetime, row: dict[str, Any], look: str) -> dict[str, Any]:
    own = {"id": _id(number, moment, 1), "inspection_id": row["id"], "kind": look, "state": "open"}
    copies = {name: row[name] for name in ("created_at", "category", "seller", "station")}
    return {**own, **copies, "reason": "confidence_short" if look == "unsure" else None}


def _review(
    number: int, moment: datetime, row: dict[str, Any], action: dict[str, Any], seconds: float
) -> dict[str, Any]:
    return {
        "id": _id(number, moment, 2),
        "inspection_id": row["id"],
        "decided_at": row["updated_at"],
        "key_id": row["decided_by"],
        "reviewer": "Reviewer",
        "model_condition": row["model_condition"],
        "condition": row["condition"],
        "disposition": json.dumps(action),
        "disposition_source": "policy",
        "defects": None,
        "seconds": round(seconds, 1),
        "role": "reviewer",
    }
