"""Steps of a trial, each with its line in the audit trail: by whom, or by which rule."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from regrade.models.registry import trials
from regrade.models.registry.store import BundleStore
from regrade.models.registry.trials import Trial
from regrade.serving.access.audit import record, record_rule
from regrade.serving.access.keys import ApiKey
from regrade.serving.storage.database import Database

log = logging.getLogger("regrade")

Step = Literal["activate", "shadow", "canary", "propose", "return"]
STOP_RULE: Final = "trial.failing"


def note(database: Database, key: ApiKey, step: Step, detail: Mapping[str, Any]) -> None:
    """Add the line of a step that the holder of `key` has taken."""
    with database.write() as connection:
        record(connection, datetime.now(UTC), key, step, detail=detail)


def note_rule(database: Database, rule: str, step: Step, detail: Mapping[str, Any]) -> None:
    """Add the line of a step that a rule has taken."""
    with database.write() as connection:
        record_rule(connection, datetime.now(UTC), rule, step, detail)


def stop_trial(
    store: BundleStore, database: Database, category: str, reason: str, rule: str = STOP_RULE
) -> Trial | None:
    """Stop the trial of a category by a rule; None where none is running. Raises `BundleError` or `StorageError`."""
    stopped = trials.stop(store, category, by=f"by rule {rule}", reason=reason)
    if stopped is not None:
        log.error("the trial of %s %s is stopped: %s", category, stopped.version, reason)
        note_rule(database, rule, "shadow", {"category": category, "version": stopped.version, "stopped": reason})
    return stopped
