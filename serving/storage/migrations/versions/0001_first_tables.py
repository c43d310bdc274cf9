"""First tables: keys, inspections, their photos, reviews."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_table(
        "inspections",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("idempotency_key", sa.String(128)),
        sa.Column("body_digest", sa.String(64), nullable=False),
        sa.Column("rma", sa.String(128), nullable=False),
        sa.Column("seller", sa.String(128)),
        sa.Column("sku", sa.String(128)),
        sa.Column("station", sa.String(128)),
        sa.Column("category", sa.String(64)),
        sa.Column("model_condition", sa.String(16)),
        sa.Column("model_confidence", sa.Float()),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("decision", sa.JSON()),
        sa.Column("lease_key_id", sa.String(16)),
        sa.Column("lease_hash", sa.String(64)),
        sa.Column("lease_expires_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_inspections"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_inspections_key_id_api_keys"),
        sa.UniqueConstraint("key_id", "idempotency_key", name="uq_inspections_key_id_idempotency_key"),
    )
    op.create_index("ix_inspections_created_at_id", "inspections", ["created_at", "id"])
    op.create_index("ix_inspections_status_created_at_id", "inspections", ["status", "created_at", "id"])
    op.create_table(
        "inspection_photos",
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("media_type", sa.String(32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("inspection_id", "position", name="pk_inspection_photos"),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name="fk_inspection_photos_inspection_id_inspections"
        ),
    )
    op.create_index("ix_inspection_photos_sha256", "inspection_photos", ["sha256"])
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("decided_at", MOMENT, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("reviewer", sa.String(100), nullable=False),
        sa.Column("model_condition", sa.String(16)),
        sa.Column("condition", sa.String(16), nullable=False),
        sa.Column("disposition", sa.JSON(), nullable=False),
        sa.Column("disposition_source", sa.String(16), nullable=False),
        sa.Column("defects", sa.JSON()),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspections.id"], name="fk_reviews_inspection_id_inspections"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_reviews_key_id_api_keys"),
    )
    op.create_index("ix_reviews_inspection_id", "reviews", ["inspection_id"])


def downgrade() -> None:
    for table in ("reviews", "inspection_photos", "inspections", "api_keys"):
        op.drop_table(table)
