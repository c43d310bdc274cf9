"""The tables, in types that SQLite and PostgreSQL share. How they came to be is in `migrations/versions`."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcTime(TypeDecorator[datetime]):
    """A moment, always aware and in UTC; SQLite, which keeps no zone, stores it as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone must not be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("role", String(16), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)

inspections = Table(
    "inspections",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("idempotency_key", String(128)),
    Column("body_digest", String(64), nullable=False),
    # Copies of what `item` and `result` say, to filter and count by.
    Column("rma", String(128), nullable=False),
    Column("seller", String(128)),
    Column("sku", String(128)),
    Column("station", String(128)),
    Column("category", String(64)),
    Column("model_condition", String(16)),
    Column("model_confidence", Float),
    # What came in and what was said of it, whole and never changed afterwards.
    Column("item", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("decision", JSON),
    # The review: who holds the item now, and what was decided last (the history is in `reviews`).
    Column("lease_key_id", String(16)),
    Column("lease_hash", String(64)),
    Column("lease_expires_at", UtcTime),
    # NULLs are distinct, so requests without an Idempotency-Key never collide.
    UniqueConstraint("key_id", "idempotency_key"),
    Index("ix_inspections_created_at_id", "created_at", "id"),
    Index("ix_inspections_status_created_at_id", "status", "created_at", "id"),
)

inspection_photos = Table(
    "inspection_photos",
    metadata,
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("media_type", String(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
)

# Append-only: a decision is never changed or removed, a later one stands beside it.
reviews = Table(
    "reviews",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), nullable=False, index=True),
    Column("decided_at", UtcTime, nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("reviewer", String(100), nullable=False),
    Column("model_condition", String(16)),
    Column("condition", String(16), nullable=False),
    Column("disposition", JSON, nullable=False),
    Column("disposition_source", String(16), nullable=False),
    Column("defects", JSON),
    Column("note", Text),
)
