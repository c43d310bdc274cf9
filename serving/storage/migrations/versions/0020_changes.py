"""Inspections by when they were changed: the few that were of late are found without a look at all others."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

NAME = "ix_inspections_updated_results"
COLUMNS = (
    *("updated_at", "created_at", "id"),
    *("status", "condition", "disposition", "category", "seller", "station", "decided_by"),
)


def upgrade() -> None:
    op.create_index(NAME, "inspections", COLUMNS)


def downgrade() -> None:
    op.drop_index(NAME, "inspections")
