"""Webhooks that sellers make: whose each is."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("owner", sa.String(16)))


def downgrade() -> None:
    op.drop_column("webhooks", "owner")
