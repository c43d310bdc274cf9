"""What another process has activated or put on trial is taken over: bundles lie in one folder for all."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from regrade.models.errors import BundleError
from regrade.models.registry import trials
from regrade.models.registry.store import BundleStore
from regrade.models.registry.trials import Trial
from regrade.serving.grading.graders import Graders

FOLLOW_SECONDS: Final = 3.0
"""From one look at the folder to the next: for so long two processes may grade with different versions. Each inspection
says by which it was graded."""

log = logging.getLogger("regrade")

_State = tuple[Mapping[str, str], Mapping[str, Trial]]


class Following:
    """Compares the folder with what it held at the last look. `call` runs what blocks on a thread."""

    def __init__(self, graders: Graders, call: Any) -> None:
        self._graders, self._call = graders, call
        self._seen: _State | None = None

    async def step(self) -> bool:
        """Look once; returns whether something was taken over. What cannot be is tried again when it changes."""
        try:
            found: _State = await self._call(_state, self._graders.store)
            before, self._seen = self._seen, found
            graded_by = dict(self._graders.current.versions)
            if found == before or (before is None and found[0] == graded_by):
                return False
            await self._graders.reload()
        except (BundleError, OSError) as error:
            log.error("what another process has activated cannot be taken over: %s", error)
            return False
        return True


def _state(store: BundleStore) -> _State:
    return store.active_versions(), trials.trials(store)
