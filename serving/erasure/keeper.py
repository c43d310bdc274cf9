"""Erasure in the background of a running service: what retention asks for, and what was left to finish."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Final

from regrade.models.errors import RegradeError
from regrade.serving.base.retention_rules import Rules, written
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.records import RETENTION
from regrade.serving.erasure.retention import Due

EVERY: Final = 60.0
"""Seconds from one look at what is due to the next."""
BATCH: Final = 2
PAUSE: Final = 0.5
"""How many inspections are erased at once, and the seconds until the next: nobody waits for so few, however many are
due. In a day that makes 345,000."""
TIDY_EVERY: Final = 3600.0
"""Seconds after which indexes are built anew, where that takes so long that others could notice."""

Alone = Callable[[], AbstractContextManager[bool]]

log = logging.getLogger("regrade")


class Keeper:
    """One thread, which erases a batch, lets others work, and erases the next. `erased` is told of every batch.

    `alone` tells whether this process is the one that does so, of those that share a database.
    """

    def __init__(
        self, eraser: Eraser, rules: Rules, erased: Callable[[int], None], alone: Alone = lambda: nullcontext(True)
    ) -> None:
        self._eraser = eraser
        self._rules = rules
        self._erased = erased
        self._alone = alone
        self._over = threading.Event()
        self._tidy_at = time.monotonic() + TIDY_EVERY
        self._thread = threading.Thread(target=self._run, name="erase", daemon=True)

    def start(self) -> None:
        """Begin, with what was left to finish."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch under way."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with self._alone() as mine:
                    if mine:
                        self._round()
            except RegradeError as error:
                log.warning("erasing in the background waits: %s", error)
            except Exception:
                # Nobody waits for it, and the next round may do better, such as once a database is back.
                log.exception("erasing in the background failed; it is tried again")
            self._over.wait(EVERY)

    def _round(self) -> None:
        total = 0
        meant = Due(self._rules, datetime.now(UTC))
        for count in self._eraser.erase_all(meant, RETENTION, written(self._rules), batch=BATCH):
            total += count
            self._erased(count)
            if self._over.wait(PAUSE):
                break
        if total:
            log.info("retention: erased %d inspections", total)
        if self._eraser.finish(patient=time.monotonic() >= self._tidy_at):
            self._tidy_at = time.monotonic() + TIDY_EVERY
