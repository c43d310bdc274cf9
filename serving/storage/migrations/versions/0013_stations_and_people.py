"""Stations whose tablets are paired, people who sign in by name, and when keys were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("last_used_at", MOMENT))
    op.create_table(
        "stations",
        _key("stations"),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("code_hash", sa.String(64)),
        sa.Column("code_expires_at", MOMENT),
        sa.Column("paired_at", MOMENT),
        sa.Column("address", sa.String(64)),
        sa.Column("user_agent", sa.String(200)),
        sa.PrimaryKeyConstraint("key_id", name="pk_stations"),
        sa.UniqueConstraint("folded", name="uq_stations_folded"),
        sa.UniqueConstraint("code_hash", name="uq_stations_code_hash"),
    )
    op.create_table(
        "people",
        _key("people"),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("invite_hash", sa.String(64)),
        sa.Column("invite_expires_at", MOMENT),
        sa.PrimaryKeyConstraint("key_id", name="pk_people"),
        sa.UniqueConstraint("folded", name="uq_people_folded"),
        sa.UniqueConstraint("invite_hash", name="uq_people_invite_hash"),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(64), nullable=False),
        _key("passkeys"),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
    )
    op.create_index("ix_passkeys_key_id", "passkeys", ["key_id"])


def downgrade() -> None:
    raise RuntimeError("Going back would lose stations and people. Restore the backup of before the upgrade.")


def _key(table: str) -> sa.Column[str]:
    """The key that a row of `table` is of."""
    key = sa.ForeignKey("api_keys.id", name=f"fk_{table}_key_id_api_keys")
    return sa.Column("key_id", sa.String(16), key, nullable=False)
