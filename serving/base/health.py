"""Is the service well? Named checks, which health, readiness and metrics go through alike.

Whoever has something to watch writes a `Check` and adds it to `Health`; what it finds is then told everywhere.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from regrade.serving.base.i18n import Message

State = Literal["ok", "starting", "failing"]

WATCH_SECONDS: Final = 5.0
"""How often a running service looks by itself: what has changed is in the log also where nobody asks."""

log = logging.getLogger("regrade")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found. `words` say what is wrong and what to do, for whoever runs the service; they name no
    path: anybody may ask. `told` is said in the log in their place."""

    name: str
    state: State = "ok"
    words: Message | str | None = None
    told: str | None = None


Check = Callable[[], Finding]
"""One check. It may wait for the disk or the database, and is called on any thread; it must not raise."""


class Health:
    """All checks of a service. Changes are logged, each once."""

    def __init__(self) -> None:
        self._looks: list[Check] = []
        self._last: dict[str, State] = {}
        self._lock = threading.Lock()

    def add(self, look: Check) -> None:
        """Look at one more thing from now on."""
        self._looks.append(look)

    def look(self) -> tuple[Finding, ...]:
        """What all checks find now, in the order in which they were added."""
        findings = tuple(look() for look in self._looks)
        with self._lock:
            for finding in findings:
                self._log(finding)
                self._last[finding.name] = finding.state
        return findings

    @property
    def failing(self) -> bool:
        """Whether some check had failed when it was last looked."""
        return "failing" in self._last.values()

    def _log(self, finding: Finding) -> None:
        before = self._last.get(finding.name, "ok")
        if finding.state == "failing" != before:
            log.error("not well: %s: %s", finding.name, finding.told or finding.words)
        elif before == "failing" != finding.state:
            log.warning("well again: %s", finding.name)


def worst(findings: tuple[Finding, ...]) -> State:
    """The state of a service of which `findings` were found."""
    states = {finding.state for finding in findings}
    return next((state for state in ("failing", "starting") if state in states), "ok")
