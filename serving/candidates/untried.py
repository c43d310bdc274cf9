"""Which adapted bundle is to be tried next: the newest that was judged against what is active and was never tried."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select

from regrade.models.errors import BundleError
from regrade.models.registry.bundle import Bundle
from regrade.models.registry.changes import history
from regrade.models.registry.store import BundleStore
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import audit

_STEPS: Final = ("activate", "shadow", "canary", "propose", "return")


class Untried:
    """Remembers what it read of a bundle, which never changes. Blocks on files and on the database."""

    def __init__(self, store: BundleStore, database: Database) -> None:
        self._store, self._database = store, database
        self._read: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._gone: set[tuple[str, str]] = set()

    def newest(self, category: str, active: str) -> str | None:
        """A version of `category` that an adaptation made and judged against `active`; None where there is none that
        was neither active, nor on trial, nor ended by anybody before."""
        made = [
            (told[0], version)
            for version in self._store.versions(category)
            if version != active
            and (category, version) not in self._gone
            and (told := self._told(category, version)) is not None
            and told[1] == active
        ]
        if not made:
            return None
        self._gone |= {(category, version) for version in self._tried(category)}
        return max((one for one in made if (category, one[1]) not in self._gone), default=("", None))[1]

    def _told(self, category: str, version: str) -> tuple[str, str] | None:
        """When an adaptation made this version and what it judged it against; None for one that was trained, and for
        one that cannot be read: it cannot be tried either."""
        if (category, version) not in self._read:
            try:
                self._read[category, version] = _made(self._store.load(category, version))
            except BundleError:
                return None
        return self._read[category, version]

    def _tried(self, category: str) -> set[str]:
        query = select(audit.c.detail).where(audit.c.action.in_(_STEPS))
        with self._database.read() as connection:
            steps = [row.detail for row in connection.execute(query) if row.detail]
        found = {str(step.get("version")) for step in steps if step.get("category") == category}
        return found | {one.after for one in history(self._store, category)}


def _made(bundle: Bundle) -> tuple[str, str] | None:
    told = bundle.metrics.get("adapted")
    against = told.get("judged_against") if isinstance(told, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(against, Mapping):
        return None
    return str(told.get("at", "")), str(against.get("version", ""))
