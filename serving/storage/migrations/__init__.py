"""The history of the schema, applied when the server starts."""

from pathlib import Path

HEAD = "0022"
"""The newest revision; when the database is there already, Alembic need not even be loaded."""


def revisions() -> frozenset[str]:
    """All revisions that this version knows; each is the beginning of a file's name."""
    return frozenset(path.name[:4] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))
