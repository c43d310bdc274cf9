"""SQLite beside PostgreSQL on the same disk: how long it takes to store an item, to claim one, to show a page.

    .venv/bin/python benchmarks/databases.py      # writes benchmarks/results/databases.json

A data directory is filled, copied to PostgreSQL as by `regrade store copy`, and both do the same in turns: durable,
each call from its beginning to its return. PostgreSQL is reached by a socket; over a network each call takes some round
trips more.
"""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from desk_data import Size, fill
from postgres import Cluster
from rig import parser, percentiles, write

from regrade.models.registry.store import store_of
from regrade.models.types import CONDITIONS, CategoryCall, Defect, Grade, ItemResult, Quality
from regrade.serving.access.keys import ApiKey
from regrade.serving.evidence import Signer
from regrade.serving.inspections.listing import Filters as Listed
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.installation.copying import copy_site
from regrade.serving.policy.decide import decide
from regrade.serving.review import Desk, Lottery, Verdict
from regrade.serving.rubric.in_force import InForce, in_force
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection, StoredPhoto, new_id

GOAL = 2.0
"""How many times as long as on SQLite a call on PostgreSQL may take, at the 95th percentile."""


class Bench:
    """The same site on one of the databases."""

    def __init__(self, database: Database, rules: InForce, reviewers: list[ApiKey]) -> None:
        self.database, self._rules, self.reviewers = database, rules, reviewers
        signer = Signer.generate()
        self.store = InspectionStore(database, signer=signer)
        times: dict[str, Any] = {"lease": timedelta(minutes=10), "undo": timedelta(seconds=60)}
        self.desk = Desk(database, lambda: rules, Lottery(bytes(32)), **times, signer=signer)

    def calls(self, number: int) -> dict[str, Callable[[], object]]:
        """What is timed, in order."""
        reviewer = self.reviewers[number % len(self.reviewers)]
        item = self._item(reviewer)

        def claim() -> None:
            self._claimed = self.desk.claim(reviewer)

        def decision() -> None:
            assert self._claimed is not None
            self.desk.decide(self._claimed.inspection.id, self._claimed.token, reviewer, Verdict("used"))

        return {
            "store": lambda: self.store.insert(item),
            "claim": claim,
            "decide": decision,
            "page of the queue": lambda: self.desk.queue_page(reviewer),
            "page of inspections": lambda: self.store.page(Listed(), 50, None),
            "one inspection": lambda: self.store.get(item.id),
        }

    def _item(self, key: ApiKey) -> Inspection:
        likely = dict(zip(CONDITIONS, (0.1, 0.2, 0.4, 0.3), strict=True))
        result = ItemResult(
            category=CategoryCall("footwear", "declared", 0.99, "footwear"),
            grade=Grade("used", likely, ("used", "damaged"), 0.4, None),
            defects=(Defect(0, "scuff", 0.87, (10.0, 20.0, 110.0, 90.0), "minor"),),
            quality=tuple(Quality(True, (), {"brightness": 120.5, "warmth": 0.1}) for _ in range(4)),
            models={"footwear": "2026.11.1"},
            timings_ms={"total": 12.0},
        )
        decided = decide(self._rules.policy, result, declared_value=None, seller=None)
        photos = tuple(StoredPhoto(n, f"{n}{new_id()}".ljust(64, "0")[:64], "image/jpeg", 9, 9, 9) for n in range(4))
        item = {"rma": "RMA-1", "category": "footwear"}
        name = new_id()
        moment = datetime.now(UTC)
        return Inspection(name, moment, "needs_review", key.id, name, "d" * 64, item, result, decided, photos)


def measure(folder: Path | None, inspections: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of each call on both, at percentiles, and how many times as long it takes on PostgreSQL."""
    cluster = Cluster(fast=False)
    try:
        with tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=folder) as made:
            lite, reviewers = fill(Path(made), Size.of(inspections))
            large = Database(cluster.migrated())
            began = time.perf_counter()
            rows = sum(one.rows for one in copy_site(lite, large))
            copied = time.perf_counter() - began
            with large.engine.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
            rules = in_force(store_of(None))
            benches = {"sqlite": Bench(lite, rules, reviewers), "postgresql": Bench(large, rules, reviewers)}
            found: dict[str, dict[str, list[float]]] = {}
            for number in range(-5, rounds):
                order = list(benches) if number % 2 else list(reversed(benches))
                calls = {name: benches[name].calls(number) for name in order}
                for call in calls["sqlite"]:
                    for name in order:
                        began = time.perf_counter()
                        calls[name][call]()
                        if number >= 0:  # the first few find nothing in any cache
                            kept = found.setdefault(call, {}).setdefault(name, [])
                            kept.append((time.perf_counter() - began) * 1000)
            lite.close()
            large.close()
    finally:
        cluster.stop()
    times = {call: {n: percentiles(v, (50, 95), 2) for n, v in by.items()} for call, by in found.items()}
    ratios = {call: round(by["postgresql"]["p95"] / by["sqlite"]["p95"], 2) for call, by in times.items()}
    return {
        "inspections": inspections,
        "rounds": rounds,
        "copy": {"rows": rows, "seconds": round(copied, 1)},
        "milliseconds": times,
        "p95_ratio": ratios,
        "goal": GOAL,
        "within": all(ratios[call] <= GOAL for call in ("store", "claim", "page of the queue")),
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--inspections", type=int, default=20_000)
    made.add_argument("--rounds", type=int, default=400)
    options = made.parse_args()
    size = (500, 10) if options.quick else (options.inspections, options.rounds)
    found = measure(options.folder, *size)
    write(found, "databases", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
