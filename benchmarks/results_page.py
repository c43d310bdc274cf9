"""How fast the results page answers where 1,000,000 inspections are stored, and how fast they are written as files.

    .venv/bin/python benchmarks/results_page.py     # writes benchmarks/results/results_page.json
    .venv/bin/python benchmarks/results_page.py --postgresql --count 200000
                                                    # writes benchmarks/results/results_page_postgresql.json

The database is filled through the tables (`results_data.py`): sellers and SKUs are skewed, a fifth is decided by 12
people, and what was said of each item is as long as in truth. Then every filter of the page is asked for, alone and
together with others, with other values each time, first pages and pages further down, as an admin sees them and as a
reviewer from whom items are hidden that they may still look at blind: the time is from the question to the rows. Over
HTTP it is from the request to the last byte of the page. Files are written by a process of their own, of all rows and
of a tenth of them: its peak memory shows that it does not grow with them. Beside the pages stands what a plain page
takes, by OFFSET and without filters, halfway down. `cpu` are milliseconds of the processor in which the same was
done: where others use the machine meanwhile, they tell more than the clock does. On a server of PostgreSQL, started
for it with its usual settings, pages and the CSV are measured, after a VACUUM, which servers do by themselves.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from postgres import Cluster
from results_data import DAYS, SELLERS, SKUS, STATIONS, fill
from rich.progress import track
from rig import Service, parser, percentiles, write
from sqlalchemy import select

from regrade.models.types import CONDITIONS
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.evidence import Signer
from regrade.serving.evidence.backfill import DONE
from regrade.serving.evidence.log import append_log_step
from regrade.serving.inspections.visibility import Viewer
from regrade.serving.installation.data_dir import open_database, open_to_read
from regrade.serving.results.asked import Asked
from regrade.serving.results.figures import figures
from regrade.serving.results.files import as_csv, as_parquet
from regrade.serving.results.rows import COLUMNS, every, page, people
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import inspections
from regrade.serving.telemetry.process_memory import peak_bytes

LIMIT_MS = 150.0
LEAST_ROWS_A_SECOND = 50_000
COUNT = 1_000_000
PAGE = 50


def questions(draw: random.Random, who: list[str], now: datetime) -> dict[str, Asked]:
    """One question for each filter, and for some together; other values each time."""
    begin = now - timedelta(days=draw.uniform(2, DAYS))
    end = begin + timedelta(days=draw.uniform(0.1, 20))
    seller = f"seller-{min(int(SELLERS * draw.random() ** 2.5), SELLERS - 1):02}"
    sku = f"SKU-{min(int(SKUS * draw.random() ** 2.5), SKUS - 1):04}"
    station, condition = f"LA-{draw.randrange(STATIONS) + 1:02}", draw.choice(CONDITIONS)
    category, person = draw.choice(("apparel", "electronics", "footwear", "packaging")), draw.choice(who)
    status = draw.choice(("graded", "needs_review", "reviewed", "retake"))
    action = draw.choice(("resell_new", "repackage", "refurbish", "clearance", "destroy"))
    return {
        "none": Asked(),
        "since": Asked(since=begin),
        "until": Asked(until=end),
        "range": Asked(since=begin, until=end),
        "updated_since": Asked(updated_since=begin),
        "updated_until": Asked(updated_until=end),
        "updated of late": Asked(updated_since=now - timedelta(minutes=draw.uniform(1, 60))),
        "updated for a while": Asked(updated_since=begin, updated_until=begin + timedelta(minutes=30)),
        "condition, updated of late": Asked(condition=condition, updated_since=now - timedelta(minutes=20)),
        "updated range": Asked(updated_since=begin, updated_until=end),
        "rma": Asked(rma=f"RMA-{draw.randrange(COUNT):07}"),
        "sku": Asked(sku=sku),
        "seller": Asked(seller=seller),
        "seller, none": Asked(seller=""),
        "station": Asked(station=station),
        "category": Asked(category=category),
        "condition": Asked(condition=condition),
        "disposition": Asked(disposition=action),
        "status": Asked(status=status),
        "person": Asked(person=person),
        "automatic": Asked(by="automatic"),
        "by a person": Asked(by="person"),
        "seller, condition": Asked(seller=seller, condition=condition),
        "seller, station, status": Asked(seller=seller, station=station, status=status),
        "category, condition, disposition": Asked(category=category, condition=condition, disposition=action),
        "person, seller, range": Asked(person=person, seller=seller, since=begin, until=end),
        "sku, condition": Asked(sku=sku, condition=condition),
        "status, range": Asked(status=status, since=begin, until=end),
        "nothing fits": Asked(seller=seller, condition="unopened", disposition="destroy"),
        "seller unknown": Asked(seller="nobody"),
    }


def pages(database: Database, rounds: int, now: datetime) -> dict[str, Any]:
    """Milliseconds of each question, as an admin and as a reviewer see it; and of the page after it."""
    who = [key for key, name in people(database) if name.startswith("Reviewer")]
    reviewer = next(key for key in KeyStore(database).all_keys() if key.id == who[0])
    viewer = Viewer(reviewer, now, now - timedelta(minutes=1))
    found: dict[str, Any] = {}
    for name, sees in {"admin": None, "reviewer": viewer}.items():
        draw, times, work = random.Random(1), dict[str, list[float]](), dict[str, list[float]]()
        for _ in track(range(rounds), f"pages, {name}"):
            for what, asked in questions(draw, who, now).items():
                cursor = None
                for which in (what, f"{what}, next page"):
                    begun, used = time.perf_counter(), time.process_time()
                    cursor = page(database, asked, sees, PAGE, cursor).next_cursor
                    times.setdefault(which, []).append((time.perf_counter() - begun) * 1000)
                    work.setdefault(which, []).append((time.process_time() - used) * 1000)
                    if cursor is None:
                        break
        found[name] = {
            what: {"n": len(of), **percentiles(of, (50, 95)), "cpu": percentiles(work[what], (50, 95))}
            for what, of in times.items()
        }
    return found


def plain(database: Database, rounds: int, count: int) -> dict[str, Any]:
    """What a page by OFFSET takes, halfway down: the baseline of a page by its place."""
    times = []
    order = (inspections.c.created_at.desc(), inspections.c.id.desc())
    query = select(inspections.c.id, inspections.c.rma).order_by(*order).limit(PAGE).offset(count // 2)
    for _ in range(rounds):
        begun = time.perf_counter()
        with database.read() as connection:
            connection.execute(query).all()
        times.append((time.perf_counter() - begun) * 1000)
    return {"n": rounds, **percentiles(times, (50, 95))}


def over_http(folder: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds of whole pages, from the request to the last byte."""
    addresses = {
        "plain": "/desk/results",
        "seller": "/desk/results?seller=seller-05",
        "reviewed, used": "/desk/results?status=reviewed&condition=used",
        "updated": "/desk/results?updated_since=2026-10-01",
        "nothing fits": "/desk/results?seller=nobody",
    }
    times: dict[str, list[float]] = {name: [] for name in addresses}
    with Service(keep=folder) as service:
        key = service.headers["Authorization"].removeprefix("Bearer ")
        with httpx.Client(base_url=service.url, timeout=60, trust_env=False, headers={"Origin": service.url}) as desk:
            assert desk.post("/desk/login", data={"key": key}).status_code == 303
            for number in track(range(-3, rounds), "over HTTP"):
                for name, address in addresses.items():
                    begun = time.perf_counter()
                    assert desk.get(address).status_code == 200
                    if number >= 0:
                        times[name].append((time.perf_counter() - begun) * 1000)
    return {name: {"n": len(of), **percentiles(of, (50, 95))} for name, of in times.items()}


def exported(folder: Path, kind: str, days: int | None) -> dict[str, Any]:
    """What a process of its own tells of a file that it writes."""
    command = [sys.executable, __file__, "--export", kind, "--keep", str(folder)]
    told = subprocess.run(
        [*command, *(["--days", str(days)] if days else [])], check=True, capture_output=True, text=True
    )
    return dict(json.loads(told.stdout.splitlines()[-1]))


def export(database: Database, kind: str, days: int | None) -> dict[str, Any]:
    """Write all rows, or those of the last `days`, to nowhere: how long it took, and what was in memory."""
    asked = Asked() if days is None else Asked(since=datetime.now(UTC) - timedelta(days=days))
    names, rows, size = tuple(COLUMNS), 0, 0

    def counted() -> Iterator[list[Sequence[Any]]]:
        nonlocal rows
        for chunk in every(database, asked, None, names):
            rows += len(chunk[0])
            yield chunk

    list(page(database, asked, None, 1).rows)
    begun, used = time.perf_counter(), time.process_time()
    for part in (as_csv if kind == "csv" else as_parquet)(names, counted()):
        size += len(part)
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    peak = (peak_bytes(os.getpid()) or 0) / 2**20
    told = {"rows": rows, "mb": round(size / 1e6, 1), "seconds": round(wall, 2), "cpu_seconds": round(cpu, 2)}
    return told | {
        "rows_a_second": round(rows / wall),
        "rows_a_cpu_second": round(rows / cpu),
        "peak_mb": round(peak, 1),
    }


def on_postgresql(count: int, rounds: int) -> dict[str, Any]:
    """Pages and the CSV on a server of PostgreSQL of one's own."""
    server = Cluster(fast=False)
    try:
        database, now = Database(server.migrated()), datetime.now(UTC)
        fill(database, count, now)
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
        asked = pages(database, rounds, now)
        return {
            "inspections": count,
            **worst(asked),
            "pages_ms": asked,
            "page_by_offset_halfway_ms": plain(database, rounds, count),
            "files": {"csv": {"all": export(database, "csv", None)}},
        }
    finally:
        server.stop()


def worst(asked: dict[str, Any]) -> dict[str, float]:
    """The slowest question at the 95th percentile, by the clock and by the processor."""
    return {
        "worst_page_p95_ms": max(of["p95"] for found in asked.values() for of in found.values()),
        "worst_page_cpu_p95_ms": max(of["cpu"]["p95"] for found in asked.values() for of in found.values()),
    }


def main() -> None:
    """Fill, measure, write."""
    options = _options()
    if options.export:
        database = open_to_read(Settings(_env_file=None, data_dir=options.keep / "data"))
        sys.stdout.write(json.dumps(export(database, options.export, options.days)) + "\n")
        return
    count, rounds = (20_000, 3) if options.quick else (options.count, options.rounds)
    limits = {"page_p95_ms": LIMIT_MS, "csv_rows_a_second": LEAST_ROWS_A_SECOND}
    if options.postgresql:
        result = {"limits": limits, **on_postgresql(count, rounds)}
        sys.stdout.write(f"{write(result, 'results_page_postgresql', out=options.out)}\n")
        return
    with tempfile.TemporaryDirectory(prefix="regrade-results-") as made:
        folder = options.keep or Path(made)
        settings = Settings(_env_file=None, data_dir=folder / "data")
        there = (folder / "data" / "regrade.db").exists()
        database, now, filled = open_database(settings), datetime.now(UTC), None
        if not there:
            begun = time.perf_counter()
            fill(database, count, now)
            filled = round(count / (time.perf_counter() - begun))
            with database.write() as connection:  # nothing is left to be signed
                append_log_step(connection, Signer.load(folder / "data" / "keys"), DONE, {"inspections": count})
        asked = pages(database, rounds, now)
        begun = time.perf_counter()
        of = figures(database, Asked(since=now - timedelta(weeks=12)), None, now=now)
        drawn = {"seconds": round(time.perf_counter() - begun, 2), "items": of.items}
        baseline = plain(database, rounds, count)
        database.close()
        files = {
            "csv": {"all": exported(folder, "csv", None), "a tenth": exported(folder, "csv", DAYS // 10)},
            "parquet": {
                "all" if options.parquet_days is None else f"{options.parquet_days} days": exported(
                    folder, "parquet", options.parquet_days
                ),
                "a tenth": exported(folder, "parquet", DAYS // 10),
            },
        }
        http = over_http(folder, rounds)
        size = (folder / "data" / "regrade.db").stat().st_size
    result = {
        "inspections": count,
        "database_gb": round(size / 1e9, 2),
        "rows_filled_a_second": filled,
        "limits": limits,
        **worst(asked),
        "pages_ms": asked,
        "page_by_offset_halfway_ms": baseline,
        "http_ms": http,
        "figures_of_12_weeks": drawn,
        "files": files,
    }
    sys.stdout.write(f"{write(result, 'results_page', out=options.out)}\n")


def _options() -> argparse.Namespace:
    made = parser(__doc__, service=False)
    made.add_argument("--count", type=int, default=COUNT, help="inspections")
    made.add_argument("--rounds", type=int, default=40, help="how often each question is asked")
    made.add_argument("--keep", type=Path, help="a folder for the data, which stays; filled where it is empty")
    made.add_argument("--parquet-days", type=int, help="Parquet of as many days in place of all")
    made.add_argument("--postgresql", action="store_true", help="measure on a server of PostgreSQL in place of SQLite")
    made.add_argument("--export", choices=("csv", "parquet"), help=argparse.SUPPRESS)
    made.add_argument("--days", type=int, help=argparse.SUPPRESS)
    return made.parse_args()


if __name__ == "__main__":
    main()
