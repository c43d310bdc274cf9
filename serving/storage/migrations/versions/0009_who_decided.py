"""What may do whoever decided: an inspector at the bench decides too."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("role", sa.String(16)))


def downgrade() -> None:
    op.drop_column("reviews", "role")
