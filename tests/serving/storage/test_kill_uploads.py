"""Photos that were sent ahead, and items that name them, survive `kill -9` once they are acknowledged."""

import hashlib
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

# The benchmarks are scripts in one folder and no package: their modules are found by that folder.
sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from kill_rounds import Server, own_copy
from photos import photo_of
from rig import REGRADE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 4


class Bench:
    """A station that sends photos ahead, in two parts or at once, and names every second one in an item."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.photo = server, photo_of(seed, 320, 240)
        self.headers = {"Authorization": f"Bearer {server.key('station')}"}
        self.whole: dict[str, bytes] = {}
        """What was acknowledged as there, by its hash."""
        self.parts: dict[str, tuple[bytes, int]] = {}
        self.items: dict[str, str] = {}
        self.enough = threading.Event()

    def run(self, begin: int) -> None:
        """Work until the service is gone."""
        with suppress(httpx.TransportError), self.client() as client:
            for number in range(begin, begin + 10_000):
                self.act(client, number)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.server.url, headers=self.headers, timeout=30, trust_env=False)

    def act(self, client: httpx.Client, number: int) -> None:
        photo = own_copy(self.photo, f"{number} of {id(self)}")
        sha256, half = hashlib.sha256(photo).hexdigest(), len(photo) // 2
        if number % 3 == 0:
            self.put(client, sha256, photo[:half], {"Content-Range": f"bytes 0-{half - 1}/{len(photo)}"})
            self.parts[sha256] = (photo, half)
            return
        self.put(client, sha256, photo, {})
        self.whole[sha256] = photo
        if number % 3 == 1:
            body = {"item": {"rma": f"RMA-{number}"}, "photos": [{"sha256": sha256}]}
            answer = client.post("/v1/inspections", json=body, headers={"Idempotency-Key": f"{number}"})
            assert answer.status_code == 201, answer.text
            self.items[answer.json()["id"]] = sha256
            self.enough.set()

    def put(self, client: httpx.Client, sha256: str, data: bytes, headers: dict[str, str]) -> None:
        answer = client.put(f"/v1/uploads/{sha256}", content=data, headers=headers)
        assert answer.status_code in (201, 202), answer.text

    def check(self) -> None:
        """All that was acknowledged is there, and can be gone on with."""
        with self.client() as client:
            for sha256, photo in self.whole.items():
                headers = {"Content-Range": f"bytes */{len(photo)}"}
                assert client.put(f"/v1/uploads/{sha256}", headers=headers).status_code == 200
            for sha256, (photo, half) in self.parts.items():
                rest = {"Content-Range": f"bytes {half}-{len(photo) - 1}/{len(photo)}"}
                assert client.put(f"/v1/uploads/{sha256}", content=photo[half:], headers=rest).status_code in (200, 201)
            for inspection, sha256 in self.items.items():
                assert client.get(f"/v1/inspections/{inspection}").json()["photos"][0]["sha256"] == sha256


def test_what_was_sent_ahead_survives_every_kill(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log")
    bench = Bench(server, 1)
    for kill in range(KILLS):
        server.start()
        server.wait_until_ready()
        bench.check()
        bench.enough.clear()
        working = threading.Thread(target=bench.run, args=(kill * 10_000,))
        working.start()
        assert bench.enough.wait(60)
        threading.Event().wait(random.Random(kill).uniform(0, 0.3))
        server.end(signal.SIGKILL)
        working.join(60)
    server.start()
    server.wait_until_ready()
    bench.check()
    server.end(signal.SIGTERM)
    command: list[str | Path] = [REGRADE, "store", "verify", "--data-dir", server.data_dir]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(bench.items) >= KILLS
    assert bench.parts
