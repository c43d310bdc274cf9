"""What a candidate bundle would have said of items that another one graded."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

NAMES = ("category", "version", "at")


def upgrade() -> None:
    op.create_table(
        "shadow_grades",
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("category", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("condition", sa.String(16), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("defects", sa.JSON(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("loss", sa.Float()),
        sa.Column("closer_missed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("inspection_id", "version", name="pk_shadow_grades"),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name="fk_shadow_grades_inspection_id_inspections"
        ),
    )
    op.create_index("ix_shadow_grades_category_version_at", "shadow_grades", list(NAMES))


def downgrade() -> None:
    op.drop_table("shadow_grades")
