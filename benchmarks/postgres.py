"""A server of PostgreSQL of one's own, in a temporary folder: what tests and measurements start, and may kill."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
from sqlalchemy import make_url

from regrade.serving.storage.database import Database

MISSING = "no PostgreSQL is installed here (Debian: apt-get install postgresql); these tests ran on SQLite alone"
_LEFT = 8
"""Databases of tests that are over which are left alone: services end beside the next test."""
_FAST = ("fsync=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=64MB", "max_connections=300")
"""What dies with the test may be lost with it; only the tests that cut the power of a server sync for real."""


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


class Cluster:
    """A server of PostgreSQL of one's own, in a temporary folder, reached by a socket in it. It ends with this process,
    however that ends. With `fast`, it may lose what it was told when the machine stops."""

    def __init__(self, *, fast: bool = True) -> None:
        where = programs()
        assert where is not None, MISSING
        self._bin = where
        # Not below pytest's own folder: the path of a socket has 107 bytes at most, and others must get to it.
        self.folder = Path(tempfile.mkdtemp(prefix="regrade-pg-"))
        self._settings = [*(_FAST if fast else ("max_connections=100",)), "listen_addresses="]
        self._numbers = count()
        self._done_with: deque[str] = deque()
        self._user = self._someone()
        data = self.folder / "data"
        options = ("-U", "regrade", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        made: list[str | Path] = [self._bin / "initdb", "-D", data, *options]
        subprocess.run(made, check=True, capture_output=True, **self._as_user())
        self._server: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = [option for one in self._settings for option in ("-c", one)]
        socket = ("-k", str(self.folder))
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *socket, *options],
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=_end_with_parent,
                **self._as_user(),
            )
        deadline = time.monotonic() + 60
        while True:
            with suppress(psycopg.OperationalError), psycopg.connect(self.conninfo("postgres")):
                return
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        """End every process of the server at once, as when it runs out of memory."""
        assert self._server is not None
        server = psutil.Process(self._server.pid)
        processes = [server, *server.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.wait()
        psutil.wait_procs(processes, timeout=30)

    def stop(self) -> None:
        """End the server, and remove all that it has."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, name: str) -> str:
        """How psycopg reaches the database `name`."""
        return f"host={self.folder} user=regrade dbname={name}"

    def url(self, name: str) -> str:
        """How SQLAlchemy reaches it."""
        return f"postgresql+psycopg://regrade@/{name}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """The URL of a new database, made like another one."""
        name = f"t{next(self._numbers)}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            while len(self._done_with) > _LEFT:
                connection.execute(f'DROP DATABASE "{self._done_with.popleft()}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.url(name)

    def migrated(self) -> str:
        """The URL of a new, empty database with the newest schema: the migrations run once."""
        if not hasattr(self, "_template"):
            url = self.create()
            database = Database(url)
            database.migrate()
            database.close()
            self._template = make_url(url).database
        return self.create(str(self._template))

    def let_go(self, url: str) -> None:
        """Say that a database is no longer needed, though a service may still be ending on it."""
        self._done_with.append(str(make_url(url).database))

    def _someone(self) -> str | None:
        """Whom the server runs as; it refuses to run as root."""
        if os.geteuid() != 0:
            return None
        shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o755)
        return "postgres"

    def _as_user(self) -> dict[str, Any]:
        who = {} if self._user is None else {"user": self._user, "group": self._user, "extra_groups": []}
        return {"start_new_session": True, "cwd": "/", **who}


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # PR_SET_PDEATHSIG: an immediate shutdown
