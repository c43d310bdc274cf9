"""What an item was before it was graded anew, and what reviewers ask of the station or of one another."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
DESK = (
    *("state", "created_at", "id", "kind", "category", "seller", "station", "reason", "value"),
    *("inspection_id", "lease_key_id", "lease_expires_at"),
)
"""The columns of the index that answers for the queue, before there was `route`."""


def upgrade() -> None:
    op.add_column("inspections", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("tasks", sa.Column("route", sa.String(16)))
    op.drop_index("ix_tasks_desk", "tasks")
    op.create_index("ix_tasks_desk", "tasks", [*DESK, "route"])
    _make_revisions()
    _make_asks()
    for table, of in (("revisions", "inspection_id"), ("revision_photos", "inspection_id"), ("asks", "inspection_id")):
        _guard(table, f"inspections WHERE id = OLD.{of}")
    _guard("ask_ends", "asks JOIN inspections ON inspections.id = asks.inspection_id WHERE asks.id = OLD.ask_id")


def downgrade() -> None:
    raise RuntimeError("Going back would lose earlier revisions. Restore the backup of before the upgrade.")


def _make_revisions() -> None:
    op.create_table(
        "revisions",
        _to("inspections", "revisions", "inspection_id", 36),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        _to("api_keys", "revisions", "key_id", 16),
        sa.Column("cause", sa.String(8), nullable=False),
        sa.Column("idempotency_key", sa.String(128)),
        sa.Column("body_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("declared", sa.String(128)),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("decision", sa.JSON()),
        sa.Column("sample_share", sa.Float()),
        sa.PrimaryKeyConstraint("inspection_id", "number", name="pk_revisions"),
        sa.UniqueConstraint("key_id", "idempotency_key", name="uq_revisions_key_id_idempotency_key"),
    )
    op.create_table(
        "revision_photos",
        _to("inspections", "revision_photos", "inspection_id", 36),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(32), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("size", "width", "height")),
        *(sa.Column(name, sa.Float()) for name in ("brightness", "sharpness", "warmth", "tint")),
        sa.PrimaryKeyConstraint("inspection_id", "revision", "position", name="pk_revision_photos"),
    )
    op.create_index("ix_revision_photos_sha256", "revision_photos", ["sha256"])


def _make_asks() -> None:
    op.create_table(
        "asks",
        sa.Column("id", sa.String(36), nullable=False),
        _to("inspections", "asks", "inspection_id", 36),
        _to("tasks", "asks", "task_id", 36),
        sa.Column("at", MOMENT, nullable=False),
        _to("api_keys", "asks", "key_id", 16),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("views", sa.JSON(), nullable=False),
        sa.Column("assignee_id", sa.String(16)),
        sa.Column("lease_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_asks"),
    )
    op.create_index("ix_asks_inspection_id_key_id", "asks", ["inspection_id", "key_id"])
    op.create_table(
        "ask_ends",
        _to("asks", "ask_ends", "ask_id", 36),
        sa.Column("at", MOMENT, nullable=False),
        _to("api_keys", "ask_ends", "key_id", 16),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("how", sa.String(8), nullable=False),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("ask_id", name="pk_ask_ends"),
    )


def _to(other: str, table: str, column: str, length: int) -> sa.Column[str]:
    """A column of `table` that names a row of another one."""
    key = sa.ForeignKey(f"{other}.id", name=f"fk_{table}_{column}_{other}")
    return sa.Column(column, sa.String(length), key, nullable=False)


def _guard(table: str, theirs: str) -> None:
    """Let rows of a table be added alone; only words of an inspection that was erased may be taken out of them."""
    erased = f"EXISTS (SELECT 1 FROM {theirs} AND erased_at IS NOT NULL)"
    dialect = op.get_bind().dialect.name
    for change, when in (("UPDATE", f"NOT {erased}"), ("DELETE", "")):
        name = f"{table}_no_{change.lower()}"
        if dialect == "sqlite":
            only = f"WHEN {when} " if when else ""
            refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} {only}{refuse}")
        elif dialect == "postgresql":
            raised = f"RAISE EXCEPTION '{table} is append-only';"
            body = f"IF {when} THEN {raised} END IF; RETURN NEW;" if when else raised
            op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
            op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
