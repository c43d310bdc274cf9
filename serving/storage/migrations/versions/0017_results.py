"""What lists and figures of results are made of, as columns and indexes; and views that people saved."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from alembic import op

# The columns are copies of what the rule says, so they are filled by the rule as it is, and not as it was.
from regrade.serving.storage.adjudication import standing, votes_of

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
COLUMNS: dict[str, Any] = {
    "decided_by": sa.String(16), "suggested": sa.String(32), "recovery": sa.Float(), "policy_recovery": sa.Float(),
    "currency": sa.String(3),
}  # fmt: skip
LEADS = ("status", "seller", "station", "category", "condition", "disposition")
BESIDE = ("status", "condition", "disposition", "category", "seller", "station", "decided_by")
WIDE = (
    *("created_at", "id", "updated_at", "status", "condition", "disposition", "category", "seller", "station"),
    *("decided_by", "rma", "sku", "model_condition", "model_confidence", "suggested", "recovery", "policy_recovery"),
    *("currency", "revision", "sample_share", "erased_at"),
)
DECIDED: dict[str, Any] = dict.fromkeys(("sqlite_where", "postgresql_where"), sa.text("decided_by IS NOT NULL"))
SOME = 1000


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("inspections", sa.Column(name, kind))
    _fill()
    for name in LEADS:
        op.drop_index(f"ix_inspections_{name}_created_at_id", "inspections")
        op.create_index(
            f"ix_inspections_{name}_results",
            "inspections",
            [name, "created_at", "id", *(other for other in BESIDE if other != name)],
        )
    op.drop_index("ix_inspections_sku", "inspections")
    op.create_index("ix_inspections_sku_results", "inspections", ["sku", "created_at", "id", *BESIDE])
    decided = ["decided_by", "created_at", "id", *BESIDE[:-1]]
    op.create_index("ix_inspections_decided_by_results", "inspections", decided, **DECIDED)
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("ix_inspections_results", "inspections", WIDE)
    op.create_index("ix_reviews_decided_at", "reviews", ["decided_at"])
    op.create_table(
        "saved_views",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_saved_views_key_id_api_keys"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
        sa.UniqueConstraint("key_id", "name", name="uq_saved_views_key_id_name"),
    )


def downgrade() -> None:
    op.drop_table("saved_views")
    op.drop_index("ix_reviews_decided_at", "reviews")
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("ix_inspections_results", "inspections")
    op.drop_index("ix_inspections_decided_by_results", "inspections")
    op.drop_index("ix_inspections_sku_results", "inspections")
    op.create_index("ix_inspections_sku", "inspections", ["sku"])
    for name in LEADS:
        op.drop_index(f"ix_inspections_{name}_results", "inspections")
        op.create_index(f"ix_inspections_{name}_created_at_id", "inspections", [name, "created_at", "id"])
    for name in reversed(COLUMNS):
        op.drop_column("inspections", name)


def _fill() -> None:
    inspections = sa.table(
        "inspections", sa.column("id"), *map(sa.column, COLUMNS), sa.column("decision", sa.JSON())
    )  # fmt: skip
    disposition = inspections.c.decision["disposition"]
    recovery = disposition["expected_recovery"]
    amount = recovery["amount"].as_float()
    as_graded = {"suggested": disposition["action"].as_string(), "currency": recovery["currency"].as_string()}
    op.execute(sa.update(inspections).values(as_graded | {"recovery": amount, "policy_recovery": amount}))
    own = sa.update(inspections).where(inspections.c.id == sa.bindparam("item"))
    for changes in _decided():
        names = [name for name in changes[0] if name != "item"]
        op.get_bind().execute(own.values({name: sa.bindparam(f"new_{name}") for name in names}), [
            {"item": change["item"], **{f"new_{name}": change[name] for name in names}} for change in changes
        ])  # fmt: skip


def _decided() -> Iterator[list[dict[str, Any]]]:
    """What changes in inspections with decisions, those of the same columns together."""
    names = ("id", "inspection_id", "key_id", "model_condition", "condition", "kind", "disposition_source")
    reviews = sa.table(
        "reviews", *map(sa.column, names), sa.column("disposition", sa.JSON()), sa.column("decided_at", MOMENT)
    )
    undos = sa.table("review_undos", sa.column("review_id"), sa.column("undone_at", MOMENT))
    columns = (*(reviews.c[name] for name in names), reviews.c.decided_at, reviews.c.disposition, undos.c.undone_at)
    query = sa.select(*columns).outerjoin_from(reviews, undos, undos.c.review_id == reviews.c.id)
    by_item: dict[str, list[Any]] = {}
    for row in op.get_bind().execute(query.order_by(reviews.c.decided_at, reviews.c.id)).mappings():
        by_item.setdefault(row["inspection_id"], []).append(SimpleNamespace(**row))
    who: list[dict[str, Any]] = []
    what: list[dict[str, Any]] = []
    for item, rows in by_item.items():
        newest = next(reversed(votes_of(rows).values()), None)
        if newest is None:
            continue
        stands: Any = standing(rows[0].model_condition, rows)
        if stands is None:
            who.append({"item": item, "decided_by": newest.key_id})
        else:
            what.append({"item": item, "decided_by": newest.key_id, **_money(stands.disposition)})
    for found in (who, what):
        yield from (found[at : at + SOME] for at in range(0, len(found), SOME))


def _money(disposition: dict[str, Any]) -> dict[str, Any]:
    """What the action that stands recovers, and what the policy's own would for the condition that was found.

    Nothing where it was not noted what the action recovers.
    """
    own = disposition.get("expected_recovery")
    if own is None:
        return {"recovery": None, "policy_recovery": None, "currency": None}
    codes = [reason["code"] for reason in disposition["reasons"]]
    options = disposition["alternatives"]
    policy = options[0]["expected_recovery"] if codes == ["reviewer_chose"] and options else own
    return {"recovery": own["amount"], "policy_recovery": policy["amount"], "currency": own["currency"]}
