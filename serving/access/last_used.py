"""When keys were last used: noted in passing, written from time to time, so that no request waits for it.

What was noted since it was last written is lost by `kill -9`: it is for admins to see what is idle, no evidence.
"""

import threading
from datetime import UTC, datetime

from sqlalchemy import update

from regrade.serving.base.errors import StorageError
from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys


class LastUsed:
    """Notes uses of keys, from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def note(self, key_id: str) -> None:
        """Note that a key is used now."""
        with self._lock:
            self._noted[key_id] = datetime.now(UTC)

    def flush(self) -> None:
        """Write what was noted; where there is no room for it now, it is kept for the next time."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            with self._database.write() as connection:
                for key_id, at in noted.items():
                    connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=at))
        except StorageError:
            with self._lock:
                self._noted = noted | self._noted
