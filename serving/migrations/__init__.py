"""The history of the schema, applied when the server starts."""

HEAD = "0005"
"""The newest revision; when the database is there already, Alembic need not even be loaded."""
