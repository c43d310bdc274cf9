"""`regrade adapt --all` once in each quiet stretch of the day, in a process of its own that gives way to everything."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from datetime import date, datetime
from typing import Any, Final

from regrade.serving.adaptation.quiet_hours import QuietHours
from regrade.serving.base.settings import Settings

EVERY: Final = 60.0
"""Seconds from one look at the clock to the next."""
STOP_SECONDS: Final = 5.0
NICE: Final = 19
COMMAND: Final = ("-c", "from regrade.serving.cli.main import main; main()", "adapt", "--all", "--json", "--attended")
_HANDED_ON: Final = ("data_dir", "database_url", "policy_file", "rubric_dir", "bundles_dir")

log = logging.getLogger("regrade")
Told = Callable[[str], None]


class Nightly:
    """One thread that looks at the clock, and one process at a time. `told` is told of each category's outcome.

    The process ends with this one, however this one ends: it watches a pipe that only this one holds. What it was at is
    then taken up the next night; nothing is half-written.

    `alone` tells whether this process is the one that does so, of those that share a database. It stays so for the
    night, or until it ends: another then takes its place.
    """

    def __init__(
        self,
        settings: Settings,
        told: Told,
        command: Sequence[str] = COMMAND,
        clock: Callable[[], datetime] = datetime.now,
        alone: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
    ) -> None:
        self._on, self._hours = settings.adapt, QuietHours.parse(settings.quiet_hours)
        named = {name: getattr(settings, name) for name in _HANDED_ON}
        self._environment = os.environ | {
            **{f"REGRADE_{name.upper()}": str(value) for name, value in named.items() if value is not None},
            **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")},
        }
        self._command = [sys.executable, *command]
        self._told, self._clock, self._alone = told, clock, alone
        self._leading = ExitStack()
        self._leads = False
        self._over = threading.Event()
        self._done: date | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="adapt", daemon=True)

    def start(self) -> None:
        """Begin to look at the clock, where the setting says so."""
        if self._on:
            self._thread.start()

    def stop(self) -> None:
        """End, and the process under way with it."""
        self._over.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            night = self._hours.night_of(self._clock())
            if night is None:
                self._stop_leading()
            elif night != self._done and self._lead():
                self._done = night
                try:
                    self._adapt()
                except Exception:
                    # Nobody waits for it, and the next night may do better.
                    log.exception("adapting heads failed; it is tried again the next night")
                    self._told("failed")
            self._over.wait(EVERY)
        self._stop_leading()

    def _lead(self) -> bool:
        if not self._leads:
            held = ExitStack()
            try:
                self._leads = held.enter_context(self._alone())
            except Exception as error:
                log.warning("who adapts heads tonight cannot be settled now: %s", error)
            self._leading = held
            if not self._leads:
                held.close()
        return self._leads

    def _stop_leading(self) -> None:
        self._leads = False
        try:
            self._leading.close()
        except Exception as error:
            log.warning("the lock for adapting heads was lost: %s", error)

    def _adapt(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(self._command, env=self._environment, **pipes) as process:  # type: ignore[call-overload]
            self._process = process
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
            if self._over.is_set():
                process.kill()
            # Not communicate(), which closes the pipe by which the process knows that we live.
            said: list[bytes] = []
            reader = threading.Thread(target=lambda: said.append(process.stderr.read()), daemon=True)
            reader.start()
            printed = process.stdout.read()
            code = process.wait()
            reader.join()
        self._process = None
        if self._over.is_set():
            log.info("adapting heads was ended with the service; it is taken up again")
        elif code != 0:
            words = said[0].decode(errors="replace").strip().splitlines() if said else []
            log.warning("adapting heads came to nothing: %s", words[-1] if words else f"it ended with {code}")
            self._told("failed")
        else:
            self._tell(json.loads(printed))

    def _tell(self, outcomes: Sequence[Mapping[str, Any]]) -> None:
        for outcome in outcomes:
            self._told(str(outcome["kind"]))
            log.info("adapting heads: %s: %s", outcome["category"], outcome["told"])
        counts = Counter(str(outcome["kind"]) for outcome in outcomes)
        log.info("adapting heads: %s", ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
