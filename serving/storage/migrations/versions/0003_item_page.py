"""Who was shown what was found of which item, and indexes for the desk's counts and for looking items up."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "disclosures",
        sa.Column("inspection_id", sa.String(36), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("inspection_id", "key_id", name="pk_disclosures"),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspections.id"], name="fk_disclosures_inspection_id_inspections"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_disclosures_key_id_api_keys"),
    )
    _note_what_was_shown()
    _create_indexes()


def downgrade() -> None:
    raise RuntimeError("Going back would show reviewers blind what they have seen. Restore the backup of before.")


def _note_what_was_shown() -> None:
    """From the audit trail, and from the decisions of before there was one."""
    moment = sa.DateTime(timezone=True)
    audit = sa.table(
        "audit",
        *(sa.column(name) for name in ("key_id", "action", "inspection_id")),
        sa.column("at", moment),
        sa.column("detail", sa.JSON()),
    )
    reviews = sa.table(
        "reviews", sa.column("inspection_id"), sa.column("key_id"), sa.column("decided_at", moment),
        sa.column("blind", sa.Boolean()),
    )  # fmt: skip
    inspections, api_keys = (sa.table(name, sa.column("id")) for name in ("inspections", "api_keys"))
    claims = sa.select(audit.c.inspection_id, audit.c.key_id, audit.c.at).where(
        audit.c.action == "claim",
        audit.c.detail["kind"].as_string() == "unsure",
        audit.c.inspection_id.in_(sa.select(inspections.c.id)),
        audit.c.key_id.in_(sa.select(api_keys.c.id)),
    )
    decisions = sa.select(reviews.c.inspection_id, reviews.c.key_id, reviews.c.decided_at.label("at"))
    shown = sa.union_all(claims, decisions.where(sa.not_(reviews.c.blind))).subquery()
    first = sa.select(shown.c.inspection_id, shown.c.key_id, sa.func.min(shown.c.at))
    disclosures = sa.table("disclosures", sa.column("inspection_id"), sa.column("key_id"), sa.column("at", moment))
    op.execute(
        sa.insert(disclosures).from_select(
            ["inspection_id", "key_id", "at"], first.group_by(shown.c.inspection_id, shown.c.key_id)
        )
    )


def _create_indexes() -> None:
    about = ["inspection_id", "category", "seller", "station", "created_at", "value", "lease_expires_at"]
    _open_tasks("ix_tasks_open_kind", ["kind", "state", *about])
    for name in ("category", "seller", "station", "reason"):
        _open_tasks(f"ix_tasks_open_{name}", [name, "state"])
    _open_tasks("ix_tasks_held", ["lease_expires_at"], " AND lease_expires_at IS NOT NULL")
    op.drop_index("ix_reviews_inspection_id", "reviews")
    op.create_index("ix_reviews_inspection_id_key_id", "reviews", ["inspection_id", "key_id"])
    for name in ("rma", "sku"):
        op.create_index(f"ix_inspections_{name}", "inspections", [name])


def _open_tasks(name: str, columns: list[str], also: str = "") -> None:
    only = sa.text(f"state = 'open'{also}")
    op.create_index(name, "tasks", columns, sqlite_where=only, postgresql_where=only)
