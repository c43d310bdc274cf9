"""Several services on one database and one data directory, of which one, or the database's server, is killed at a time.

Everybody at work sends each request to any of them, and sends it again until it is answered.
"""

import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kill_rounds import Acknowledged, Client, Eraser, Reviewer, Server, Station
from photos import photo_of
from postgres import Cluster

Victim = Literal["service", "database"]


@dataclass
class Several(Server):
    """Services beside one another; asked as one, it is the first."""

    others: list[Server] = field(default_factory=list)

    @property
    def all(self) -> list[Server]:
        """Each of them."""
        return [self, *self.others]

    def some_url(self, chance: random.Random) -> str:
        """Any of them."""
        return chance.choice(self.all).url

    @classmethod
    def on(cls, cluster: Cluster, folder: Path, count: int, **settings: str) -> "Several":
        """So many, none of them started, on a new database of `cluster` and a data directory in `folder`."""
        given = {"REGRADE_DATABASE_URL": cluster.create(), "REGRADE_WORKERS": "1", **settings}
        made = [cls(folder / "data", folder / f"log{number}", settings=given) for number in range(count)]
        made[0].others = list(made[1:])
        return made[0]

    def start_all(self) -> None:
        """Start all, and wait until they are ready."""
        for one in self.all:
            one.start()
        for one in self.all:
            one.wait_until_ready()


@dataclass
class Round:
    """A kill, and the seconds from it, or from when the database's server was up again, until somebody was answered."""

    victim: Victim
    down: float
    recovery: float


@dataclass
class Work:
    """Stations, reviewers and an admin who erases, at work until `end`."""

    site: Several
    told: Acknowledged = field(default_factory=Acknowledged)
    stopped: threading.Event = field(default_factory=threading.Event)
    failures: list[BaseException] = field(default_factory=list)

    def begin(self) -> None:
        """Let everybody begin."""
        photos = [photo_of(seed, 320, 240) for seed in range(12)]
        told, stopped = self.told, self.stopped
        people: list[Client] = [
            Station(self.site, self.site.key("station"), n, told, stopped, photos) for n in range(2)
        ]
        people += [Reviewer(self.site, self.site.key("reviewer"), n, told, stopped) for n in range(3)]
        people += [Eraser(self.site, self.site.key("admin"), 0, told, stopped)]
        self._threads = [threading.Thread(target=self._noting, args=(one.run,)) for one in people]
        for thread in self._threads:
            thread.start()

    def end(self) -> Acknowledged:
        """Let everybody finish what they began. Raises RuntimeError where somebody was answered what should not be."""
        self.stopped.set()
        for thread in self._threads:
            thread.join(180)
        if self.failures or any(thread.is_alive() for thread in self._threads):
            raise RuntimeError("a client has not come to an end") from (self.failures[0] if self.failures else None)
        return self.told

    def wait_for_more(self, acts: int, seconds: float = 120) -> None:
        """Until so many more acts are acknowledged. Raises RuntimeError where that takes longer."""
        enough, deadline = self.told.count + acts, time.monotonic() + seconds
        while self.told.count < enough:
            if self.failures or time.monotonic() > deadline:
                cause = self.failures[0] if self.failures else None
                raise RuntimeError("nothing is acknowledged any more") from cause
            time.sleep(0.002)

    def _noting(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            self.failures.append(error)


def kill(work: Work, cluster: Cluster, victim: Victim, chance: random.Random) -> Round:
    """Kill one service or the database's server while everybody is at work, and start it again."""
    work.wait_for_more(1)
    time.sleep(chance.uniform(0, 0.3))
    began = time.monotonic()
    if victim == "database":
        cluster.kill()
        time.sleep(chance.uniform(0, 1.0))
        cluster.start()
        up = time.monotonic()
        work.wait_for_more(1)
        return Round(victim, round(up - began, 3), round(time.monotonic() - up, 3))
    one = chance.choice(work.site.all)
    one.end(signal.SIGKILL)
    work.wait_for_more(1)
    recovered = time.monotonic() - began
    one.start()
    one.wait_until_ready()
    return Round(victim, round(time.monotonic() - began, 3), round(recovered, 3))


def end_all(site: Several) -> list[int]:
    """End all services but the first in good order; their exit codes."""
    return [one.end(signal.SIGTERM) for one in site.others]
