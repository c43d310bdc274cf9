"""What stands of an inspection and when it was last changed, as columns that lists are narrowed by."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from alembic import op

# The columns are copies of what the rule says, so they are filled by the rule as it is, and not as it was.
from regrade.serving.storage.adjudication import standing

revision = "0008"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
INDEXED = ("seller", "station", "category", "condition", "disposition")


def upgrade() -> None:
    for column in (sa.Column("condition", sa.String(16)), sa.Column("disposition", sa.String(32))):
        op.add_column("inspections", column)
    op.add_column("inspections", sa.Column("updated_at", MOMENT))
    _fill()
    for name in INDEXED:
        op.create_index(f"ix_inspections_{name}_created_at_id", "inspections", [name, "created_at", "id"])
    op.create_index("ix_inspections_created_at_id_updated_at", "inspections", ["created_at", "id", "updated_at"])
    op.drop_index("ix_inspections_created_at_id", "inspections")


def downgrade() -> None:
    op.create_index("ix_inspections_created_at_id", "inspections", ["created_at", "id"])
    op.drop_index("ix_inspections_created_at_id_updated_at", "inspections")
    for name in INDEXED:
        op.drop_index(f"ix_inspections_{name}_created_at_id", "inspections")
    for name in ("updated_at", "disposition", "condition"):
        op.drop_column("inspections", name)


def _fill() -> None:
    names = ("id", "status", "model_condition", "condition", "disposition")
    inspections = sa.table(
        "inspections", *map(sa.column, names), sa.column("decision", sa.JSON()), sa.column("created_at", MOMENT),
        sa.column("updated_at", MOMENT),
    )  # fmt: skip
    graded = sa.case((inspections.c.status != "retake", inspections.c.model_condition))
    action = inspections.c.decision["disposition"]["action"].as_string()
    as_graded = {"condition": graded, "disposition": action, "updated_at": inspections.c.created_at}
    op.execute(sa.update(inspections).values(as_graded))
    for inspection_id, stands, updated_at in _decided():
        changed: dict[str, Any] = {"updated_at": updated_at}
        if stands is not None:
            changed |= {"condition": stands.condition, "disposition": stands.action}
        op.execute(sa.update(inspections).where(inspections.c.id == inspection_id).values(changed))


def _decided() -> list[tuple[str, Any, datetime]]:
    """Of each inspection with decisions: its id, the decision that stands, and when the last was made or undone."""
    names = ("id", "inspection_id", "model_condition", "condition", "kind")
    reviews = sa.table(
        "reviews", *map(sa.column, names), sa.column("disposition", sa.JSON()), sa.column("decided_at", MOMENT)
    )
    undos = sa.table("review_undos", sa.column("review_id"), sa.column("undone_at", MOMENT))
    action = reviews.c.disposition["action"].as_string().label("action")
    columns = (*(reviews.c[name] for name in names), reviews.c.decided_at, undos.c.undone_at, action)
    query = sa.select(*columns).outerjoin_from(reviews, undos, undos.c.review_id == reviews.c.id)
    by_item: dict[str, list[Any]] = {}
    for row in op.get_bind().execute(query.order_by(reviews.c.decided_at, reviews.c.id)).mappings():
        by_item.setdefault(row["inspection_id"], []).append(SimpleNamespace(**row))
    return [
        (item, standing(rows[0].model_condition, rows), max(row.undone_at or row.decided_at for row in rows))
        for item, rows in by_item.items()
    ]
