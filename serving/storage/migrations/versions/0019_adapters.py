"""Webhooks to systems with an API of their own: which adapter says what is sent there."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("adapter", sa.String(64)))


def downgrade() -> None:
    op.drop_column("webhooks", "adapter")
