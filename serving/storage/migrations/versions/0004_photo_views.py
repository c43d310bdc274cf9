"""Who looked at which photo."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE = "photo_views"


def upgrade() -> None:
    op.create_table(
        TABLE,
        # SQLite counts in its own INTEGER alone, which has 64 bits.
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("photo", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_photo_views"),
    )
    op.create_index("ix_photo_views_at", TABLE, ["at"])
    op.create_index("ix_photo_views_inspection_id", TABLE, ["inspection_id"])
    for change in ("UPDATE", "DELETE"):
        _forbid(change)


def downgrade() -> None:
    raise RuntimeError("Going back would lose who looked at which photo. Restore the backup of before the upgrade.")


def _forbid(change: str) -> None:
    dialect, name = op.get_bind().dialect.name, f"{TABLE}_no_{change.lower()}"
    if dialect == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{TABLE} is append-only'); END"
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {TABLE} {refuse}")
    elif dialect == "postgresql":
        raised = f"BEGIN RAISE EXCEPTION '{TABLE} is append-only'; END"
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {raised} $$")
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {TABLE} FOR EACH ROW EXECUTE FUNCTION {name}()")
