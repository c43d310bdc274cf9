"""Erasures: an append-only record of each, and what is still to be done. It follows 0008."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KEPT = (
    *("id", "inspection_id", "decided_at", "key_id", "reviewer", "model_condition", "condition", "disposition_source"),
    *("defects", "task_id", "kind", "blind", "seller_grade", "seconds"),
)
"""What stays of a decision on an erased inspection: all but its note, the words of its disposition, and the seller in
the name of its rubric."""
ERASED = "EXISTS (SELECT 1 FROM inspections WHERE id = OLD.inspection_id AND erased_at IS NOT NULL)"


def upgrade() -> None:
    op.add_column("inspections", sa.Column("erased_at", MOMENT))
    not_erased = sa.text("erased_at IS NULL")
    kept = ["status", "created_at", "id"]
    op.create_index("ix_inspections_kept", "inspections", kept, sqlite_where=not_erased, postgresql_where=not_erased)
    op.create_table(
        "erasures",
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("inspection_id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_at", "erasures", ["at"])
    op.create_table(
        "unfinished_erasures",
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("inspection_id", name="pk_unfinished_erasures"),
    )
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        # Used before `secure_delete`, the file must be written anew once; `regrade.serving.erasure.eraser` does so.
        op.execute("INSERT INTO unfinished_erasures SELECT '' WHERE EXISTS (SELECT 1 FROM inspections)")
        _guard_in_sqlite()
    elif dialect == "postgresql":
        _guard_in_postgresql()


def downgrade() -> None:
    raise RuntimeError("Going back would lose the record of what was erased. Restore the backup of before the upgrade.")


def _guard_in_sqlite() -> None:
    for change in ("UPDATE", "DELETE"):
        refuse = "BEGIN SELECT RAISE(ABORT, 'erasures is append-only'); END"
        op.execute(f"CREATE TRIGGER erasures_no_{change.lower()} BEFORE {change} ON erasures {refuse}")
    action = "json_extract({}.disposition, '$.action')".format
    op.execute("DROP TRIGGER reviews_no_update")
    op.execute(
        f"CREATE TRIGGER reviews_no_update BEFORE UPDATE ON reviews WHEN NOT {ERASED} OR NEW.note IS NOT NULL "
        f"OR {action('NEW')} IS NOT {action('OLD')} "
        + "".join(f"OR NEW.{name} IS NOT OLD.{name} " for name in KEPT)
        + "BEGIN SELECT RAISE(ABORT, 'reviews is append-only'); END"
    )


def _guard_in_postgresql() -> None:
    for change in ("UPDATE", "DELETE"):
        name = f"erasures_no_{change.lower()}"
        raised = "BEGIN RAISE EXCEPTION 'erasures is append-only'; END"
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {raised} $$")
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON erasures FOR EACH ROW EXECUTE FUNCTION {name}()")
    # JSON has no equality in PostgreSQL; as text it has.
    names = [f"{name}::text" if name == "defects" else name for name in KEPT]
    op.execute(
        "CREATE OR REPLACE FUNCTION reviews_no_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NOT {ERASED} OR NEW.note IS NOT NULL "
        "OR NEW.disposition->>'action' IS DISTINCT FROM OLD.disposition->>'action' "
        + "".join(f"OR NEW.{name} IS DISTINCT FROM OLD.{name} " for name in names)
        + "THEN RAISE EXCEPTION 'reviews is append-only'; END IF; RETURN NEW; END $$"
    )
