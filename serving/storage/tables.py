"""The tables, in types that SQLite and PostgreSQL share. How they came to be is in `migrations/versions`."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
    false,
    text,
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
    # Within a minute of when it was; of a person, when their session was.
    Column("last_used_at", UtcTime),
    # Names of the sellers whose rows alone the holder sees; NULL but for the role `seller`.
    Column("sellers", JSON(none_as_null=True)),
)

# A station is a key that always stays the same one, whichever tablet holds it: pairing gives it another secret.
# `folded` is its name as names are compared; of a pairing code that waits only a keyed hash is kept.
stations = Table(
    "stations",
    metadata,
    Column("key_id", String(16), ForeignKey(api_keys.c.id), primary_key=True),
    Column("folded", Text, nullable=False, unique=True),
    Column("created_by", String(100), nullable=False),
    Column("code_hash", String(64), unique=True),
    Column("code_expires_at", UtcTime),
    Column("paired_at", UtcTime),
    Column("address", String(64)),
    Column("user_agent", String(200)),
)

# A person is a key without a secret, for which sessions are begun by password or passkey. `revoked_at` of the key says
# that they are disabled; of an invitation that waits only a keyed hash is kept.
people = Table(
    "people",
    metadata,
    Column("key_id", String(16), ForeignKey(api_keys.c.id), primary_key=True),
    Column("folded", Text, nullable=False, unique=True),
    Column("created_by", String(100), nullable=False),
    Column("expires_at", UtcTime),
    Column("password_hash", String(200)),
    Column("invite_hash", String(64), unique=True),
    Column("invite_expires_at", UtcTime),
)

# `id` is the SHA-256 of the credential's own, which may have a thousand bytes; those and the public key are base64url.
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False, index=True),
    Column("credential", Text, nullable=False),
    Column("public_key", Text, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_used_at", UtcTime),
)

NOT_ERASED: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), text("erased_at IS NULL"))
DECIDED: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), text("decided_by IS NOT NULL"))
WITH_PIECES: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), text("pieces IS NOT NULL"))
_BESIDE = ("status", "condition", "disposition", "category", "seller", "station", "decided_by")

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
    Column("rma", String(128), nullable=False, index=True),
    Column("seller", String(128)),
    Column("sku", String(128)),
    Column("station", String(128)),
    Column("category", String(64)),
    Column("model_condition", String(16)),
    Column("model_confidence", Float),
    # The condition and the action that stand now: a human's where one has decided, else the model's and the policy's.
    Column("condition", String(16)),
    Column("disposition", String(32)),
    # Who made the newest decision that counts, the action that the policy suggested for the grade, and what is expected
    # to be recovered: by the action that stands, and by the policy's own for the condition that stands.
    Column("decided_by", String(16)),
    Column("suggested", String(32)),
    Column("recovery", Float),
    Column("policy_recovery", Float),
    Column("currency", String(3)),
    # When anything of it last changed; whatever changes a row sets it.
    Column("updated_at", UtcTime, onupdate=lambda: datetime.now(UTC)),
    # What came in and what was said of it, whole and never changed afterwards.
    Column("item", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("decision", JSON),
    # How often it was graded, 1 for the first time; `revisions` has what it was before.
    Column("revision", Integer, nullable=False, server_default="1"),
    # The chance that an item that went without a human had of being drawn for a blind look, whether it was drawn or
    # not. NULL: a human looked anyway, nothing was graded, or it was graded before there were blind looks.
    Column("sample_share", Float),
    # When its photos and personal fields were erased; `erasures` says the rest.
    Column("erased_at", UtcTime),
    # Which codes were read, and whether it is the item that its return says; NULL where nobody looked.
    Column("identity", JSON(none_as_null=True)),
    # Which pieces belong to it, which codes tell of some, and what was counted as it was graded; NULL where none are
    # expected. A later decision may count anew: what is missing by the newest count is in `missing_pieces`, in short.
    Column("pieces", JSON(none_as_null=True)),
    Column("missing_pieces", Text),
    # NULLs are distinct, so requests without an Idempotency-Key never collide.
    UniqueConstraint("key_id", "idempotency_key"),
    # With `updated_at`, so that what has not changed since some moment is passed over without reading its row.
    Index("ix_inspections_created_at_id_updated_at", "created_at", "id", "updated_at"),
    # Each with what else lists are narrowed by, so that what does not fit is passed over without reading its row.
    *(
        Index(f"ix_inspections_{name}_results", name, "created_at", "id", *(one for one in _BESIDE if one != name))
        for name in ("status", "sku", "seller", "station", "category", "condition", "disposition")
    ),
    Index("ix_inspections_updated_results", "updated_at", "created_at", "id", *_BESIDE),
    Index("ix_inspections_decided_by_results", "decided_by", "created_at", "id", *_BESIDE[:-1], **DECIDED),
    # All that lists and figures of results show. SQLite would else read whole rows, with all that was said of an item;
    # PostgreSQL keeps what is long elsewhere, and bounds how long an entry may be.
    Index(
        "ix_inspections_results",
        *("created_at", "id", "updated_at", "status", "condition", "disposition", "category", "seller", "station"),
        *("decided_by", "rma", "sku", "model_condition", "model_confidence", "suggested", "recovery"),
        *("policy_recovery", "currency", "revision", "sample_share", "erased_at", "missing_pieces"),
    ).ddl_if(dialect="sqlite"),
    # Items with pieces, of which there may be few.
    Index("ix_inspections_pieces", "created_at", **WITH_PIECES),
    # What retention looks through: it must not pass over all that was erased, each time.
    Index("ix_inspections_kept", "status", "created_at", "id", **NOT_ERASED),
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
    # Copies of what the quality gate measured, to see cameras and lamps drift.
    Column("brightness", Float),
    Column("sharpness", Float),
    Column("warmth", Float),
    Column("tint", Float),
)

# Append-only: that an inspection was graded anew, by whose photos or for which other category. `number` is the revision
# that came of it; from `status` on, what the one before it was. Of an inspection that was erased words are taken out.
revisions = Table(
    "revisions",
    metadata,
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("cause", String(8), nullable=False),
    Column("idempotency_key", String(128)),
    Column("body_digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    # The category that its item had declared.
    Column("declared", String(128)),
    Column("result", JSON, nullable=False),
    Column("decision", JSON),
    Column("sample_share", Float),
    Column("identity", JSON(none_as_null=True)),
    Column("pieces", JSON(none_as_null=True)),
    UniqueConstraint("key_id", "idempotency_key"),
)

# Append-only: the photos of earlier revisions, as `inspection_photos` had them.
revision_photos = Table(
    "revision_photos",
    metadata,
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("media_type", String(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("brightness", Float),
    Column("sharpness", Float),
    Column("warmth", Float),
    Column("tint", Float),
)

PHOTO_TABLES = (inspection_photos, revision_photos)
"""Where photos of inspections stand: those of the newest revision, and those of earlier ones."""

STILL_OPEN: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), text("state = 'open'"))
HELD: dict[str, Any] = dict.fromkeys(STILL_OPEN, text("state = 'open' AND lease_expires_at IS NOT NULL"))
"""What is left out of an index of tasks, as each database has it said."""

# One look that a human owes an item. `kind` is `unsure` (the model asked), `sample` (a blind check of a grade that
# the model was sure of), `second` (another reviewer, blind) or `third` (a tie-break, blind); `state` is `open`, `away`
# (the station must send photos or answer first), `done`, `void` (a decision that it followed from was undone, or a new
# revision needs no look) or `erased` (the item was, before anybody had looked).
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # The chance with which a look that was drawn by lot was drawn; NULL where the look was due in any case.
    Column("share", Float),
    # Copies to filter and order by. `reason` is the code of the first reason for a review, NULL for a blind look;
    # `value` is the declared value in the policy's currency.
    Column("category", String(64)),
    Column("seller", String(128)),
    Column("station", String(128)),
    Column("reason", String(64)),
    Column("value", Float),
    # Who holds the item now, since when without a break, and under which token (its hash) until when. After the
    # decision they are kept: they tell a decision that is sent again from another one.
    Column("lease_key_id", String(16)),
    Column("lease_hash", String(64)),
    Column("leased_at", UtcTime),
    Column("lease_expires_at", UtcTime),
    Column("done_at", UtcTime),
    # Who alone may have it: the id of a key, or `admin` for those who run the place; NULL: whoever reviews.
    Column("route", String(16)),
    UniqueConstraint("inspection_id", "kind"),
    # Holds all that a queue page, its counts and a claim ask for: none of them reads a row that it does not want.
    Index(
        "ix_tasks_desk",
        *("state", "created_at", "id", "kind", "category", "seller", "station", "reason", "value"),
        *("inspection_id", "lease_key_id", "lease_expires_at", "route"),
    ),
    Index("ix_tasks_lease_key_id_state", "lease_key_id", "state"),
    # One for each part that the queue counts by: each is read once, in order, and nothing is sorted. With `state`,
    # though it is the same throughout: SQLite would else look it up in the rows.
    *(
        Index(f"ix_tasks_open_{name}", name, "state", **STILL_OPEN)
        for name in ("category", "seller", "station", "reason")
    ),
    # Holds all that is asked of the blind looks that somebody may not have.
    Index(
        "ix_tasks_open_kind",
        *("kind", "state", "inspection_id", "category", "seller", "station", "created_at", "value", "lease_expires_at"),
        **STILL_OPEN,
    ),
    Index("ix_tasks_held", "lease_expires_at", **HELD),
)

# To whom it was shown what the model or others found of an item, first when: a blind look at it is for others.
disclosures = Table(
    "disclosures",
    metadata,
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), primary_key=True),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), primary_key=True),
    Column("at", UtcTime, nullable=False),
)

# Append-only: a decision is never changed or removed, a later one stands beside it. Only of an inspection that was
# erased does the database let notes, the words of dispositions and the names of rubrics be changed.
reviews = Table(
    "reviews",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("reviewer", String(100), nullable=False),
    Column("model_condition", String(16)),
    Column("condition", String(16), nullable=False),
    Column("disposition", JSON, nullable=False),
    Column("disposition_source", String(16), nullable=False),
    Column("defects", JSON),
    Column("note", Text),
    # Which look it was, and whether the reviewer saw nothing of the model's or of other reviewers' opinion.
    Column("task_id", String(36), ForeignKey(tasks.c.id)),
    Column("kind", String(8), nullable=False, server_default="unsure"),
    Column("blind", Boolean, nullable=False, server_default=false()),
    # The rubric that was shown, such as `toys@1`, and the seller's own name for the condition.
    Column("rubric", String(128)),
    Column("seller_grade", String(64)),
    # How long the reviewer had the item.
    Column("seconds", Float),
    # What the key was for by which it was decided; NULL in decisions of before inspectors decided too.
    Column("role", String(16)),
    # All pieces that were found with the item; NULL where nothing was said of them.
    Column("pieces", JSON(none_as_null=True)),
    # Tells who has decided on an item without reading the decisions.
    Index("ix_reviews_inspection_id_key_id", "inspection_id", "key_id"),
    Index("ix_reviews_decided_at", "decided_at"),
)

# Append-only: which decisions were taken back, by whom. The decision itself stays where it is.
review_undos = Table(
    "review_undos",
    metadata,
    Column("review_id", String(36), ForeignKey(reviews.c.id), primary_key=True),
    Column("undone_at", UtcTime, nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
)

# Append-only: what a reviewer asked instead of deciding: `photos` of the station, or that somebody else looks, because
# they `cannot_tell` or for another reason (`escalate`, to `assignee_id` where one is named). `lease_hash` is that of
# the lease under which it was asked: it tells one that is sent again. Of an erased inspection notes are taken out.
asks = Table(
    "asks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), nullable=False),
    Column("task_id", String(36), ForeignKey(tasks.c.id), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("name", String(100), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("note", Text),
    Column("views", JSON, nullable=False),
    Column("assignee_id", String(16)),
    Column("lease_hash", String(64), nullable=False),
    Index("ix_asks_inspection_id_key_id", "inspection_id", "key_id"),
)

# Append-only: what became of an ask: new `photos` came, the station `answered` with a note, or it was `undone`.
ask_ends = Table(
    "ask_ends",
    metadata,
    Column("ask_id", String(36), ForeignKey(asks.c.id), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("name", String(100), nullable=False),
    Column("how", String(8), nullable=False),
    Column("note", Text),
)

# Append-only: who did what, when. No foreign keys: what is written here must be kept whatever becomes of the rest.
audit = Table(
    "audit",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("key_id", String(16)),
    Column("name", String(100)),
    Column("action", String(16), nullable=False),
    Column("inspection_id", String(36), index=True),
    Column("task_id", String(36)),
    Column("detail", JSON),
)

# Append-only: what happened to inspections, each step signed in the transaction that stores it. `jws` is what was
# signed, the other columns are copies of what it says. No foreign keys, as in the audit trail. `inspection_id` and
# `seq`, the place among an inspection's steps, are NULL for what concerns the log itself.
evidence_steps = Table(
    "evidence_steps",
    metadata,
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    Column("inspection_id", String(36)),
    Column("seq", Integer),
    Column("kind", String(16), nullable=False),
    Column("jws", Text, nullable=False),
    # Over the readable form of all steps of the inspection up to this one, so that nothing is signed when it is read.
    Column("view_signature", String(88)),
    UniqueConstraint("inspection_id", "seq"),
)

# What is personal in a step, apart from it: deleted when it is erased, never changed.
evidence_disclosures = Table(
    "evidence_disclosures",
    metadata,
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    # Where in the step's body it stands, such as `item.rma`.
    Column("path", String(128), primary_key=True),
    Column("inspection_id", String(36), index=True),
    Column("disclosure", Text, nullable=False),
)

# One row: the newest step. Whoever appends one locks it first, so that there is one order of steps.
evidence_head = Table(
    "evidence_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("log_index", Integer, nullable=False),
    Column("sha256", String(64)),
)

# Append-only: who looked at which photo. No foreign keys, as above; `number` is the order in which they were written.
photo_views = Table(
    "photo_views",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("key_id", String(16), nullable=False),
    Column("role", String(16), nullable=False),
    Column("inspection_id", String(36), nullable=False, index=True),
    Column("photo", Integer, nullable=False),
    Column("what", String(16), nullable=False),
)

# Append-only: what was erased, when, by whom and why. `seq` is the signed step that says so, of which the other columns
# are copies (see `regrade.serving.erasure`).
erasures = Table(
    "erasures",
    metadata,
    Column("inspection_id", String(36), primary_key=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("key_id", String(16)),
    Column("name", String(100), nullable=False),
    Column("reason", Text),
    Column("seq", Integer, nullable=False),
)

# The erased inspections of which files may still be there, or traces in the database's own file.
unfinished_erasures = Table("unfinished_erasures", metadata, Column("inspection_id", String(36), primary_key=True))

# People at the pages: a session stands for a key, and is found by the hash of what the browser keeps.
sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False, index=True),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
)

# What another bundle would have said of an item than the one that graded it: a candidate in shadow, or what a canary is
# compared with. Nobody is shown it but who chooses bundles. `alone`: whether the item would have gone without a person;
# `loss`: what the action was expected to lose, in the policy's currency, NULL once the item is erased; `closer_missed`:
# whether it wanted a closer look at a photo that the other had not taken.
shadow_grades = Table(
    "shadow_grades",
    metadata,
    Column("inspection_id", String(36), ForeignKey(inspections.c.id), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("category", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("condition", String(16), nullable=False),
    Column("probabilities", JSON, nullable=False),
    Column("defects", JSON, nullable=False),
    Column("action", String(32), nullable=False),
    Column("alone", Boolean, nullable=False),
    Column("loss", Float),
    Column("closer_missed", Boolean, nullable=False),
    Index("ix_shadow_grades_category_version_at", "category", "version", "at"),
)

# What is expected to come back. `seller` is empty where an entry names none, so that it can be part of a key.
catalogue_skus = Table(
    "catalogue_skus",
    metadata,
    Column("sku", String(128), primary_key=True),
    Column("seller", String(128), primary_key=True),
    Column("title", String(128)),
    Column("category", String(128)),
    Column("value", JSON),
    Column("pieces", JSON, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("gtins", JSON),
)
# Copies of what `gtins` of SKUs say, to find them by.
catalogue_gtins = Table(
    "catalogue_gtins",
    metadata,
    Column("gtin", String(14), primary_key=True),
    Column("seller", String(128), primary_key=True),
    Column("sku", String(128), primary_key=True),
    Index("ix_catalogue_gtins_sku", "sku"),
)
catalogue_rmas = Table(
    "catalogue_rmas",
    metadata,
    Column("rma", String(128), primary_key=True),
    Column("seller", String(128), primary_key=True),
    Column("order", String(128)),
    Column("lines", JSON, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

# What people look at again in the results: the filters and columns as the page's address says them.
saved_views = Table(
    "saved_views",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("key_id", String(16), ForeignKey(api_keys.c.id), nullable=False),
    Column("name", String(100), nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("query", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("key_id", "name"),
)
