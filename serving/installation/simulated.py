"""Whether an installation holds a simulated history, so that everything that shows it can say so."""

from typing import Final

from sqlalchemy import select

from regrade.serving.storage.database import Database
from regrade.serving.storage.tables import api_keys

HISTORY_KEY: Final = "simulated history (regrade demo)"
"""The name of the key under which a simulated history's items came in. It lies in the database, revoked or not, and so
in every copy and backup of what was made up."""


def is_simulated(database: Database) -> bool:
    """Whether any of its items are made up."""
    with database.read() as connection:
        wanted = select(api_keys.c.id).where(api_keys.c.name == HISTORY_KEY).limit(1)
        return connection.execute(wanted).first() is not None
