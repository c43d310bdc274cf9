"""Bare connections to a running service, and a service in a process of its own."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.inspections.store import InspectionStore
from regrade.serving.installation.data_dir import open_database

REGRADE = Path(sys.executable).with_name("regrade")


@dataclass
class Answer:
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> str:
        """The last part of the problem's type."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(json.loads(self.body)["type"]).rpartition(":")[2]


class Wire:
    """A bare connection, which sends what it is told and nothing else."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=20)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, text: str | bytes) -> Self:
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())
        return self

    def answer(self) -> Answer:
        """The next answer; its length must be announced."""
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, self._file.read(int(headers.get("content-length", 0))))

    def is_closed(self) -> bool:
        """Whether nothing more comes: waits for the end of the connection."""
        with suppress(ConnectionResetError):
            return self._file.read(1) == b""
        return True

    def is_open(self) -> bool:
        """Whether it is still open now."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(20)


Connect = Callable[..., Wire]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens connections to a service, and sends on each what is given; they are closed with the test."""
    with ExitStack() as stack:
        yield lambda service, *sent: stack.enter_context(Wire(service.url)).send("".join(sent))


@dataclass
class Launched:
    """A service in a process of its own, ready; `key` is an admin's."""

    url: str
    key: str
    settings: Settings
    process: "subprocess.Popen[bytes]"
    log: Path
    headers: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.key}"}

    def get(self, path: str) -> httpx.Response:
        """A request on a connection of its own, with the key."""
        return httpx.get(self.url + path, headers=self.headers, timeout=20, trust_env=False)

    def post(self, photo: bytes) -> httpx.Response:
        """Post an item of one photo."""
        given: dict[str, Any] = {"files": {"photos": photo}, "data": {"item": '{"rma": "1"}'}}
        return httpx.post(f"{self.url}/v1/inspections", headers=self.headers, timeout=60, trust_env=False, **given)

    def stored(self) -> int:
        """Inspections in its database."""
        database = open_database(self.settings)
        count = InspectionStore(database).count()
        database.close()
        return count


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    """Starts services with the given settings, and at most so many `descriptors`; they are killed with the test."""
    with ExitStack() as stack:

        def start(descriptors: int = 4096, **given: object) -> Launched:
            settings = Settings(_env_file=None, data_dir=tmp_path / "data")
            database = open_database(settings)
            key, _ = KeyStore(database).create("admin", "test")
            database.close()
            environment = os.environ | {f"REGRADE_{name.upper()}": str(value) for name, value in given.items()}
            serve = [str(REGRADE), "serve", "--port", "0", "--data-dir", str(settings.data_dir)]
            command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *serve]
            log = tmp_path / "log"
            with log.open("ab") as file:
                process = subprocess.Popen(command, stdout=file, stderr=file, cwd=tmp_path, env=environment)
            stack.callback(process.wait, 30)
            stack.callback(process.kill)
            url = wait_for(lambda: re.search(r"listening on (http://\S+)", log.read_text()), process)[1]
            made = Launched(url, key, settings, process, log)
            wait_for(lambda: made.get("/v2/health/ready").status_code == 200, process)
            return made

        yield start


def wait_for(done: Callable[[], Any], process: "subprocess.Popen[bytes] | None" = None, seconds: float = 60) -> Any:
    """What `done` returns once that is true."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end
        assert process is None or process.poll() is None
        time.sleep(0.02)
    return found
