"""What signed evidence costs: of a stored item, of an upgrade with many old inspections, of a full check.

    .venv/bin/python benchmarks/evidence.py        # about 3 minutes; writes benchmarks/results/evidence.json

A data directory is filled through the tables with inspections of before steps were signed. They are signed as a service
does after an upgrade, but without its pauses; then the check of evidence by `regrade store verify` is timed over all.
Items are stored with their evidence and, in turns, without it: rows alone, in a transaction that is as durable (SQLite,
write-ahead log, synchronous=FULL). Times of the CPU stand beside those of the clock, which other work makes longer.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from desk_data import Size, fill
from rich.progress import track
from rig import parser, percentiles, write
from sqlalchemy import insert, select, text

from regrade.serving.evidence import Signer
from regrade.serving.evidence.backfill import Backfill, sign_batch
from regrade.serving.evidence.head import HeadFile
from regrade.serving.evidence.store_check import check_evidence
from regrade.serving.inspections.store import InspectionStore, asked_for, find, rows_of
from regrade.serving.storage.database import Database
from regrade.serving.storage.records import Inspection, new_id
from regrade.serving.storage.tables import inspections


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it, in a data directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        data_dir = Path(folder) / "data"
        database, _ = fill(data_dir, Size.of(options.inspections))
        signer = Signer.load(data_dir / "keys")
        start = _seconds(lambda: _start(database, signer))
        began = time.process_time()
        batches = _upgrade(database, signer)
        upgraded = time.process_time()
        check = _seconds(lambda: _check(database, data_dir / "keys"))
        checked = time.process_time()
        bytes_each = _bytes_each(database)
        stored = _store(database, signer, options.rounds)
        database.close()
    count = options.inspections
    return {
        "inspections": count,
        "upgrade": {
            "start_waits_ms": round(start * 1000, 1),
            "ms_per_inspection": round(sum(batches) / count, 3),
            "cpu_ms_per_inspection": round((upgraded - began) * 1000 / count, 3),
            "writers_wait_ms": percentiles(batches),
        },
        "check_ms_per_inspection": round(check * 1000 / count, 3),
        "check_cpu_ms_per_inspection": round((checked - upgraded) * 1000 / count, 3),
        "bytes_per_inspection": bytes_each,
        "store_ms": stored,
        "head_file_ms": _head(signer, options.rounds),
    }


def _start(database: Database, signer: Signer) -> None:
    """What the start of a service waits for, and not what it does afterwards beside its work."""
    backfill = Backfill(database, signer)
    backfill.start()
    backfill.stop()


def _upgrade(database: Database, signer: Signer) -> list[float]:
    """Milliseconds of each transaction."""
    took: list[float] = []
    last: str | None = ""
    while last is not None:
        began = time.perf_counter()
        last = sign_batch(database, signer, last)
        took.append((time.perf_counter() - began) * 1000)
    backfill = Backfill(database, signer)
    backfill.start()
    backfill.wait()
    return took


def _check(database: Database, keys: Path) -> None:
    report = check_evidence(database, keys)
    assert not report.findings, report.findings[:3]


def _bytes_each(database: Database) -> dict[str, int]:
    """Of the steps and of the rest of an inspection, as text."""
    steps = "SELECT avg(length(jws) + length(view_signature)) FROM evidence_steps WHERE seq = 0"
    kept = "SELECT sum(length(disclosure)) / count(DISTINCT inspection_id) FROM evidence_disclosures"
    rest = "SELECT avg(length(item) + length(result) + coalesce(length(decision), 0)) FROM inspections"
    with database.read() as connection:
        found = {name: connection.execute(text(query)).scalar() for name, query in
                 (("signed", steps), ("personal", kept), ("rows", rest))}  # fmt: skip
    return {name: round(value or 0) for name, value in found.items()}


def _store(database: Database, signer: Signer, rounds: int) -> dict[str, Any]:
    """Items stored with evidence and without, in turns, so that both see the same disk."""
    store = InspectionStore(database, signer=signer)
    ways: dict[str, Callable[[Inspection], object]] = {
        "with evidence": store.insert,
        "without": lambda inspection: _rows_alone(database, inspection),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    used = dict.fromkeys(ways, 0.0)
    with database.read() as connection:
        sample = find(connection, connection.execute(select(inspections.c.id).limit(1)).scalar_one())
    for _ in track(range(rounds), "storing"):
        for name, keep in ways.items():
            made, began = _like(sample), time.process_time()
            took[name].append(_seconds(partial(keep, made)) * 1000)
            used[name] += time.process_time() - began
    return {
        name: percentiles(values, digits=2) | {"cpu_mean": round(used[name] * 1000 / rounds, 2)}
        for name, values in took.items()
    }


def _like(sample: Inspection) -> Inspection:
    return replace(sample, id=new_id(), reviews=(), idempotency_key=None)


def _rows_alone(database: Database, inspection: Inspection) -> None:
    with database.write() as connection:
        for table, values in rows_of(inspection, asked_for(inspection)).items():
            connection.execute(insert(table), values)


def _head(signer: Signer, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        head = HeadFile(Path(folder), signer.sign, signer.known)
        took = [_seconds(partial(head.advance, index, "0" * 64)) for index in range(rounds)]
    return percentiles([seconds * 1000 for seconds in took], digits=3)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    made = parser(__doc__, service=False)
    made.add_argument("--folder", type=Path, help="where the data directory is made (default: the temporary folder)")
    made.add_argument("--inspections", type=int, default=20_000)
    made.add_argument("--rounds", type=int, default=500, help="items stored each way")
    options = made.parse_args()
    if options.quick:
        options.inspections, options.rounds = 2000, 20
    print(write(measure(options), "evidence", out=options.out))


if __name__ == "__main__":
    main()
