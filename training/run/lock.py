"""Keeps a second process off a run folder."""

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

from regrade.models.errors import RunError


class RunLock:
    """An exclusive lock on `folder`/lock. The kernel gives it free however the process ends, so none goes stale.

    The file stays and names the last holder; what counts is the kernel's lock, which the workers of a data loader do
    not inherit. Raises `RunError` where another process, or another `Run` of this one, holds it.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "lock"
        # A run may be closed by another thread. A file system without locks must fail: a mark there would go stale.
        self._lock = FileLock(path, thread_local=False, fallback_to_soft=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise RunError(
                f"{folder} is in use by {_named_in(path)}. Wait for it or stop it, or give another folder with --run."
            ) from None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        path.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}))

    def release(self) -> None:
        """Give the folder free; a second call does nothing."""
        self._lock.release()


def holder(folder: Path) -> str | None:
    """Who holds the lock of `folder`, in words; None where nobody does. The folder need not be writable."""
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if lock_descriptor(descriptor, blocking=False) else _named_in(path)
    finally:
        os.close(descriptor)


def _named_in(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
