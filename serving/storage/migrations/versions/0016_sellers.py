"""Keys and people of sellers."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("sellers", sa.JSON(none_as_null=True)))


def downgrade() -> None:
    op.drop_column("api_keys", "sellers")
