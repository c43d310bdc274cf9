"""The service in a process of its own, with a key, and stations that post made-up items to it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any, Self

from regrade.models.errors import RegradeError
from regrade.models.registry.activations import LOG_NAME
from regrade.models.registry.store import FOLDER
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.installation.data_dir import open_database
from regrade.serving.planning.client import multipart
from regrade.serving.telemetry.process_memory import peak_bytes

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
REQUEST_SECONDS = 120.0
RETRY_SECONDS = 0.1
_COMMAND = "from regrade.serving.cli.main import main; main()"
_COMMENT = b"\xff\xfe\x00\x0a"
"""A JPEG comment of 8 bytes (ITU-T T.81, B.2.4.5): with another one, the same picture is another file."""


class ServiceProcessError(RegradeError):
    """The service did not start, or did not take an item; the message holds what it said."""


@dataclass(slots=True)
class Posted:
    """Items that were posted. `seconds` of each from sending to answer; `elapsed` of all; `client_cpu_s` what
    sending them cost this process; `body_bytes` the mean body; `refused` answers 503, each of which was tried again."""

    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    client_cpu_s: float = 0.0
    refused: int = 0
    body_bytes: float = 0.0


class ServiceProcess:
    """`regrade serve` on the loopback address with `folder` as its data directory, ready when entered."""

    def __init__(self, settings: Settings, folder: Path, category: str | None) -> None:
        self._folder = folder
        self._log = folder / "serve.log"
        self._item: dict[str, Any] = {"rma": "PLAN"} | ({} if category is None else {"category": category})
        self._numbers = count()
        # Whatever database the installation has: made-up items belong into none but this one.
        own = {"data_dir": folder, "database_url": f"sqlite:///{folder.absolute() / 'regrade.db'}"}
        database = open_database(settings.model_copy(update=own))
        self._key, _ = KeyStore(database).create("station", "plan")
        database.close()
        _lend_bundles(settings.data_dir / FOLDER, folder / FOLDER)
        self._environment = os.environ | {f"REGRADE_{name.upper()}": str(value) for name, value in own.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", _COMMAND, "serve", "--host", "127.0.0.1", "--port", "0", "--log-level", "info"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=log)
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def memory_bytes(self) -> int | None:
        """The most memory that the service has held so far (VmHWM), None where the kernel does not tell."""
        assert self._process is not None
        return peak_bytes(self._process.pid)

    def post(self, photos: Sequence[bytes]) -> None:
        """Post one item. Raises `ServiceProcessError` for any other answer than 201."""
        with closing(self._connect()) as connection:
            self._insist(connection, photos)

    def load(self, pool: Sequence[bytes], photos: int, *, at_once: int, seconds: float, at_least: int) -> Posted:
        """Post items of `photos` photos of `pool` for `seconds`, `at_once` at any time and `at_least` in all."""
        run, lock = Posted(), threading.Lock()
        end = time.perf_counter() + seconds
        sent = count()

        def station(_: int) -> None:
            with closing(self._connect()) as connection:
                while (number := next(sent)) < at_least or time.perf_counter() < end:
                    chosen = [pool[(number + n) % len(pool)] for n in range(photos)]
                    started = time.perf_counter()
                    sent_bytes, refused = self._insist(connection, chosen)
                    with lock:
                        run.seconds.append(time.perf_counter() - started)
                        run.refused += refused
                        run.body_bytes += sent_bytes

        wall, core = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(at_once) as stations:
            list(stations.map(station, range(at_once)))
        run.elapsed, run.client_cpu_s = time.perf_counter() - wall, time.process_time() - core
        run.body_bytes /= len(run.seconds)
        return run

    def _insist(self, connection: HTTPConnection, photos: Sequence[bytes]) -> tuple[int, int]:
        """Post one item until it is taken. Returns the bytes of its body and how often it was refused."""
        assert self._process is not None
        end, refused = time.monotonic() + REQUEST_SECONDS, 0
        while not (size := self._post(connection, photos)):
            refused += 1
            if self._process.poll() is not None or time.monotonic() > end:
                raise ServiceProcessError(f"The service did not take an item. {self._said()}")
            time.sleep(RETRY_SECONDS)
        return size, refused

    def _post(self, connection: HTTPConnection, photos: Sequence[bytes]) -> int:
        """The bytes of the body, or 0 where there was no room for it."""
        boundary = uuid.uuid4().hex
        number = next(self._numbers)
        named = [
            (f"{n}.jpg", b"".join((data[:2], _COMMENT, f"{number:06d}{n:02d}".encode(), data[2:])))
            for n, data in enumerate(photos)
        ]
        body = multipart(boundary, self._item, named)
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        try:
            connection.request("POST", "/v1/inspections", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except ConnectionError:
            # A refusal comes before the body has been read, and then the connection ends.
            connection.close()
            return 0
        except (OSError, HTTPException) as error:
            raise ServiceProcessError(f"The service did not answer an item: {error}. {self._said()}") from error
        if answer.status == 503:
            return 0
        if answer.status != 201:
            raise ServiceProcessError(f"An item was refused with {answer.status}: {content.decode(errors='replace')}")
        if json.loads(content)["grade"] is None:
            raise ServiceProcessError("The service found the photos unfit to grade. Give more --megapixels.")
        return len(body)

    def _connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=REQUEST_SECONDS)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if process.poll() is not None:
                raise ServiceProcessError(f"The service ended before it was ready. {self._said()}")
            if time.monotonic() > end:
                raise ServiceProcessError(f"The service was not ready after {READY_SECONDS:.0f} s. {self._said()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        listening = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self._log.read_text(errors="replace"))
        if listening is None:
            return False
        self._port = int(listening[1])
        with closing(self._connect()) as connection:
            try:
                connection.request("GET", "/v2/health/ready")
                return connection.getresponse().status == 200
            except OSError:
                return False

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"It said: {lines[-1]}" if lines else "It said nothing."


def _lend_bundles(site: Path, target: Path) -> None:
    """Give another data directory what a site grades with. Its files are linked: they are never written in place, but
    for the log."""
    if site.is_dir() and not target.exists():
        shutil.copytree(site, target, copy_function=_link, ignore=shutil.ignore_patterns(LOG_NAME))


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
