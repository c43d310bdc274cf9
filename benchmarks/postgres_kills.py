"""Several services on one PostgreSQL, and `kill -9` of a service or of the server under work: what is lost?

    .venv/bin/python benchmarks/postgres_kills.py    # 20 of each, writes benchmarks/results/postgres_kills.json

Stations post items, reviewers decide, an admin erases; each request goes to any of the services, and again until it is
answered. What `kill_check` finds missing afterwards is listed, and how long it took until somebody was answered again.
"""

import json
import random
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kill_check import check
from postgres import Cluster
from rig import parser, write
from several import Round, Several, Victim, Work, end_all, kill

from regrade.serving.storage.database import Database


def measure(folder: Path | None, kills: int, services: int) -> dict[str, Any]:
    """So many kills of each kind, in turn, and what is wrong afterwards."""
    cluster = Cluster(fast=False)
    try:
        with tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=folder) as made:
            site, began = Several.on(cluster, Path(made), services), time.monotonic()
            site.start_all()
            work, chance = Work(site), random.Random(1)
            work.begin()
            rounds: list[Round] = []
            victims: tuple[Victim, ...] = ("database", "service")
            try:
                for number in range(2 * kills):
                    rounds.append(kill(work, cluster, victims[number % 2], chance))
            finally:
                work.stopped.set()
            told = work.end()
            codes = end_all(site)
            counted = {"items": len(told.items), "decisions": len(told.decisions), "erasures": len(told.erased)}
            return {
                "services": services,
                "kills": {victim: sum(one.victim == victim for one in rounds) for victim in victims},
                "acknowledged": {"total": told.count, **counted},
                **check(site, told),
                "other_exit_codes": codes,
                "claimed_twice": claimed_twice(site.settings["REGRADE_DATABASE_URL"]),
                "recovery_seconds": {victim: _spread(rounds, victim) for victim in victims},
                "answers": dict(sorted(told.answers.items())),
                "rounds": [asdict(one) for one in rounds],
                "minutes": round((time.monotonic() - began) / 60, 1),
            }
    finally:
        cluster.stop()


def claimed_twice(url: str) -> int:
    """Tasks that have two decisions which were not taken back."""
    database = Database(url, read_only=True)
    with database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT count(*) FROM (SELECT task_id FROM reviews WHERE id NOT IN (SELECT review_id FROM review_undos) "
            "GROUP BY task_id HAVING count(*) > 1) AS twice"
        ).scalar_one()
    database.close()
    return int(found)


def _spread(rounds: list[Round], victim: Victim) -> dict[str, float]:
    found = sorted(one.recovery for one in rounds if one.victim == victim)
    return {"median": found[len(found) // 2], "longest": found[-1]} if found else {}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--kills", type=int, default=20, help="of each kind")
    made.add_argument("--services", type=int, default=2)
    options = made.parse_args()
    found = measure(options.folder, 2 if options.quick else options.kills, options.services)
    write(found, "postgres_kills", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
