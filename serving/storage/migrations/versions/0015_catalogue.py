"""What is expected to come back: SKUs and returns."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "catalogue_skus",
        sa.Column("sku", sa.String(128), nullable=False),
        sa.Column("seller", sa.String(128), nullable=False),
        sa.Column("title", sa.String(128)),
        sa.Column("category", sa.String(128)),
        sa.Column("value", sa.JSON()),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("sku", "seller", name="pk_catalogue_skus"),
    )
    op.create_table(
        "catalogue_rmas",
        sa.Column("rma", sa.String(128), nullable=False),
        sa.Column("seller", sa.String(128), nullable=False),
        sa.Column("order", sa.String(128)),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("rma", "seller", name="pk_catalogue_rmas"),
    )


def downgrade() -> None:
    op.drop_table("catalogue_rmas")
    op.drop_table("catalogue_skus")
