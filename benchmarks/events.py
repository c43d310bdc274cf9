"""Whether each decision reaches four receivers, in order, however they and the service fail; and what deciding costs.

    .venv/bin/python benchmarks/events.py          # about 15 minutes; writes benchmarks/results/events.json

A process decides on items at the desk and delivers, as the service does, and is killed (SIGKILL) at random moments
after its first decision, and started again until all is decided. Of its receivers one is well, one is down for half of
the time (it closes connections without a word), one takes 0.3 s to answer and one answers 500 to three in ten. Then
what they were sent is compared with what the database says happened. What each kill interrupted is noted: where fewer
than three in four found work, or nothing at all came twice, they have proven nothing, and that is an error.
Delays are shortened: 0.05 to 2 s in place of 5 s to 20 h.

Beside it, what a decision costs: blocks of decisions with a webhook that is sent all of it, and blocks with none, take
turns in one process, the receiver is another; 95th percentiles of neighbours are compared. Once decisions follow one
another without a pause, as at no desk, and once there are 0.05 s between them, as at a desk of a hundred people.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from desk_data import Size, fill
from rig import bootstrap_ratio, interval, parser, percentiles, write
from sqlalchemy import func, select

from regrade.serving.access.keys import ApiKey, KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.events.attempts import Reach, Told
from regrade.serving.events.dispatcher import Dispatcher
from regrade.serving.events.endpoints import By, Endpoints
from regrade.serving.events.queue import Schedule
from regrade.serving.events.signing import Secrets
from regrade.serving.evidence import Signer
from regrade.serving.http.routes.events.out import event_bytes
from regrade.serving.installation.data_dir import open_database
from regrade.serving.outbox.tables import events, webhook_deliveries
from regrade.serving.review import Desk, Filters, Lottery, Verdict
from regrade.serving.rubric.in_force import in_force
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import tasks

HERE: Final = (ip_network("127.0.0.0/8"),)
FAST: Final = Schedule(delays=(0.05, 0.1, 0.2, 0.5, 1.0, 2.0), longest_silence=2.0)
BY: Final = By(user="benchmark")
DOWN: Final = 0
Seen = list[tuple[str, str, str]]
"""What came, in its order: the event's id, its type, and the inspection's id."""


class Server(ThreadingHTTPServer):
    """Says nothing of senders that were killed amid a request: that is what is being tried."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Receiver:
    """A server on this machine. `kind` says how it fails."""

    def __init__(self, kind: str) -> None:
        self.kind, self.seen, self.begun = kind, Seen(), time.monotonic()
        self._lock, self._random = threading.Lock(), random.Random(kind)
        handler = self._handler()
        self.server = Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self, body: bytes) -> int:
        """The status that an event is answered with, `DOWN` for none; what is taken is noted first."""
        event = json.loads(body)
        if self.kind == "down" and int(time.monotonic() - self.begun) % 20 < 10:
            return DOWN
        if self.kind == "slow":
            time.sleep(0.3)
        with self._lock:
            if self.kind == "500" and self._random.random() < 0.3:
                return 500
            self.seen.append((event["id"], event["type"], event["data"]["id"]))
        return 204

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # whoever sent it was killed amid it
                    self.close_connection = True
                    return
                if (status := taken(body)) == DOWN:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class Site:
    """A desk and what delivers, on a data directory."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(_env_file=None, data_dir=folder, webhook_networks="127.0.0.0/8")
        self.database: Database = open_database(settings)
        rules = in_force(settings.bundle_store, None, None)
        keys = folder / "keys"
        times: dict[str, Any] = {"lease": timedelta(minutes=10), "undo": timedelta(seconds=60)}
        lottery, signer = Lottery.load(keys), Signer.load(keys)
        self.desk = Desk(self.database, lambda: rules, lottery, signer=signer, **times)
        secrets = Secrets.load(keys)
        self.endpoints = Endpoints(self.database, secrets)
        self.dispatcher = Dispatcher(self.database, secrets, Reach(HERE), alone=True, days=90, schedule=FAST)
        self.write = lambda event: event_bytes(event, rules.rubrics)

    def undecided(self) -> list[str]:
        """The items that somebody must look at, oldest first."""
        query = select(tasks.c.inspection_id).where(tasks.c.state == "open", tasks.c.kind == "unsure")
        with self.database.read() as connection:
            return list(connection.execute(query.order_by(tasks.c.created_at)).scalars())

    def reviewers(self) -> list[ApiKey]:
        """Those who may decide."""
        return [key for key in KeyStore(self.database).all_keys() if key.role == "reviewer"]

    def decide(self, inspection_id: str, reviewer: ApiKey) -> float:
        """Claim and decide; the milliseconds of the decision alone."""
        claimed = self.desk.claim(reviewer, Filters(inspection_id=inspection_id))
        if claimed is None:
            raise RuntimeError(f"{inspection_id} cannot be claimed")
        begun = time.perf_counter()
        self.desk.decide(inspection_id, claimed.token, reviewer, Verdict("used"))
        return (time.perf_counter() - begun) * 1000

    def waiting(self) -> int:
        """Deliveries that have not come to an end."""
        pending = select(func.count()).where(webhook_deliveries.c.state == "pending")
        with self.database.read() as connection:
            found = connection.execute(pending).scalar_one()
        return int(found) + sum(one.behind or 0 for one in self.endpoints.all())


def work(folder: Path) -> None:
    """Decide on all there is, take every tenth back and decide anew, and go on delivering until killed."""
    site = Site(folder)
    site.dispatcher.start(Told(site.write, site.write))
    reviewer = site.reviewers()[0]
    for number, inspection_id in enumerate(site.undecided()):
        site.decide(inspection_id, reviewer)
        if number == 0:
            _say("started")
        if number % 10 == 0:
            site.desk.undo(inspection_id, reviewer)
            site.decide(inspection_id, reviewer)
    _say("decided")
    while site.waiting():
        time.sleep(0.5)
    _say("delivered")
    site.dispatcher.stop()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


@contextmanager
def worker(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The process that decides and delivers."""
    command = [sys.executable, __file__, "--worker", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def delivered(folder: Path, kills: int, seed: int, longest: float) -> dict[str, Any]:
    """Decide and deliver through `kills` kills, each after `longest` seconds at the most; what every receiver was sent,
    against what happened. Where that is a second or less, only whether it runs is tried."""
    receivers = [Receiver(kind) for kind in ("well", "down", "slow", "500")]
    site = Site(folder)
    hooks = {one.kind: site.endpoints.add(one.url, BY).id for one in receivers}
    chance, begun, interrupted = random.Random(seed), time.monotonic(), []
    for _ in range(kills):
        with worker(folder) as process:
            if (said := _next(process)) != "started":
                raise RuntimeError(f"{said!r} before the last kill: give it more items, or fewer kills")
            time.sleep(chance.uniform(0.2, longest))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        interrupted.append({"undecided": len(site.undecided()), "on_their_way": site.waiting()})
    with worker(folder) as process:
        ended = [word for word in (_next(process) for _ in range(3)) if word != "started"]
    if ended[:2] != ["decided", "delivered"]:
        raise RuntimeError(f"the last process ended with {ended}")
    undecided = len(site.undecided())
    with site.database.read() as connection:
        rows = connection.execute(select(events).order_by(events.c.number)).all()
    site.database.close()
    found = {one.kind: _judged(one.seen, rows) for one in receivers}
    decided = sum(row.type == "inspection.decided" for row in rows)
    busy = sum(one["undecided"] > 0 and one["on_their_way"] > 0 for one in interrupted)
    again = sum(one["more_than_once"] for one in found.values())
    if longest > 1 and (busy < 0.75 * kills or not again):
        raise RuntimeError(f"{busy} of {kills} kills found work, {again} events came twice: nothing is proven")
    return {
        **{"decisions": decided, "undecided": undecided, "events": len(rows), "webhooks": len(hooks)},
        **{"kills": kills, "kills_amid_work": busy, "at_each_kill": interrupted},
        **{"seconds": round(time.monotonic() - begun, 1), "receivers": found},
    }


def _next(process: "subprocess.Popen[str]") -> str:
    """What the process says next; empty once it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _judged(seen: Seen, rows: Any) -> dict[str, int]:
    """How many events a receiver was never sent, or sent more than once, and in how many items first out of order."""
    times: dict[str, int] = defaultdict(int)
    first: dict[str, list[str]] = defaultdict(list)
    for event_id, _, item in seen:
        if not times[event_id]:
            first[item].append(event_id)
        times[event_id] += 1
    due: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        due[row.inspection_id].append(row.id)
    return {
        "lost": sum(row.id not in times for row in rows),
        "out_of_order": sum(first[item] != ids for item, ids in due.items() if item in first),
        "more_than_once": sum(count > 1 for count in times.values()),
        "invented": len(times.keys() - {row.id for row in rows}),
    }


@contextmanager
def elsewhere() -> Iterator[str]:
    """A receiver that is well, in a process of its own: the address."""
    command = [sys.executable, __file__, "--receiver"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield _next(process)
    finally:
        process.kill()
        process.wait()


def cost(folder: Path, url: str, blocks: int, size: int, pause: float) -> dict[str, Any]:
    """What a decision costs with a webhook at `url` that is sent all, and with none: blocks that take turns, with
    `pause` seconds between decisions."""
    site = Site(folder)
    made = site.endpoints.add(url, BY)
    site.dispatcher.start(Told(site.write, site.write))
    reviewer, left = site.reviewers()[0], iter(site.undecided())
    for _ in range(20):  # what is done for the first time
        site.decide(next(left), reviewer)
    pairs: list[dict[bool, list[float]]] = []
    for block in range(blocks):
        times: dict[bool, list[float]] = {}
        for on in (True, False) if block % 2 else (False, True):
            site.endpoints.change(made.id, BY, {"enabled": on})
            while on and site.waiting():  # what happened during the pause is no cost of these decisions
                time.sleep(0.1)
            times[on] = []
            for _ in range(size):
                times[on].append(site.decide(next(left), reviewer))
                time.sleep(pause)
        pairs.append(times)
    site.dispatcher.stop()
    site.database.close()
    each = {on: [percentiles(pair[on], digits=3)["p95"] for pair in pairs] for on in (True, False)}
    return {
        "blocks": blocks,
        "decisions_a_block": size,
        "pause_s": pause,
        "with_ms": percentiles([value for pair in pairs for value in pair[True]], digits=2),
        "without_ms": percentiles([value for pair in pairs for value in pair[False]], digits=2),
        "p95_with_over_without": interval(bootstrap_ratio(each[True], each[False])),
    }


def main() -> None:
    made: argparse.ArgumentParser = parser(__doc__, service=False)
    made.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--receiver", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--items", type=int, default=10_000, help="items that are decided on")
    made.add_argument("--kills", type=int, default=20)
    made.add_argument("--blocks", type=int, default=20, help="pairs of blocks of decisions whose time is compared")
    options = made.parse_args()
    if options.worker is not None:
        work(options.worker)
        return
    if options.receiver:
        _say(Receiver("well").url)
        threading.Event().wait()
    if options.quick:
        options.items, options.kills, options.blocks = 60, 2, 2
    size, longest = (20, 0.6) if options.quick else (100, 8.0)
    with tempfile.TemporaryDirectory() as folder:
        place, found = Path(folder) / "delivered", dict[str, Any]()
        for name, pause in (("cost_without_a_pause", 0.0), ("cost_at_a_desk", 0.05)):
            count = options.blocks * size * 2 + 20
            fill(Path(folder) / name, Size(count, count, 0, 0, 0))[0].close()
            with elsewhere() as url:
                found[name] = cost(Path(folder) / name, url, options.blocks, size, pause)
            print(name, json.dumps(found[name]), flush=True)
        fill(place, Size(options.items, options.items, 0, 0, 0))[0].close()
        found["delivery"] = delivered(place, options.kills, seed=16, longest=longest)
    print(json.dumps(found, indent=1))
    print(write(found | {"at": datetime.now(UTC).isoformat(timespec="seconds")}, "events", out=options.out))


if __name__ == "__main__":
    main()
