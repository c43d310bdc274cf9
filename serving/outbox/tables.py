"""The tables of events and of what becomes of them, beside those of `regrade.serving.storage.tables`."""

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from regrade.serving.storage.tables import UtcTime, metadata

Number = BigInteger().with_variant(Integer(), "sqlite")

# One row: the number of the newest event. Whoever adds one raises it first and so holds it until the transaction ends:
# numbers rise in the order of commits, and none is passed over by those who read on from the last they saw.
event_head = Table(
    "event_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

# What happened. Of an inspection, `revision` and `status` are as they were then; `data` is for what concerns none.
# No foreign keys, as in the audit trail.
events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False, unique=True),
    Column("type", String(32), nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("inspection_id", String(36)),
    Column("revision", Integer),
    Column("status", String(16)),
    Column("seller", String(128)),
    Column("station", String(128)),
    Column("data", JSON(none_as_null=True)),
)

# Where events are sent. `types` and `seller` narrow what is sent, NULL: all. `position` is the number of the last event
# that has been looked at for it, `generation` which of its secrets is in use; the one before signs too until
# `overlap_until`. `failures` are attempts that failed one after another; until `resume_at` nothing is sent.
# `adapter` names the file that says what is sent there: NULL, the event itself, signed. `owner` is the key of the
# seller's person or program whose it is, and what is sent is what sellers are shown: NULL, it is the site's.
# `stopped` says why nothing is sent at all: `paused`, or `gone` where the receiver has answered 410. `held_by` is the
# process that sends for it, until `held_until`.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", JSON(none_as_null=True)),
    Column("seller", String(128)),
    Column("description", String(200), nullable=False),
    Column("adapter", String(64)),
    Column("owner", String(16)),
    Column("stopped", String(8)),
    Column("generation", Integer, nullable=False),
    Column("overlap_until", UtcTime),
    Column("position", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("resume_at", UtcTime),
    Column("last_at", UtcTime),
    Column("last_status", Integer),
    Column("last_error", String(16)),
    Column("held_by", String(36)),
    Column("held_until", UtcTime),
)

# One event on its way to one webhook: `pending`, `delivered`, or `dead` where it was given up at `give_up_at`. Of the
# pending ones of an inspection only the earliest is sent. `status` and `error` are those of the last attempt; of what
# the receiver answered nothing else is kept, for it may repeat what is to be erased.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("number", Number, primary_key=True),
    Column("webhook_id", String(36), ForeignKey(webhooks.c.id), nullable=False),
    Column("event_number", BigInteger, nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("type", String(32), nullable=False),
    Column("inspection_id", String(36)),
    Column("state", String(12), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime, nullable=False),
    Column("give_up_at", UtcTime, nullable=False),
    Column("last_at", UtcTime),
    Column("status", Integer),
    Column("error", String(16)),
    Column("ms", Float),
    Index("ix_webhook_deliveries_due", "webhook_id", "state", "next_at", "event_number"),
    Index("ix_webhook_deliveries_order", "webhook_id", "inspection_id", "state", "event_number"),
    Index("ix_webhook_deliveries_log", "webhook_id", "number"),
    sqlite_autoincrement=True,
)
