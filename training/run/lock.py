"""Keeps a second process off a run folder."""

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from regrade.models.errors import RunError

_held: set[int] = set()


def _let_go_in_child() -> None:
    # A data loader's worker must not keep the folder locked when its parent has been killed.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class RunLock:
    """An exclusive lock on `folder`/lock. The kernel gives it free however the process ends, so none goes stale.

    The file stays and names the last holder; what counts is the kernel's lock. Raises `RunError` where another
    process, or another `Run` of this one, holds it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _read(descriptor)
            os.close(descriptor)
            raise RunError(
                f"{folder} is in use by {holder}. Wait for it or stop it, or give another folder with --run."
            ) from None
        os.ftruncate(descriptor, 0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}).encode(), 0)
        self._descriptor = descriptor
        _held.add(descriptor)

    def release(self) -> None:
        """Give the folder free; a second call does nothing."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            os.close(self._descriptor)


def holder(folder: Path) -> str | None:
    """Who holds the lock of `folder`, in words; None where nobody does."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read(descriptor)
    finally:
        os.close(descriptor)
    return None


def _read(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
