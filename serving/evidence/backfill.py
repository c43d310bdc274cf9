"""Signing what was there before steps were signed, once, after an upgrade.

Until it is done an inspection without a step is an old one. Then a step of the log says so, and from there on an
inspection without one is tampering: nothing that is put into the database by other hands is signed in passing.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, exists, func, select

from regrade.serving.base.errors import StorageError
from regrade.serving.evidence.log import append_log_step, begin
from regrade.serving.evidence.signer import Signer
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import evidence_steps, inspections

log = logging.getLogger("regrade")

DONE: Final = "backfilled"
BATCH: Final = 10
"""Inspections that are signed in one transaction: writers wait for it, some 25 ms."""
AGAIN: Final = 60
"""Seconds after which it is tried again, such as on a full disk."""
SHARE: Final = 0.25
"""The part of the time, at most, that is spent on it while items are graded beside it."""


def backfilled(connection: Connection) -> bool:
    """Whether all that was there before steps were signed has been signed."""
    query = select(evidence_steps.c.log_index).where(evidence_steps.c.inspection_id.is_(None))
    return connection.execute(query.where(evidence_steps.c.kind == DONE).limit(1)).first() is not None


class Backfill:
    """Signs old inspections beside a running service. `start` does at once what is done at once: nothing, mostly."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._signer = signer
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or go on where an earlier run was ended."""
        with self._database.read() as connection:
            if backfilled(connection):
                return
            left = connection.execute(select(inspections.c.id).where(~_SIGNED).limit(1)).first()
        if left is None and self._finished():
            return
        log.info("signing inspections of before evidence was signed at once, beside other work")
        self._thread = threading.Thread(target=self._run, name="backfill", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until all is signed."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End after the batch under way; the next start goes on."""
        self._stop.set()
        self.wait()

    def _run(self) -> None:
        last: str | None = ""
        while not self._stop.is_set():
            began = time.perf_counter()
            try:
                last = None if last is None else sign_batch(self._database, self._signer, last)
                if last is None and self._finished():
                    return
                pause = (time.perf_counter() - began) * (1 / SHARE - 1)
            except Exception:
                log.exception("old inspections cannot be signed now; it is tried again in %d s", AGAIN)
                pause = AGAIN
            self._stop.wait(pause)

    def _finished(self) -> bool:
        """Note that all is signed. False where it cannot be written now: a service must start on a full disk, too."""
        try:
            with self._database.write() as connection:
                if not backfilled(connection):
                    append_log_step(connection, self._signer, DONE, {"inspections": _signed_later(connection)})
        except StorageError as error:
            log.warning("that all inspections are signed cannot be noted now: %s", error)
            return False
        return True


def sign_batch(database: Database, signer: Signer, after: str = "", size: int = BATCH) -> str | None:
    """Sign up to `size` inspections that have no step, in the order of their ids, from the one after `after` on.

    Returns the id of the last one, None where there were none.
    """
    with database.read() as connection:
        query = select(inspections.c.id).where(inspections.c.id > after, ~_SIGNED).order_by(inspections.c.id)
        ids: Sequence[str] = connection.execute(query.limit(size)).scalars().all()
    if not ids:
        return None
    with database.write() as connection:
        for inspection_id in ids:
            try:
                begin(connection, signer, inspection_id)
            except (ValueError, TypeError) as error:
                # It stays unsigned, which `regrade store verify` reports, and keeps no other from being signed.
                log.error("inspection %s cannot be signed, for it cannot be read: %s", inspection_id, error)
    return ids[-1]


_SIGNED = exists().where(evidence_steps.c.inspection_id == inspections.c.id).correlate(inspections)


def _signed_later(connection: Connection) -> int:
    query = select(func.count()).select_from(evidence_steps).where(evidence_steps.c.kind == "recorded_before")
    return connection.execute(query).scalar_one()
