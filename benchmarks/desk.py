"""How fast the review desk answers where 100,000 inspections are stored, 20,000 of which wait for a look.

    .venv/bin/python benchmarks/desk.py          # about 3 minutes; writes benchmarks/results/desk.{json,png}

The data directory is filled through the tables; then the desk's own methods are timed one after another, each from call
to return with everything that the database does in between: claims, pages of the queue with their counts, decisions and
undos, by 8 reviewers in turn. Then, over HTTP, what a reviewer waits for: the page `/desk`, plain and filtered, and
claims and decisions through the API. Writes are as durable as in service (SQLite, write-ahead log, synchronous=FULL).
Beside the times stands how SQLite finds the rows of each call (EXPLAIN QUERY PLAN).
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from charts import desk_figure
from desk_data import Size, fill
from rich.progress import track
from rig import Service, parser, percentiles, write
from sqlalchemy import event

from regrade.models.registry.store import store_of
from regrade.serving.access.keys import ApiKey
from regrade.serving.evidence import Signer
from regrade.serving.review import Desk, Filters, Lottery, Verdict
from regrade.serving.rubric.in_force import in_force
from regrade.serving.storage.database import Database

T = TypeVar("T")

LIMIT_MS = 100.0
"""What a claim and a page of the queue may take, at the 95th percentile."""

FILTERS = {
    "all": Filters(),
    "category": Filters(category="footwear"),
    "seller": Filters(seller="seller-07"),
    "seller and station": Filters(seller="seller-07", station="LA-07"),
    "reason": Filters(reason="value_at_risk"),
    "value": Filters(min_value=200.0),
    "age": Filters(older_than=timedelta(days=30)),
    "blind": Filters(kind="blind"),
    "none fits": Filters(category="toys"),
}


PAGES = {
    "queue page, all": "/desk",
    "queue page, seller": "/desk?seller=seller-07",
    "queue page, reason": "/desk?reason=value_at_risk",
    "queue page, age": "/desk?older_than=168",
}
"""Addresses of the page that a reviewer opens."""


class Plans:
    """How SQLite finds the rows that each call reads, as it says itself; the first time that the call is made."""

    def __init__(self, database: Database) -> None:
        self.of: dict[str, list[str]] = {}
        self.call = ""
        event.listen(database.engine, "before_cursor_execute", self._explain)

    def begin(self, call: str) -> None:
        """What follows is `call`; nothing is explained of one that was made before."""
        self.call = "" if call in self.of else call
        self.of.setdefault(call, [])

    def _explain(self, connection: Any, cursor: Any, statement: str, given: Any, context: Any, many: bool) -> None:
        if not self.call or many or not statement.startswith("SELECT"):
            return
        plain = cursor.connection.cursor()
        plain.execute(f"EXPLAIN QUERY PLAN {statement}", given)
        self.of[self.call].append("; ".join(row[3] for row in plain.fetchall()))
        plain.close()


class Clock:
    """Times calls, in milliseconds, by what was called."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans
        self.times: dict[str, list[float]] = {}

    def __call__(self, name: str, what: Callable[[], T]) -> T:
        """Do `what`, and note how long it took as a call of `name`."""
        self.plans.begin(name)
        begun = time.perf_counter()
        found = what()
        self.times.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        self.plans.call = ""
        return found


def measure(desk: Desk, reviewers: Sequence[ApiKey], rounds: int, clock: Clock) -> None:
    """Every call `rounds` times, by the reviewers in turn."""
    for name, filters in track(FILTERS.items(), "claims and pages"):
        for number in range(rounds):
            reviewer = reviewers[number % len(reviewers)]
            clock(f"queue page, {name}", partial(desk.queue_page, reviewer, filters))
            claimed = clock(f"claim, {name}", partial(desk.claim, reviewer, filters))
            if claimed is not None:
                desk.release(claimed.task.id, reviewer)
    cursor = None
    for number in range(40):
        page = partial(desk.queue_page, reviewers[0], cursor=cursor)
        cursor = (clock("queue page, far down", page) if number >= 20 else page()).next_cursor
    for number in track(range(rounds), "decisions"):
        work_off(desk, reviewers[number % len(reviewers)], clock, undo=number % 10 == 0)


def work_off(desk: Desk, reviewer: ApiKey, clock: Clock, *, undo: bool) -> None:
    """One item as a page has it: claimed, the next one held, decided; with `undo`, undone and decided again."""
    claimed = clock("claim, the one held", partial(desk.claim, reviewer))
    assert claimed is not None
    clock("hold the next", partial(desk.hold_next, reviewer))
    name, verdict = claimed.inspection.id, Verdict("used")
    clock("decide", partial(desk.decide, name, claimed.token, reviewer, verdict))
    if undo:
        again = clock("undo", partial(desk.undo, name, reviewer))
        desk.decide(name, again.token, reviewer, verdict)


def over_http(service: Service, clock: Clock, rounds: int) -> None:
    """What a reviewer waits for, from the request to the last byte of the answer."""
    key = service.headers["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False, headers={"Origin": service.url}) as browser:
        assert browser.post("/desk/login", data={"key": key}).status_code == 303
        for number in track(range(-3, rounds), "over HTTP"):
            for name, address in PAGES.items():
                answer = _answered(clock, number, f"{name}, HTTP", partial(browser.get, address))
                assert answer.status_code == 200
            claimed = _answered(
                clock, number, "claim, HTTP", partial(browser.post, "/v1/reviews/claim", headers=service.headers)
            ).json()
            body = {"lease": claimed["lease"]["token"], "condition": "used"}
            address = f"/v1/reviews/{claimed['inspection']['id']}"
            decide = partial(browser.post, address, json=body, headers=service.headers)
            assert _answered(clock, number, "decide, HTTP", decide).status_code == 200


def _answered(clock: Clock, number: int, name: str, ask: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer; the first ones, of negative number, warm the service up."""
    return ask() if number < 0 else clock(name, ask)


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--folder", type=Path, help="where the data directory is made (default: the temporary folder)")
    made.add_argument("--inspections", type=int, default=100_000)
    made.add_argument("--rounds", type=int, default=200, help="calls of each kind")
    options = made.parse_args()
    if options.quick:
        options.inspections, options.rounds = 4000, 10
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        size = Size.of(options.inspections)
        begun = time.perf_counter()
        database, reviewers = fill(Path(folder) / "data", size)
        filled = time.perf_counter() - begun
        lottery, hour = Lottery(bytes(32)), timedelta(hours=1)
        rules = in_force(store_of(None))
        desk = Desk(database, lambda: rules, lottery, lease=hour, undo=hour, signer=Signer.generate())
        plans = Plans(database)
        measure(desk, reviewers, 2, Clock(plans))  # caches fill, and every call is explained, outside the clock
        clock = Clock(plans)
        measure(desk, reviewers, options.rounds, clock)
        database.close()
        with Service(keep=Path(folder)) as service:
            over_http(service, clock, options.rounds)
        megabytes = (Path(folder) / "data" / "regrade.db").stat().st_size / 1e6
    found = {name: percentiles(values, digits=2) | {"calls": len(values)} for name, values in clock.times.items()}
    bounded = {name: one["p95"] for name, one in found.items() if name.startswith(("queue page", "claim"))}
    result = {
        "inspections": size.inspections,
        "open_tasks": size.unsure + size.sample + size.second,
        "database_mb": round(megabytes, 1),
        "filled_in_s": round(filled, 1),
        "limit_ms": LIMIT_MS,
        "worst_p95_ms": max(bounded.values()),
        "within_limit": max(bounded.values()) < LIMIT_MS,
        "milliseconds": found,
        "plans": plans.of,
    }
    write(result, "desk", desk_figure(result), options.out)
    for name, one in found.items():
        print(
            f"{name:32} p50 {one['p50']:7.2f}  p95 {one['p95']:7.2f}  max {one['max']:7.2f} ms  ({one['calls']} calls)"
        )
    print(f"worst p95 of claims and queue pages: {result['worst_p95_ms']:.1f} ms (limit {LIMIT_MS:.0f} ms)")


if __name__ == "__main__":
    main()
