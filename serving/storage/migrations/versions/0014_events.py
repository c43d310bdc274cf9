"""Events, webhooks, and what is on its way to them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    head = op.create_table(
        "event_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_head"),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0}])
    op.create_table(
        "events",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("inspection_id", sa.String(36)),
        sa.Column("revision", sa.Integer()),
        sa.Column("status", sa.String(16)),
        sa.Column("seller", sa.String(128)),
        sa.Column("station", sa.String(128)),
        sa.Column("data", sa.JSON()),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
    )
    op.create_index("ix_events_at", "events", ["at"])
    _make_webhooks()
    _make_deliveries()


def downgrade() -> None:
    for table in ("webhook_deliveries", "webhooks", "events", "event_head"):
        op.drop_table(table)


def _make_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.JSON()),
        sa.Column("seller", sa.String(128)),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("stopped", sa.String(8)),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("overlap_until", MOMENT),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("resume_at", MOMENT),
        sa.Column("last_at", MOMENT),
        sa.Column("last_status", sa.Integer()),
        sa.Column("last_error", sa.String(16)),
        sa.Column("held_by", sa.String(36)),
        sa.Column("held_until", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )


def _make_deliveries() -> None:
    name = "webhook_deliveries"
    op.create_table(
        name,
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column(
            "webhook_id",
            sa.String(36),
            sa.ForeignKey("webhooks.id", name="fk_webhook_deliveries_webhook_id_webhooks"),
            nullable=False,
        ),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("inspection_id", sa.String(36)),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("give_up_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.String(16)),
        sa.Column("ms", sa.Float()),
        sa.PrimaryKeyConstraint("number", name="pk_webhook_deliveries"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_deliveries_due", name, ["webhook_id", "state", "next_at", "event_number"])
    op.create_index("ix_webhook_deliveries_order", name, ["webhook_id", "inspection_id", "state", "event_number"])
    op.create_index("ix_webhook_deliveries_log", name, ["webhook_id", "number"])
