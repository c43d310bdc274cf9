"""What erasing costs where 100,000 inspections are stored, and what a station notices of it.

    .venv/bin/python benchmarks/erasure.py          # about 5 minutes; writes benchmarks/results/erasure.json

A station posts items of one photo of half a megapixel, one after the other: alone, while retention erases what is 89
days old, and while an admin erases items one after the other, without a pause. The rounds take turns, so that what else
the machine does falls on all alike. The data directory is filled through the tables; only the photos that are posted
are there.
"""

import json
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from desk_data import Size, fill
from photos import bodies_of, photo_of, stamped
from rig import Service, declared, parser, percentiles, write

from regrade.serving.evidence import Signer
from regrade.serving.evidence.backfill import DONE
from regrade.serving.evidence.log import append_log_step

ROUNDS = 4
DAYS = 89
"""The oldest inspections are 90 days old."""


def prepared(folder: Path, count: int) -> None:
    """A data directory of which nothing is left to be signed."""
    database, _ = fill(folder / "data", Size.of(count))
    with database.write() as connection:
        append_log_step(connection, Signer.load(folder / "data" / "keys"), DONE, {"inspections": count})
    database.close()


def posted(client: httpx.Client, bodies: list[bytes], kind: str, items: int, start: int) -> list[float]:
    """Milliseconds from a request to its answer."""
    times = []
    for number in range(start, start + items):
        body = stamped(bodies[number % len(bodies)], number)
        before = time.perf_counter()
        answer = client.post("/v1/inspections", content=body, headers={"Content-Type": kind})
        times.append((time.perf_counter() - before) * 1000)
        if answer.status_code != 201:
            raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
    return times


@contextmanager
def erasing(service: Service, times: list[float]) -> Iterator[None]:
    """An admin who erases what was posted, one after the other."""
    over = threading.Event()

    def work() -> None:
        with httpx.Client(base_url=service.url, headers=service.headers, timeout=60, trust_env=False) as client:
            while not over.is_set():
                listed = client.get("/v1/inspections", params={"limit": "50"}).json()["items"]
                for one in [one for one in listed if "erased" not in one][-10:]:
                    before = time.perf_counter()
                    client.delete(f"/v1/inspections/{one['id']}").raise_for_status()
                    times.append((time.perf_counter() - before) * 1000)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def measure(folder: Path, count: int, items: int, category: str | None) -> dict[str, Any]:
    """Start the service with and without retention in turns, and post."""
    prepared(folder, count)
    bodies, kind = bodies_of([photo_of(seed, 816, 612) for seed in range(8)], 1, category)
    station: defaultdict[str, list[float]] = defaultdict(list)
    deletions: list[float] = []
    erased, number = 0.0, 0
    for turn in range(ROUNDS):
        for what in ("alone", "retention", "requests"):
            rules = {"retention": f"graded={DAYS - turn}d,reviewed={DAYS - turn}d"} if what == "retention" else {}
            with (
                Service(rules, keep=folder) as service,
                httpx.Client(base_url=service.url, headers=service.headers, timeout=60, trust_env=False) as client,
            ):
                posted(client, bodies, kind, 3, number)
                if what == "requests":
                    with erasing(service, deletions):
                        station[what] += posted(client, bodies, kind, items, number + 3)
                else:
                    station[what] += posted(client, bodies, kind, items, number + 3)
                number += items + 3
                found = [line for line in client.get("/metrics").text.splitlines() if 'erased_total{by="ret' in line]
                erased += sum(float(line.split()[-1]) for line in found)
    return {
        "inspections": count,
        "items_each": len(station["alone"]),
        "item_ms": {what: percentiles(times) for what, times in station.items()},
        "erased_by_retention_meanwhile": int(erased),
        "erasure_by_request_ms": percentiles(deletions) | {"n": len(deletions)},
    }


def main() -> None:
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=options.folder) as made:
        found = measure(Path(made), *((2000, 5) if options.quick else (100_000, 75)), declared(options))
    write(found, "erasure", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
