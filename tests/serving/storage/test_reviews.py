"""A decision on its way from the request to its row and back: its fields are named in one place."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from regrade.serving.base.dispositions import Disposition, Money
from regrade.serving.http.schemas import ReviewIn
from regrade.serving.storage.reviews import Remarks, Review, ReviewedDefect, review_of, row_of
from regrade.serving.storage.tables import reviews

REVIEW = Review(
    id="r",
    inspection_id="i",
    decided_at=datetime(2026, 11, 1, tzinfo=UTC),
    key_id="k",
    reviewer="Li",
    model_condition="opened",
    condition="used",
    disposition=Disposition("clearance", Money(12.5, "USD"), (), (), "default@1"),
    disposition_source="policy",
    defects=(ReviewedDefect(0, "wear", "minor", (1.0, 2.0, 3.0, 4.0)),),
    note="on the heel",
    rubric="shoes@1",
    seller_grade="B",
    seconds=4.5,
)


def stored(row: dict[str, Any]) -> Any:
    return SimpleNamespace(**row, undone_at=None)


def test_a_decision_is_the_same_once_it_was_stored() -> None:
    assert review_of(stored(row_of(REVIEW))) == REVIEW


def test_a_decision_that_says_nothing_of_defects_is_not_one_that_says_there_are_none() -> None:
    assert row_of(replace(REVIEW, defects=None))["defects"] is None
    assert row_of(replace(REVIEW, defects=()))["defects"] == []


def test_every_field_of_a_decision_has_its_column_and_no_column_is_left_over() -> None:
    assert row_of(REVIEW).keys() == set(reviews.columns.keys())


def test_a_request_may_say_every_remark() -> None:
    assert {field.name for field in fields(Remarks)} <= ReviewIn.model_fields.keys()
