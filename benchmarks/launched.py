"""A server that is started for a benchmark: in a process and a session of its own, and known to be ready."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx


class Launched:
    """A server at `url`, whose requests want `headers`; it was ready `ready_s` seconds after its start.

    Those that derive from it start it by `_launch` in `__enter__`, end it in `__exit__`, and tell by `_is_ready`
    whether it answers. What it says goes to the file `log`.
    """

    LIMIT_S: ClassVar[float] = 60
    """It must be ready by then."""
    PATIENCE_S: ClassVar[float] = 1
    """So long may it take to answer whether it is ready."""
    PAUSE_S: ClassVar[float] = 0.01
    """So long is waited before it is asked again."""

    url: str
    headers: dict[str, str]
    pid: int
    log: Path
    ready_s: float
    process: "subprocess.Popen[bytes]"

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def _is_ready(self, client: httpx.Client) -> bool:
        raise NotImplementedError

    def _launch(self, command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> None:
        """Start `command` in `folder` with `environment` added to this one, and wait until it is ready.

        Raises RuntimeError with what it said where it ends before that, or takes too long; it is then ended.
        """
        started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for the benchmark, which then ends the server in its own way
            )
        self.pid = self.process.pid
        try:
            self._wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.ready_s = time.monotonic() - started

    def _wait_ready(self) -> None:
        end = time.monotonic() + self.LIMIT_S
        with httpx.Client(trust_env=False, timeout=self.PATIENCE_S) as client:
            while time.monotonic() < end and self.process.poll() is None:
                try:
                    if self._is_ready(client):
                        return
                except httpx.TransportError:
                    pass
                time.sleep(self.PAUSE_S)
        raise RuntimeError(f"the server did not become ready:\n{self.log.read_text()[-3000:]}")


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
