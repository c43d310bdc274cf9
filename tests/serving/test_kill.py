"""A 201 survives `kill -9`: a server is killed again and again while clients post, and nothing it said is lost.

Most kills are aimed: they come at once or a few milliseconds after a photo got its name, a row was written or a client
was answered, where random ones would mostly hit the grading. So few find what many random ones would. More of them:

    pytest tests/serving/test_kill.py -m long
    REGRADE_KILLS=500 pytest tests/serving/test_kill.py -m long
"""

import hashlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from regrade.serving.auth import KeyStore
from regrade.serving.runtime import open_database
from regrade.serving.settings import Settings

KILLS = int(os.environ.get("REGRADE_KILLS", "50"))
FEW = 20
CLIENTS = 3
AIM_SECONDS = 30.0
"""Longest wait for what a kill is aimed at."""
REGRADE = Path(sys.executable).with_name("regrade")


@dataclass
class Server:
    """A server process on a fixed port, to be killed and started again."""

    data_dir: Path
    port: int
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [REGRADE, "serve", "--port", str(self.port), "--data-dir", self.data_dir, "--log-level", "warning"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.data_dir.parent)

    def wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 60
        with httpx.Client(timeout=5, trust_env=False) as client:
            while time.monotonic() < deadline and self.process.poll() is None:
                with suppress(httpx.TransportError):
                    if client.get(f"{self.url}/v2/health/ready").status_code == 200:
                        return
                time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)


def published(data_dir: Path) -> object:
    """Changes with every photo that is given its name."""
    return [entry.stat().st_mtime_ns for entry in (data_dir / "photos").iterdir() if entry.name != "tmp"]


def written(data_dir: Path) -> object:
    """Changes with every row; the photos of its item have their names by then."""
    log = (data_dir / "regrade.db-wal").stat()
    return log.st_mtime_ns, log.st_size


def wait_for(sign: Callable[[], object]) -> None:
    """Until the sign changes; what is not there yet is not waited for, nor a server at which nothing happens."""
    deadline = time.monotonic() + AIM_SECONDS
    with suppress(FileNotFoundError):
        before = sign()
        while sign() == before and time.monotonic() < deadline:
            time.sleep(0.0005)


def own_copy(photo: bytes, name: str) -> bytes:
    """The JPEG with a comment after its SOI marker: another file, so that each item has photos that no other has."""
    return photo[:2] + b"\xff\xfe" + (len(name) + 2).to_bytes(2, "big") + name.encode() + photo[2:]


@dataclass
class Station:
    """Posts items under idempotency keys, each again and again until it is acknowledged."""

    server: Server
    key: str
    photos: list[bytes]
    stopped: threading.Event
    acknowledged: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        source = random.Random(self.key)
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.server.url, headers=headers, timeout=60, trust_env=False) as client:
            for number in itertools.count():
                if self.stopped.is_set():
                    return
                job = f"{self.key[3:9]}-{number}"
                photos = source.sample(self.photos, source.randint(1, 2))
                self._post(client, job, [own_copy(photo, f"{job} {index}") for index, photo in enumerate(photos)])

    def _post(self, client: httpx.Client, job: str, photos: list[bytes]) -> None:
        files = [("photos", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(photos)]
        data, headers = {"item": f'{{"rma": "{job}"}}'}, {"Idempotency-Key": job}
        while True:
            try:
                answer = client.post("/v1/inspections", files=files, data=data, headers=headers)
            except httpx.TransportError as error:
                self.statuses[type(error).__name__] += 1
                time.sleep(0.02)
                continue
            self.statuses[str(answer.status_code)] += 1
            if answer.status_code in (200, 201):
                hashes = [hashlib.sha256(photo).hexdigest() for photo in photos]
                self.acknowledged[job] = (answer.json()["id"], hashes)
                return
            assert answer.status_code == 503, answer.text
            time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stored(client: httpx.Client) -> list[dict[str, Any]]:
    """All inspections, over the API."""
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = client.get("/v1/inspections", params=params).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]


@pytest.mark.timeout(120 + 8 * KILLS)
@pytest.mark.parametrize("kills", [FEW, pytest.param(KILLS, marks=pytest.mark.long)])
def test_what_was_acknowledged_survives_every_kill(tmp_path: Path, render_photo: Any, kills: int) -> None:
    server = Server(tmp_path / "data", free_port(), tmp_path / "log")
    keys = KeyStore(open_database(Settings(_env_file=None, data_dir=server.data_dir)))
    photos = [render_photo(seed, (320, 240)) for seed in range(12)]
    stopped = threading.Event()
    stations = [Station(server, keys.create("station", f"s{n}")[0], photos, stopped) for n in range(CLIENTS)]
    threads = [threading.Thread(target=station.run) for station in stations]
    chance = random.Random(kills)
    # What a kill waits for, and at most how many seconds it comes later.
    aims: tuple[tuple[Callable[[], object], float], ...] = (
        (lambda: sum(len(station.acknowledged) for station in stations), 0.0),
        (lambda: published(server.data_dir), 0.01),
        (time.monotonic, 0.4),
        (lambda: sum(len(station.acknowledged) for station in stations), 0.02),
        (lambda: written(server.data_dir), 0.01),
    )
    for thread in threads:
        thread.start()
    try:
        for kill in range(kills):
            server.start()
            if kill % 10 == 9:
                time.sleep(chance.uniform(0, 1))  # while it starts
            else:
                server.wait_until_ready()
                sign, later = aims[kill % len(aims)]
                wait_for(sign)
                time.sleep(chance.uniform(0, later))
            server.end(signal.SIGKILL)
    finally:
        stopped.set()
    server.start()
    server.wait_until_ready()
    for thread in threads:
        thread.join(60)  # the last item of each is retried until it is acknowledged
        assert not thread.is_alive()

    acknowledged = {job: told for station in stations for job, told in station.acknowledged.items()}
    statuses = sum((station.statuses for station in stations), Counter())
    with httpx.Client(
        base_url=server.url,
        headers={"Authorization": f"Bearer {stations[0].key}"},
        timeout=60,
        trust_env=False,
    ) as client:
        inspections = stored(client)
        by_job = {one["item"]["rma"]: one for one in inspections}
        assert len(by_job) == len(inspections), "an item was stored twice"
        assert set(by_job) == set(acknowledged)
        for job, (inspection_id, hashes) in acknowledged.items():
            assert by_job[job]["id"] == inspection_id
            assert [photo["sha256"] for photo in by_job[job]["photos"]] == hashes
            for index, sha256 in enumerate(hashes):
                data = client.get(f"/v1/inspections/{inspection_id}/photos/{index}").content
                assert hashlib.sha256(data).hexdigest() == sha256
    assert server.end(signal.SIGTERM) in (0, -signal.SIGTERM)
    verified = subprocess.run(
        [REGRADE, "store", "verify", "--data-dir", server.data_dir],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout
    # The kills must have hit something, or this has shown nothing.
    assert len(acknowledged) >= kills // 2  # or the kills came before there was anything to lose
    assert statuses["ReadError"] + statuses["RemoteProtocolError"] > 0


def test_a_first_start_that_was_killed_can_be_repeated(tmp_path: Path) -> None:
    """The schema is made in one transaction, so there is no state from which a start cannot go on."""
    server = Server(tmp_path / "data", free_port(), tmp_path / "log")
    for _ in range(5):
        server.start()
        deadline = time.monotonic() + 30
        while not (server.data_dir / "regrade.db").exists():
            assert time.monotonic() < deadline, server.log.read_text()
            assert server.process is not None
            assert server.process.poll() is None, server.log.read_text()
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.1))
        server.end(signal.SIGKILL)
        database = open_database(Settings(_env_file=None, data_dir=server.data_dir))
        assert len(KeyStore(database).all_keys()) in (0, 1)
        database.close()
        shutil.rmtree(server.data_dir)
