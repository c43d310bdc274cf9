"""How a server process ends, answering what it has taken and taking nothing more; and how it reads its models anew."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from odd_photos import many_scans

from regrade.models.registry import changes as registry
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.installation.data_dir import open_database

pytestmark = pytest.mark.slow

REGRADE = Path(sys.executable).with_name("regrade")
READY = "/v2/health/ready"
ITEM = json.dumps({"rma": "1"})


@dataclass
class Process:
    """A server in a process of its own, ready; `key` is an admin's."""

    url: str
    key: str
    settings: Settings
    process: "subprocess.Popen[bytes]"

    def client(self, **headers: str) -> httpx.Client:
        given = {"Authorization": f"Bearer {self.key}", **headers}
        return httpx.Client(base_url=self.url, headers=given, timeout=30, trust_env=False)

    def signal(self, sent: signal.Signals) -> None:
        self.process.send_signal(sent)

    def ready(self) -> int:
        with self.client() as client:
            return client.get(READY).status_code

    def stored(self) -> int:
        database = open_database(self.settings)
        count = InspectionStore(database).count()
        database.close()
        return count


Launch = Callable[..., Process]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts servers with the given settings; they are killed with the test."""
    with ExitStack() as stack:

        def start(**given: object) -> Process:
            with socket.create_server(("127.0.0.1", 0)) as sock:
                port = sock.getsockname()[1]
            settings = Settings(_env_file=None, data_dir=tmp_path / "data", bundles_dir=given.get("bundles_dir"))
            database = open_database(settings)
            key, _ = KeyStore(database).create("admin", "test")
            database.close()
            environment = {f"REGRADE_{name.upper()}": str(value) for name, value in given.items()}
            command: list[str | Path] = [
                REGRADE,
                "serve",
                "--port",
                str(port),
                "--data-dir",
                settings.data_dir,
                "--log-level",
                "warning",
            ]
            log = stack.enter_context((tmp_path / "log").open("ab"))
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=os.environ | environment)
            stack.callback(process.wait, 30)
            stack.callback(process.kill)
            made = Process(f"http://127.0.0.1:{port}", key, settings, process)
            wait_until(lambda: _is_ready(made), seconds=60)
            return made

        yield start


def _is_ready(server: Process) -> bool:
    with suppress(httpx.TransportError):
        return server.ready() == 200
    return False


def wait_until(done: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Upload:
    """A request whose body comes in two halves."""

    def __init__(self, server: Process, photo: bytes) -> None:
        request = httpx.Request("POST", server.url, files={"photos": photo}, data={"item": ITEM})
        self._body = request.read()
        kind = request.headers["content-type"]
        head = (
            f"POST /v1/inspections HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.key}\r\n"
            f"content-type: {kind}\r\ncontent-length: {len(self._body)}\r\n\r\n"
        )
        self._sock = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=30)
        self._sock.sendall(head.encode() + self._body[: len(self._body) // 2])
        time.sleep(0.3)  # until the server reads it

    def finish(self) -> str:
        """Send the rest; the head of the answer, lower case."""
        self._sock.sendall(self._body[len(self._body) // 2 :])
        return self.answer()

    def answer(self) -> str:
        """The head of the answer, lower case, once the server has closed the connection."""
        received = b""
        with self._sock:
            while data := self._sock.recv(65536):
                received += data
        return received.partition(b"\r\n\r\n")[0].decode().lower()


@dataclass
class Bench:
    """Posts items until nobody answers any more. `answers`: status and `Connection` header of each."""

    server: Process
    photo: bytes
    begun: float = 0.0
    answers: list[tuple[int, str]] = field(default_factory=list)
    failures: list[tuple[float, str]] = field(default_factory=list)

    def run(self) -> None:
        while self.server.process.poll() is None and len(self.failures) < 20:
            with self.server.client() as client:
                while self._post(client):
                    pass

    def _post(self, client: httpx.Client) -> bool:
        try:
            answer = client.post("/v1/inspections", files={"photos": self.photo}, data={"item": ITEM})
        except httpx.TransportError as error:
            self.failures.append((time.monotonic(), type(error).__name__))
            return False
        self.answers.append((answer.status_code, answer.headers.get("connection", "")))
        return True


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_nothing_that_was_taken_is_lost_when_a_busy_server_ends(
    launch: Launch, render_photo: Any, sent: signal.Signals
) -> None:
    server = launch()
    benches = [Bench(server, render_photo(n)) for n in range(6)]
    threads = [threading.Thread(target=bench.run) for bench in benches]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(len(bench.answers) >= 2 for bench in benches))
    signalled = time.monotonic()
    server.signal(sent)
    assert server.process.wait(30) == 0
    for thread in threads:
        thread.join(30)
    answers = [answer for bench in benches for answer in bench.answers]
    failures = [failure for bench in benches for failure in bench.failures]
    assert {status for status, _ in answers} <= {201, 503}
    # Who was turned away was told to go elsewhere; who was not answered had found nobody listening.
    assert all(connection == "close" for status, connection in answers if status == 503)
    assert all(at >= signalled for at, _ in failures)
    assert server.stored() == sum(status == 201 for status, _ in answers)


def test_an_item_whose_body_is_coming_in_is_still_answered(launch: Launch, photo: bytes) -> None:
    server = launch()
    upload = Upload(server, photo)
    with server.client() as client:  # connected before the end begins
        assert client.get(READY).status_code == 200
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.ready() == 503)
        refused = client.post("/v1/inspections", files={"photos": photo}, data={"item": ITEM})
        assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        assert int(refused.headers["retry-after"]) >= 1
        assert "shutting down" in refused.json()["detail"]
        assert client.get("/healthz").json()["status"] == "ok"
    answer = upload.finish()
    assert answer.startswith("http/1.1 201")
    assert "connection: close" in answer
    assert (server.process.wait(30), server.stored()) == (0, 1)


def test_a_load_balancer_is_given_time_to_notice(launch: Launch, photo: bytes) -> None:
    server = launch(drain_delay=600)
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.ready() == 503)
    with server.client() as client:
        made = client.post("/v1/inspections", files={"photos": photo}, data={"item": ITEM})
    assert (made.status_code, made.headers.get("connection")) == (201, None)
    server.signal(signal.SIGTERM)  # enough
    assert server.process.wait(30) == 0


@pytest.mark.parametrize("hurry", [True, False])
def test_what_does_not_end_in_time_is_told_so_and_stored_nowhere(launch: Launch, photo: bytes, hurry: bool) -> None:
    server = launch(shutdown_timeout=600 if hurry else 1)
    upload = Upload(server, photo)
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.ready() == 503)
    if hurry:
        server.signal(signal.SIGTERM)
    answer = upload.answer()
    assert answer.startswith("http/1.1 503")
    assert "retry-after:" in answer
    assert (server.process.wait(30), server.stored()) == (0, 0)


def test_what_the_command_line_activates_is_taken_over_at_a_signal(
    launch: Launch, photo: bytes, two_versions: Path
) -> None:
    server = launch(bundles_dir=two_versions)
    item = {"item": json.dumps({"rma": "1", "category": "packaging"})}
    with server.client() as client:
        before = client.post("/v1/inspections", files={"photos": photo}, data=item).json()["models"]["packaging"]
        registry.activate(server.settings.bundle_store, "packaging", "2099.1.1", by="somebody")
        assert active(client, "packaging") == before  # what grades, not what a file says
        server.signal(signal.SIGHUP)
        wait_until(lambda: active(client, "packaging") == "2099.1.1", seconds=60)
        made = client.post("/v1/inspections", files={"photos": photo}, data=item).json()
        assert made["models"] == {"packaging": "2099.1.1"}
        (server.settings.data_dir / "bundles" / "packaging" / "ACTIVE").write_text("no version\n")
        server.signal(signal.SIGHUP)  # what cannot be loaded changes nothing
        assert (server.ready(), active(client, "packaging")) == (200, "2099.1.1")


def active(client: httpx.Client, category: str) -> str:
    (found,) = [one for one in client.get("/v1/models").json()["categories"] if one["category"] == category]
    version: str = found["active"]
    return version


def _children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children()]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_no_helper_outlives_the_service_however_it_ends(launch: Launch, sent: signal.Signals) -> None:
    server = launch(photo_seconds=3, shutdown_timeout=0)
    slow = many_scans(4000, 4000, 63, in_order=True)
    posting = threading.Thread(target=_post_and_forget, args=(server, [slow] * 12))
    posting.start()
    wait_until(lambda: len(_children(server.process.pid)) > 0)
    helpers = _children(server.process.pid)
    server.signal(sent)
    server.process.wait(30)  # seconds, and not the 52 that it once took
    wait_until(lambda: not any(_runs(pid) for pid in helpers), seconds=30)
    posting.join()


def _post_and_forget(server: Process, photos: list[bytes]) -> None:
    files = [("photos", ("a.jpg", data, "image/jpeg")) for data in photos]
    with server.client() as client, suppress(httpx.TransportError):
        client.post("/v1/inspections", files=files, data={"item": ITEM})


def _runs(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False
