"""`kill -9` of the S3 server that photos are kept in, and of the service, under work: what is lost, what is said?

    .venv/bin/python benchmarks/s3_kills.py    # 30 s, then 5 times 5 s without S3, and 5 kills of the service;
                                               # writes benchmarks/results/s3_kills.json

Stations post items, reviewers decide, an admin erases; whatever is refused is sent again. SeaweedFS is killed, and
comes back after so many seconds (and as long as it takes to start). What `kill_check` finds missing afterwards is
listed, what is left in the bucket that no item needs, and how long it took until an item was acknowledged again.
"""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from kill_check import check
from kill_rounds import Acknowledged, Client, Eraser, Reviewer, Server, Station
from photos import photo_of
from rig import parser, write
from s3_server import BUCKET, KEYS, S3Server

from regrade.serving.base.bucket import Bucket
from regrade.serving.storage.s3.objects import Objects

STATIONS: Final = 3
WORK_SECONDS: Final = 3.0
"""From the end of one kill to the next."""


@dataclass
class Round:
    """A kill: of `s3` or the `service`; seconds until the service was ready to be asked or S3 could be written again,
    and from then until an item was acknowledged. `refused`: answers 503 meanwhile."""

    victim: str
    away_s: float
    recovery_s: float
    items_before: int
    refused: int


class Site:
    """A service with its photos in S3, and everybody who works with it, each on a thread."""

    def __init__(self, folder: Path, s3: S3Server) -> None:
        bucket = {"REGRADE_PHOTOS_URL": f"s3://{BUCKET}/site", "REGRADE_PHOTOS_ENDPOINT": s3.url}
        self.s3 = s3
        self.server = Server(folder / "data", folder / "log", settings={**KEYS, **bucket})
        self.told, self._stopped = Acknowledged(), threading.Event()
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Start the service and the work."""
        self.server.start()
        self.server.wait_until_ready()
        photos = [photo_of(seed, 320, 240) for seed in range(12)]
        common = self.told, self._stopped
        people: list[Client] = [
            Station(self.server, self.server.key("station"), n, *common, photos) for n in range(STATIONS)
        ]
        people.append(Reviewer(self.server, self.server.key("reviewer"), 0, *common))
        people.append(Eraser(self.server, self.server.key("admin"), 0, *common))
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in people]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let everybody finish. Raises RuntimeError where somebody was answered what they should not be."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(120)
        if self._failures or any(thread.is_alive() for thread in self._threads):
            raise RuntimeError("a client has not come to an end") from next(iter(self._failures), None)

    def without_s3(self, seconds: float) -> Round:
        """Kill the S3 server, and start it again after so many seconds."""

        def back() -> None:
            time.sleep(seconds)
            self.s3.start()

        return self._round("s3", self.s3.kill, back)

    def without_service(self) -> Round:
        """Kill the service, and start it again at once."""

        def back() -> None:
            self.server.start()
            self.server.wait_until_ready()

        return self._round("service", lambda: self.server.end(signal.SIGKILL), back)

    def _round(self, victim: str, kill: Callable[[], object], back: Callable[[], None]) -> Round:
        time.sleep(WORK_SECONDS)
        items, refused, began = len(self.told.items), self.told.answers["503"], time.monotonic()
        kill()
        # What was answered before it was gone counts for before.
        killed_at = len(self.told.items)
        back()
        ready = time.monotonic()
        there = len(self.told.items)
        while len(self.told.items) == there:
            if self._failures:
                raise RuntimeError("a client was answered what it should not be") from self._failures[0]
            if time.monotonic() > ready + 120:
                raise RuntimeError(f"nothing is acknowledged any more:\n{self.server.log.read_text()[-3000:]}")
            time.sleep(0.005)
        took = round(ready - began, 2), round(time.monotonic() - ready, 2)
        return Round(victim, *took, max(items, killed_at), self.told.answers["503"] - refused)

    def _run(self, one: Client) -> None:
        try:
            one.run()
        except BaseException as error:
            self._failures.append(error)


def measure(folder: Path | None, long: float, short: float, times: int) -> dict[str, Any]:
    """One long outage and so many short ones, and as many kills of the service; what is wrong afterwards."""
    s3, began = S3Server(), time.monotonic()
    s3.start()
    try:
        with tempfile.TemporaryDirectory(prefix="regrade-benchmark-", dir=folder) as made:
            site = Site(Path(made), s3)
            site.begin()
            rounds = [site.without_s3(long)]
            for _ in range(times):
                rounds += [site.without_s3(short), site.without_service()]
            site.end()
            time.sleep(6)  # within which the service looks after what it refused
            told, found = site.told, check(site.server, site.told)
            os.environ |= KEYS
            return {
                "acknowledged": {
                    "items": len(told.items),
                    "decisions": len(told.decisions),
                    "erased": len(told.erased),
                },
                **found,
                "left_in_the_bucket": _left(s3, told),
                "recovery_seconds": {
                    victim: sorted(one.recovery_s for one in rounds if one.victim == victim)
                    for victim in ("s3", "service")
                },
                "answers": dict(sorted(told.answers.items())),
                "rounds": [asdict(one) for one in rounds],
                "minutes": round((time.monotonic() - began) / 60, 1),
            }
    finally:
        s3.stop()


def _left(s3: S3Server, told: Acknowledged) -> list[str]:
    """Photos in the bucket that no item has which is not erased."""
    needed = {one for rma, (_, hashes) in told.items.items() if rma not in told.erased for one in hashes}
    names = Objects(Bucket(BUCKET, "site", s3.url)).names("photos")
    return sorted({name.rpartition("/")[2] for name in names} - needed)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--away", type=float, default=30.0, help="seconds without S3, the first time")
    made.add_argument("--short", type=float, default=5.0, help="and each time after")
    made.add_argument("--times", type=int, default=5)
    options = made.parse_args()
    found = measure(
        options.folder, 2.0 if options.quick else options.away, options.short, 1 if options.quick else options.times
    )
    write(found, "s3_kills", out=options.out)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
