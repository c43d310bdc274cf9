"""Decoding in processes that can be ended, for files whose structure does not show that they are quick.

A thread cannot be ended; a process can. A few are kept for the next photo. They hold no descriptor of ours but two
pipes, end when these are closed, and end themselves when a photo costs more than it may, so that nothing is left of
them whatever becomes of this process. They yield the cores to whoever else wants them.
"""

import atexit
import json
import logging
import os
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

import numpy as np

from regrade.models.errors import PhotoError
from regrade.models.photos.files.pixels import Decoded
from regrade.models.photos.files.refusals import too_slow, unreadable

REQUEST: Final = struct.Struct("<QI16sd")
"""Bytes of the file, side in pixels, media type, core-seconds; the file follows."""
ANSWER: Final = struct.Struct("<BIIIIQ")
"""0, rows and columns of pixels, width and height of the whole photo, and the number of bytes of the pixels, which
follow; or 1, and at the end the number of bytes of a refusal in JSON."""
_IDLE: Final = 2
"""Processes that are kept. Each holds some 60 MB."""
_PATIENCE: Final = 120.0
"""Seconds to wait for an answer where the caller says nothing else: the cores may be busy with other things."""
_END_SECONDS: Final = 1.0
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
"""What it must know; passwords in the environment are not for who decodes strangers' files."""

log = logging.getLogger("regrade")


class _Process:
    """One process, busy with nothing or with one photo."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "regrade.models.photos.files.helper_main"]
        known = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment = known | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        self.late = False
        """Whether it was ended because it did not answer."""

    def ask(self, data: bytes, media_type: str, side: int, seconds: float, patience: float) -> Decoded:
        """As `decode`. Raises `OSError` or `EOFError` where the process has ended, too."""
        assert self._popen.stdin is not None
        timer = threading.Timer(patience, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            self._popen.stdin.write(REQUEST.pack(len(data), side, media_type.encode(), seconds))
            self._popen.stdin.write(data)
            self._popen.stdin.flush()
            return self._answer()
        finally:
            timer.cancel()

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

    def _answer(self) -> Decoded:
        refused, rows, columns, width, height, size = ANSWER.unpack(self._read(ANSWER.size))
        content = self._read(size)
        if refused:
            raise PhotoError(**json.loads(content))
        return Decoded(np.frombuffer(content, np.uint8).reshape(rows, columns, 3), width, height)

    def _read(self, size: int) -> bytes:
        assert self._popen.stdout is not None
        content = self._popen.stdout.read(size)
        if len(content) < size:
            raise EOFError
        return content


class _Pool:
    """The processes of this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()

    def take(self) -> _Process:
        with self._lock:
            process = self._idle.pop() if self._idle else _Process()
            self._busy.add(process)
        return process

    def give_back(self, process: _Process, *, usable: bool) -> int:
        with self._lock:
            self._busy.discard(process)
            if usable and len(self._idle) < _IDLE:
                self._idle.append(process)
                return 0
        return process.bury()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            for process in self._busy:
                process.kill()
        for process in idle:
            process.bury()


_pool = _Pool()


def decode(data: bytes, media_type: str, side: int, seconds: float, patience: float | None = None) -> Decoded:
    """What `pixels.decode` makes of a file, within `seconds` of a core and `patience` seconds by the clock.

    Raises `PhotoError`: as that does, and `too_slow`.
    """
    pool, patience = _pool, _PATIENCE if patience is None else patience
    process, usable, code = pool.take(), False, 0
    try:
        decoded = process.ask(data, media_type, side, seconds, patience)
        usable = True
        return decoded
    except PhotoError:
        usable = True
        raise
    except (OSError, EOFError):
        pass
    finally:
        code = pool.give_back(process, usable=usable)
    if process.late:
        raise too_slow(patience)
    if code == -signal.SIGPROF:
        raise too_slow(seconds)
    log.error("a decoder of %s ended its process with %d", media_type, code)
    raise unreadable()


def close() -> None:
    """End all processes, busy ones included; the next photo starts another."""
    _pool.close()


def _forget() -> None:
    # A fork has copies of our pipes: two that write to one would mix their photos up.
    global _pool
    _pool = _Pool()


atexit.register(close)
os.register_at_fork(after_in_child=_forget)
