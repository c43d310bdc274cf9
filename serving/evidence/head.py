"""How far the log of steps has come, kept beside the keys: who can change the database alone cannot cut its end off.

The file holds one JWS of {"format", "index", "sha256", "at"}: the place and the hash of the newest step. It is written
after each commit and not synced, for it costs every decision its time: after a loss of power it may lag behind, which
it may at any time. That the log has come no further than the file says is what is found out.
"""

import fcntl
import json
import logging
import os
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from regrade.serving.evidence.keys import KeyRing, SignatureError, UnknownKeyError

log = logging.getLogger("regrade")

FORMAT: Final = "regrade-evidence-head/1"
HEAD_TYPE: Final = "regrade-evidence-head+jws"
FILE: Final = "evidence-head.jws"
LOST: Final = "evidence-lost-{index}.jws"
BYTES: Final = 512
"""The size of the file, the same for every head."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest step of a log: its place, from 0, and its SHA-256."""

    index: int
    sha256: str | None
    at: str = ""


class HeadFile:
    """The head as kept in `directory`, signed by `sign`, by one process or several on one database.

    Methods may be called from any thread.
    """

    def __init__(self, directory: Path, sign: Callable[[bytes], str], known: KeyRing) -> None:
        self._sign = sign
        self._known = known
        self.path = directory / FILE
        self._lock = threading.Lock()
        try:
            found = read_head(self.path, known)
        except (SignatureError, UnknownKeyError) as error:
            log.error("%s is damaged (%s): how far the log of evidence had come is not known", self.path, error)
            found = None
        self._index = -1 if found is None else found.index

    @property
    def index(self) -> int:
        """How far the log is known to have come; -1 where nothing is known."""
        return self._index

    def advance(self, index: int, sha256: str) -> None:
        """Note that the log has come as far as `index`, unless it is known to have come further.

        It never fails a decision that is stored: where it cannot be written, the file lags behind, and the log says so.
        """
        with self._lock:
            if index <= self._index:
                return
            try:
                self._write(index, sha256)
                self._index = index
            except OSError as error:
                log.warning("%s could not be written: %s", self.path, error.strerror)

    def give_up(self) -> Path:
        """Begin anew after steps were lost; what was known of them stays beside it, and is returned."""
        with self._lock:
            kept = self.path.with_name(LOST.format(index=self._index))
            self.path.replace(kept)
            self._index = -1
            return kept

    def _write(self, index: int, sha256: str) -> None:
        said = {"format": FORMAT, "index": index, "sha256": sha256, "at": datetime.now(UTC).isoformat()}
        # Over the old one, within one sector: a new file in its place would have to be written out at once.
        text = self._sign(json.dumps(said).encode()).ljust(BYTES)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not self._further(descriptor, index):
                os.pwrite(descriptor, text.encode(), 0)
        finally:
            os.close(descriptor)

    def _further(self, descriptor: int, index: int) -> bool:
        """Whether another process has noted a later step meanwhile."""
        there = os.pread(descriptor, BYTES, 0).strip()
        try:
            # Checked only where it would be believed: that costs as much as signing.
            told = json.loads(urlsafe_b64decode(there.split(b".")[1] + b"=="))["index"]
            if told <= index:
                return False
            self._known.check(there.decode())
        except (SignatureError, UnknownKeyError, ValueError, LookupError, TypeError):
            return False
        return True


def read_head(path: Path, keys: KeyRing, *, again: bool = True) -> Head | None:
    """The head in a file; None where there is no file, or nothing in it as after a loss of power.

    Raises `SignatureError` or `UnknownKeyError` for one that was not signed here.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
        if not text:
            return None
        _, payload = keys.check(text)
    except FileNotFoundError:
        return None
    except SignatureError:
        if again:
            return read_head(path, keys, again=False)  # it may have been written that very moment
        raise
    said = json.loads(payload)
    if said.get("format") != FORMAT:
        raise SignatureError("it is signed, but is no head of a log of evidence")
    return Head(int(said["index"]), str(said["sha256"]), str(said["at"]))


def lost_heads(directory: Path, keys: KeyRing) -> list[Head]:
    """Heads that a service has found the database behind of when it started, and nobody has removed since."""
    found = []
    for path in sorted(directory.glob(LOST.format(index="*"))):
        try:
            head = read_head(path, keys)
        except (SignatureError, UnknownKeyError):
            continue
        if head is not None:
            found.append(head)
    return found
