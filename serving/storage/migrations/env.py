"""Runs the migrations on the connection that `Database.migrate` hands over."""

from alembic import context

from regrade.serving.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes its schema in transactions like any other change, once BEGIN is really sent (see db.py).
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
