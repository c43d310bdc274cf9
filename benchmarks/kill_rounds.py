"""A service that is killed again and again while everybody is at it: stations, reviewers, and an admin who erases.

Most kills are aimed: they come at once or a few milliseconds after a photo got its name or lost it, a row was written
or somebody was answered, where random ones would mostly hit the grading. So few find what many random ones would.

Everybody repeats a request until it is answered, as a client should, and notes what was acknowledged; `kill_check`
looks afterwards whether all of that is so.
"""

import hashlib
import itertools
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from launched import free_port
from photos import photo_of
from rig import REGRADE

STATIONS = 3
REVIEWERS = 2
ERASED = 0.3
"""The share of the acknowledged items that is erased again."""
AIM_SECONDS = 30.0
"""Longest wait for what a kill is aimed at."""


@dataclass
class Server:
    """A server process on a fixed port, to be killed and started again."""

    data_dir: Path
    log: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    """Variables of its environment, `REGRADE_…`."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def some_url(self, chance: random.Random) -> str:
        """Where a request may go."""
        return self.url

    def key(self, role: str) -> str:
        """A new API key."""
        command: list[str | Path] = [REGRADE, "keys", "create", "--role", role, "--data-dir", self.data_dir]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | self.settings)
        return done.stdout.strip()

    def start(self) -> None:
        """Start it; it may not be ready yet."""
        command: list[str | Path] = [
            REGRADE,
            "serve",
            "--port",
            str(self.port),
            "--data-dir",
            self.data_dir,
            "--log-level",
            "warning",
        ]
        with self.log.open("ab") as log:
            environment = os.environ | self.settings
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.data_dir.parent, env=environment)

    def wait_until_ready(self) -> None:
        """Raises RuntimeError with its log where it does not become ready."""
        deadline = time.monotonic() + 240  # some seconds, but for a machine that is busy with other work
        with httpx.Client(timeout=5, trust_env=False) as client:
            while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
                with suppress(httpx.TransportError):
                    if client.get(f"{self.url}/v2/health/ready").status_code == 200:
                        return
                time.sleep(0.02)
        raise RuntimeError(f"the server did not become ready:\n{self.log.read_text()}")

    def end(self, how: signal.Signals) -> int:
        """Send it a signal and wait; its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)


@dataclass
class Acknowledged:
    """What the service said that it has done. Items by their RMA: id and hashes; decisions by inspection: condition."""

    items: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)
    erased: dict[str, str] = field(default_factory=dict)
    """RMA to inspection."""
    stations: dict[str, str] = field(default_factory=dict)
    """The keys of stations by what their RMAs begin with."""
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """How many acts were acknowledged."""
        return len(self.items) + len(self.decisions) + len(self.erased)


@dataclass
class Client:
    """Somebody with a key, who does one thing after the other until `stopped`."""

    server: Server
    key: str
    seed: int
    told: Acknowledged
    stopped: threading.Event

    def run(self) -> None:
        """Work."""
        headers = {"Authorization": f"Bearer {self.key}"}
        self.chance = random.Random(self.seed)
        with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
            for number in itertools.count():
                if self.stopped.is_set():
                    return
                self.act(client, number)

    def act(self, client: httpx.Client, number: int) -> None:
        """Do one thing, to its end."""
        raise NotImplementedError

    def send(self, client: httpx.Client, method: str, path: str, **sent: Any) -> httpx.Response:
        """The answer to a request, which is sent again while there is none, or none but to come back later."""
        while True:
            try:
                answer = client.request(method, f"{self.server.some_url(self.chance)}{path}", **sent)
            except httpx.TransportError as error:
                self.told.answers[type(error).__name__] += 1
                time.sleep(0.02)
                continue
            self.told.answers[str(answer.status_code)] += 1
            if answer.status_code != 503:
                return answer
            time.sleep(0.05)


@dataclass
class Station(Client):
    """Posts items under idempotency keys, each with photos that no other has."""

    photos: Sequence[bytes] = ()

    def act(self, client: httpx.Client, number: int) -> None:
        begin = f"rma-{self.key[3:9]}"
        self.told.stations[begin] = self.key
        rma = f"{begin}-{number}x"  # where it ends can be seen in a file, too
        chosen = self.chance.sample(self.photos, self.chance.randint(1, 2))
        photos = [own_copy(photo, f"{rma} {index}") for index, photo in enumerate(chosen)]
        answer = post(lambda **sent: self.send(client, "POST", "/v1/inspections", **sent), rma, photos)
        if answer.status_code not in (200, 201):
            raise RuntimeError(answer.text)
        hashes = [hashlib.sha256(photo).hexdigest() for photo in photos]
        self.told.items[rma] = (answer.json()["id"], hashes)


@dataclass
class Reviewer(Client):
    """Claims items and decides on them, with a note that names the RMA."""

    def act(self, client: httpx.Client, number: int) -> None:
        claimed = self.send(client, "POST", "/v1/reviews/claim")
        if claimed.status_code != 200:
            time.sleep(0.05)
            return
        inspection, lease = claimed.json()["inspection"], claimed.json()["lease"]["token"]
        condition = self.chance.choice(("opened", "used", "damaged"))
        verdict = {"lease": lease, "condition": condition, "note": f"of {inspection['item']['rma']}"}
        # A lease may be lost, and an item erased, before the decision arrives: then it was not taken.
        if self.send(client, "POST", f"/v1/reviews/{inspection['id']}", json=verdict).status_code == 200:
            self.told.decisions[f"{inspection['id']} {self.key[3:15]}"] = condition
        time.sleep(self.chance.uniform(0, 0.1))


@dataclass
class Eraser(Client):
    """Erases a share of what was acknowledged, decided or not."""

    def act(self, client: httpx.Client, number: int) -> None:
        there = sorted(set(self.told.items) - set(self.told.erased))
        if not there or len(self.told.erased) >= ERASED * len(self.told.items):
            time.sleep(0.02)
            return
        rma = self.chance.choice(there)
        inspection = self.told.items[rma][0]
        answer = self.send(client, "DELETE", f"/v1/inspections/{inspection}", params={"reason": "asked for"})
        if answer.status_code != 200:
            raise RuntimeError(answer.text)
        self.told.erased[rma] = inspection


def post(send: Callable[..., httpx.Response], rma: str, photos: Sequence[bytes]) -> httpx.Response:
    """Post an item under its RMA as its idempotency key."""
    files = [("photos", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(photos)]
    return send(files=files, data={"item": f'{{"rma": "{rma}"}}'}, headers={"Idempotency-Key": rma})


def own_copy(photo: bytes, name: str) -> bytes:
    """The JPEG with a comment after its SOI marker: another file, so that each item has photos that no other has."""
    return photo[:2] + b"\xff\xfe" + (len(name) + 2).to_bytes(2, "big") + name.encode() + photo[2:]


def rounds(server: Server, kills: int, beside: Callable[[threading.Event], None] | None = None) -> Acknowledged:
    """Kill the service so many times under work; it is ready again at the end, and everybody has stopped.

    `beside` is done meanwhile, on a thread of its own, until the event that it is given.
    Raises RuntimeError where it does not start again, or answers what it should not.
    """
    told, stopped = Acknowledged(), threading.Event()
    photos = [photo_of(seed, 320, 240) for seed in range(12)]
    people: list[Client] = [Station(server, server.key("station"), n, told, stopped, photos) for n in range(STATIONS)]
    people += [Reviewer(server, server.key("reviewer"), n, told, stopped) for n in range(REVIEWERS)]
    people += [Eraser(server, server.key("admin"), 0, told, stopped)]
    failures: list[BaseException] = []
    work = [one.run for one in people] + ([] if beside is None else [partial(beside, stopped)])
    threads = [threading.Thread(target=_noting, args=(run, failures)) for run in work]
    for thread in threads:
        thread.start()
    try:
        for kill in range(kills):
            _kill(server, told, kill, random.Random(kill))
            if failures:
                raise RuntimeError("a client was answered what it should not be") from failures[0]
        server.start()
        server.wait_until_ready()
    finally:
        stopped.set()
    for thread in threads:
        thread.join(120)  # what each has begun is repeated until it is acknowledged
    if failures or any(thread.is_alive() for thread in threads):
        raise RuntimeError("a client has not come to an end") from (failures[0] if failures else None)
    return told


def _noting(run: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        run()
    except BaseException as error:
        failures.append(error)


def _kill(server: Server, told: Acknowledged, kill: int, chance: random.Random) -> None:
    """Start the service, wait for what this kill is aimed at, and kill it at most so many seconds later."""
    aims: tuple[tuple[Callable[[], object], float], ...] = (
        (lambda: len(told.items), 0.0),
        (lambda: _published(server.data_dir), 0.01),
        (lambda: len(told.erased), 0.0),
        (lambda: _written(server.data_dir), 0.01),
        (time.monotonic, 0.4),
        (lambda: len(told.decisions), 0.0),
        (lambda: len(told.erased), 0.05),
        (lambda: told.count, 0.02),
    )
    server.start()
    if kill % 10 == 9:
        time.sleep(chance.uniform(0, 1))  # while it starts
    else:
        server.wait_until_ready()
        sign, later = aims[kill % len(aims)]
        _wait_for(sign)
        time.sleep(chance.uniform(0, later))
    server.end(signal.SIGKILL)


def _published(data_dir: Path) -> object:
    """Changes with every photo that is given its name, or loses it."""
    return [entry.stat().st_mtime_ns for entry in (data_dir / "photos").iterdir() if entry.name != "tmp"]


def _written(data_dir: Path) -> object:
    """Changes with every row; a new item's photos have their names by then, an erased one's have theirs still."""
    log = (data_dir / "regrade.db-wal").stat()
    return log.st_mtime_ns, log.st_size


def _wait_for(sign: Callable[[], object]) -> None:
    """Until the sign changes; what is not there yet is not waited for, nor a server at which nothing happens."""
    deadline = time.monotonic() + AIM_SECONDS
    with suppress(FileNotFoundError):
        before = sign()
        while sign() == before and time.monotonic() < deadline:
            time.sleep(0.0005)
