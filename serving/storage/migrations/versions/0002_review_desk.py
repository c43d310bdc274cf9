"""The review desk: looks that humans owe as tasks with leases, undone decisions, an audit trail, sessions."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
APPEND_ONLY = ("audit", "reviews", "review_undos")
LEASE = ("lease_key_id", "lease_hash", "lease_expires_at")
ROWS = 1000
"""Inspections read at once while their tasks are made."""


def upgrade() -> None:
    op.add_column("inspections", sa.Column("sample_share", sa.Float()))
    for name in ("brightness", "sharpness", "warmth", "tint"):
        op.add_column("inspection_photos", sa.Column(name, sa.Float()))
    _create_tasks()
    # Written out: Alembic would make the constraint apart, which SQLite cannot; both databases know this form.
    op.execute(
        "ALTER TABLE reviews ADD COLUMN task_id VARCHAR(36) CONSTRAINT fk_reviews_task_id_tasks REFERENCES tasks (id)"
    )
    op.add_column("reviews", sa.Column("kind", sa.String(8), nullable=False, server_default="unsure"))
    op.add_column("reviews", sa.Column("blind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("reviews", sa.Column("rubric", sa.String(128)))
    op.add_column("reviews", sa.Column("seller_grade", sa.String(64)))
    op.add_column("reviews", sa.Column("seconds", sa.Float()))
    _create_records()
    _move_leases()
    # Not in batch mode: SQLite would make the table anew, and could not drop the old one, which others refer to.
    for name in LEASE:
        op.drop_column("inspections", name)
    for table in APPEND_ONLY:
        _forbid_changes(table)


def downgrade() -> None:
    raise RuntimeError("Going back would lose decisions and the audit trail. Restore the backup of before the upgrade.")


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("share", sa.Float()),
        sa.Column("category", sa.String(64)),
        sa.Column("seller", sa.String(128)),
        sa.Column("station", sa.String(128)),
        sa.Column("reason", sa.String(64)),
        sa.Column("value", sa.Float()),
        sa.Column("lease_key_id", sa.String(16)),
        sa.Column("lease_hash", sa.String(64)),
        sa.Column("leased_at", MOMENT),
        sa.Column("lease_expires_at", MOMENT),
        sa.Column("done_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspections.id"], name="fk_tasks_inspection_id_inspections"),
        sa.UniqueConstraint("inspection_id", "kind", name="uq_tasks_inspection_id_kind"),
    )
    wanted = ["state", "created_at", "id", "kind", "category", "seller", "station", "reason", "value"]
    op.create_index("ix_tasks_desk", "tasks", [*wanted, "inspection_id", "lease_key_id", "lease_expires_at"])
    op.create_index("ix_tasks_lease_key_id_state", "tasks", ["lease_key_id", "state"])


def _create_records() -> None:
    op.create_table(
        "review_undos",
        sa.Column("review_id", sa.String(36), nullable=False),
        sa.Column("undone_at", MOMENT, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("review_id", name="pk_review_undos"),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"], name="fk_review_undos_review_id_reviews"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_review_undos_key_id_api_keys"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("name", sa.String(100)),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("inspection_id", sa.String(36)),
        sa.Column("task_id", sa.String(36)),
        sa.Column("detail", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_inspection_id", "audit", ["inspection_id"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_sessions_key_id_api_keys"),
    )
    op.create_index("ix_sessions_key_id", "sessions", ["key_id"])


def _move_leases() -> None:
    """Every item that waited for a human gets an open task, every one that was decided a task that is done."""
    connection = op.get_bind()
    tasks = sa.table(
        "tasks",
        *(sa.column(name) for name in _TASK),
        sa.column("created_at", MOMENT),
        sa.column("lease_expires_at", MOMENT),
        sa.column("done_at", MOMENT),
    )
    reviews = sa.table("reviews", sa.column("inspection_id"), sa.column("decided_at", MOMENT), sa.column("task_id"))
    for rows in _inspections(connection):
        ids = [row.id for row in rows]
        decided = sa.select(reviews.c.inspection_id, sa.func.max(reviews.c.decided_at).label("at"))
        found = connection.execute(decided.where(reviews.c.inspection_id.in_(ids)).group_by(reviews.c.inspection_id))
        done = {row.inspection_id: row.at for row in found}
        made = [_task(row, done.get(row.id)) for row in rows]
        connection.execute(sa.insert(tasks), made)
        link = sa.update(reviews).where(reviews.c.inspection_id == sa.bindparam("inspection"))
        linked = [{"inspection": t["inspection_id"], "task": t["id"]} for t in made if t["inspection_id"] in done]
        if linked:
            connection.execute(link.values(task_id=sa.bindparam("task")), linked)


_TASK = ("id", "inspection_id", "kind", "state", "category", "seller", "station", "reason", "value",
         "lease_key_id", "lease_hash")  # fmt: skip


def _inspections(connection: sa.Connection) -> Iterator[list[Any]]:
    """The inspections that a human has, or had, to look at; some at a time, as there may be very many."""
    names = ("id", "status", "category", "seller", "station", "lease_key_id", "lease_hash")
    table = sa.table(
        "inspections",
        *(sa.column(name) for name in names),
        sa.column("created_at", MOMENT),
        sa.column("lease_expires_at", MOMENT),
        sa.column("item", sa.JSON()),
        sa.column("decision", sa.JSON()),
    )
    last = ""
    query = sa.select(table).where(table.c.status.in_(("needs_review", "reviewed"))).order_by(table.c.id).limit(ROWS)
    while rows := list(connection.execute(query.where(table.c.id > last))):
        yield rows
        last = rows[-1].id


def _task(row: Any, done_at: Any) -> dict[str, Any]:
    waits = row.status == "needs_review"
    reasons = (row.decision or {}).get("review") or [{}]
    return {
        "id": str(uuid4()),
        "inspection_id": row.id,
        "kind": "unsure",
        "state": "open" if waits else "done",
        "created_at": row.created_at,
        "category": row.category,
        "seller": row.seller,
        "station": row.station,
        "reason": reasons[0].get("code"),
        "value": _value(row.item, row.decision or {}),
        "lease_key_id": row.lease_key_id,
        "lease_hash": row.lease_hash,
        "lease_expires_at": row.lease_expires_at if waits else None,
        "done_at": None if waits else done_at,
    }


def _value(item: Any, decision: Any) -> float | None:
    """The declared value in the policy's currency: as declared, or as the policy's decision converted it."""
    declared, disposition = item.get("declared_value"), decision.get("disposition") or {}
    if declared is None:
        return None
    if declared["currency"] == (disposition.get("expected_recovery") or {}).get("currency"):
        return float(declared["amount"])
    converted = (r["params"]["amount"] for r in disposition.get("reasons", ()) if r["code"] == "converted")
    return next((float(amount) for amount in converted), None)


def _forbid_changes(table: str) -> None:
    dialect = op.get_bind().dialect.name
    for change in ("UPDATE", "DELETE"):
        name = f"{table}_no_{change.lower()}"
        if dialect == "sqlite":
            refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} {refuse}")
        elif dialect == "postgresql":
            raised = f"BEGIN RAISE EXCEPTION '{table} is append-only'; END"
            op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {raised} $$")
            each = f"BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
            op.execute(f"CREATE TRIGGER {name} {each}")
