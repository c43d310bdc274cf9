"""Signed steps of inspections, kept as they were signed. What is there already is signed by the service, later."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evidence_steps",
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("inspection_id", sa.String(36)),
        sa.Column("seq", sa.Integer()),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("view_signature", sa.String(88)),
        sa.PrimaryKeyConstraint("log_index", name="pk_evidence_steps"),
        sa.UniqueConstraint("inspection_id", "seq", name="uq_evidence_steps_inspection_id_seq"),
    )
    op.create_table(
        "evidence_disclosures",
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.String(128), nullable=False),
        sa.Column("inspection_id", sa.String(36)),
        sa.Column("disclosure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", "path", name="pk_evidence_disclosures"),
    )
    op.create_index("ix_evidence_disclosures_inspection_id", "evidence_disclosures", ["inspection_id"])
    head = op.create_table(
        "evidence_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_evidence_head"),
    )
    op.bulk_insert(head, [{"id": 1, "log_index": -1, "sha256": None}])
    _forbid("evidence_steps", "UPDATE", "is append-only")
    _forbid("evidence_steps", "DELETE", "is append-only")
    _forbid("evidence_disclosures", "UPDATE", "is never changed, only deleted from")


def downgrade() -> None:
    raise RuntimeError("Going back would lose signed evidence. Restore the backup of before the upgrade.")


def _forbid(table: str, change: str, why: str) -> None:
    dialect, name = op.get_bind().dialect.name, f"{table}_no_{change.lower()}"
    if dialect == "sqlite":
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, '{table} {why}'); END")
    elif dialect == "postgresql":
        raised = f"BEGIN RAISE EXCEPTION '{table} {why}'; END"
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {raised} $$")
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
