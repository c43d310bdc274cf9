"""Erasure in the background of a running service: what retention asks for, and what was left to finish."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from regrade.models.errors import RegradeError
from regrade.serving.erasure.eraser import Eraser
from regrade.serving.erasure.records import RETENTION
from regrade.serving.erasure.retention import Due
from regrade.serving.erasure.rules import Rules, written

EVERY: Final = 60.0
"""Seconds from one look at what is due to the next."""
PAUSE: Final = 0.5
"""Seconds from one batch to the next: erasing takes a small share of the disk and of a core, however much is due."""

log = logging.getLogger("regrade")


class Keeper:
    """One thread, which erases a batch, lets others work, and erases the next. `erased` is told of every batch."""

    def __init__(self, eraser: Eraser, rules: Rules, erased: Callable[[int], None]) -> None:
        self._eraser = eraser
        self._rules = rules
        self._erased = erased
        self._over = threading.Event()
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
                self._round()
            except RegradeError as error:
                log.warning("erasing in the background waits: %s", error)
            except Exception:
                # Nobody waits for it, and the next round may do better, such as once a database is back.
                log.exception("erasing in the background failed; it is tried again")
            self._over.wait(EVERY)

    def _round(self) -> None:
        self._eraser.finish()
        total = 0
        for count in self._eraser.erase_all(Due(self._rules, datetime.now(UTC)), RETENTION, written(self._rules)):
            total += count
            self._erased(count)
            if self._over.wait(PAUSE):
                break
        if total:
            log.info("retention: erased %d inspections", total)
