"""Whether an item is the one that its return says, and the GTINs of SKUs."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inspections", sa.Column("identity", sa.JSON()))
    op.add_column("revisions", sa.Column("identity", sa.JSON()))
    op.add_column("catalogue_skus", sa.Column("gtins", sa.JSON()))
    op.create_table(
        "catalogue_gtins",
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("seller", sa.String(128), nullable=False),
        sa.Column("sku", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("gtin", "seller", "sku", name="pk_catalogue_gtins"),
    )
    op.create_index("ix_catalogue_gtins_sku", "catalogue_gtins", ["sku"])


def downgrade() -> None:
    raise RuntimeError("Going back would lose what was read of items. Restore the backup of before the upgrade.")
