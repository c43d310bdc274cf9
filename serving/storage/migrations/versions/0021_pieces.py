"""Which pieces belong to an item, and which of them are there."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WIDE = (
    *("created_at", "id", "updated_at", "status", "condition", "disposition", "category", "seller", "station"),
    *("decided_by", "rma", "sku", "model_condition", "model_confidence", "suggested", "recovery", "policy_recovery"),
    *("currency", "revision", "sample_share", "erased_at", "missing_pieces"),
)


def upgrade() -> None:
    for table in ("inspections", "revisions", "reviews"):
        op.add_column(table, sa.Column("pieces", sa.JSON()))
    op.add_column("inspections", sa.Column("missing_pieces", sa.Text()))
    with_pieces: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), sa.text("pieces IS NOT NULL"))
    op.create_index("ix_inspections_pieces", "inspections", ["created_at"], **with_pieces)
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_inspections_results", "inspections")
        op.create_index("ix_inspections_results", "inspections", WIDE)


def downgrade() -> None:
    raise RuntimeError("Going back would lose what was counted of items. Restore the backup of before the upgrade.")
