"""Processes for what must be endable: native code that reads strangers' bytes, for as long as these ask.

A thread cannot be ended; a process can. A few are kept for the next request. They hold no descriptor of ours but two
pipes, end when these are closed, and end themselves when a request costs more than it may, so that nothing is left of
them whatever becomes of this process.
"""

import atexit
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")
_END_SECONDS: Final = 1.0
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""What it must know; passwords in the environment are not for who decodes strangers' files."""


class EndedError(Exception):
    """The process ended before it had answered: with `code`, as `Popen.returncode`; `late`: since we ended it."""

    def __init__(self, code: int, *, late: bool) -> None:
        super().__init__(f"it ended with {code}")
        self.code = code
        self.late = late

    @property
    def took_too_long(self) -> bool:
        """Whether it had used up its core-seconds."""
        return self.code == -signal.SIGPROF


class Process:
    """One process of a Python module, busy with nothing or with one request."""

    def __init__(self, module: str) -> None:
        command = [sys.executable, "-P", "-m", module]
        known = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment = known | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        self.late = False
        """Whether it was ended because it did not answer."""

    def ask(self, request: Sequence[bytes], answer: "Callable[[Process], T]", patience: float) -> T:
        """What `answer` reads after the parts of a request were written, within `patience` seconds by the clock.

        Raises what `answer` does, and `OSError` or `EOFError` where the process has ended.
        """
        assert self._popen.stdin is not None
        timer = threading.Timer(patience, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            for part in request:
                self._popen.stdin.write(part)
            self._popen.stdin.flush()
            return answer(self)
        finally:
            timer.cancel()

    def read(self, size: int) -> bytes:
        """The next bytes of its answer, exactly `size`. Raises `EOFError` where there are no more."""
        assert self._popen.stdout is not None
        content = self._popen.stdout.read(size)
        if len(content) < size:
            raise EOFError
        return content

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()

    def bury(self) -> int:
        """Let it end, or end it. Returns how it ended, as `Popen.returncode`."""
        for pipe in (self._popen.stdin, self._popen.stdout):
            with suppress(OSError):  # what could not be written any more
                assert pipe is not None
                pipe.close()
        try:
            return self._popen.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.wait()

    def _give_up(self) -> None:
        self.late = True
        self.kill()


class Pool:
    """The processes of one module that this one has; at most `idle` of them wait for the next request."""

    def __init__(self, module: str, idle: int) -> None:
        self._module = module
        self._most = idle
        self._begin()
        atexit.register(self.close)
        # A fork has copies of our pipes: two that write to one would mix their requests up.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Process] = []
        self._busy: set[Process] = set()

    def ask(
        self,
        request: Sequence[bytes],
        answer: Callable[[Process], T],
        patience: float,
        sound: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> T:
        """As `Process.ask`, of one that is idle or new. It is kept unless it failed; what is raised of the types
        `sound` is an answer like any other. Raises `EndedError`."""
        process, usable, code = self._take(), False, 0
        try:
            found = process.ask(request, answer, patience)
            usable = True
            return found
        except sound:
            usable = True
            raise
        except (OSError, EOFError):
            pass
        finally:
            code = self._give_back(process, usable=usable)
        raise EndedError(code, late=process.late)

    def close(self) -> None:
        """End all processes, busy ones included; the next request starts another."""
        with self._lock:
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.kill()
        for process in idle:
            process.bury()

    def _take(self) -> Process:
        with self._lock:
            process = self._idle.pop() if self._idle else Process(self._module)
            self._busy.add(process)
        return process

    def _give_back(self, process: Process, *, usable: bool) -> int:
        with self._lock:
            self._busy.discard(process)
            if usable and len(self._idle) < self._most:
                self._idle.append(process)
                return 0
        return process.bury()


def give_up_rights(memory: int, nice: int) -> None:
    """For the process itself: no more than `memory` bytes of address space, no files written, no core dumped, and the
    end of it once the core-seconds of a request (`signal.ITIMER_PROF`) are over; `nice` to who else wants the cores."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # who ends a whole group wants the photos under way answered first
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(nice)
    with suppress(OSError):  # of all processes the kernel should end this one first, when memory is short
        Path("/proc/self/oom_score_adj").write_text("500")
