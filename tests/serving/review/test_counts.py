"""Pieces counted beside a grade and with a decision: what stands, what becomes of tasks, and that all is signed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from regrade.models.pieces.types import ExpectedPiece, Piece, Pieces
from regrade.serving.base.errors import InvalidFieldsError, RevisionError
from regrade.serving.evidence.store_check import check_inspection
from regrade.serving.inspections.past import revision_of
from regrade.serving.pieces.counting import Counting
from regrade.serving.policy.stored import decide_stored
from regrade.serving.review import FirstLooks, Verdict
from regrade.serving.review.quality.missing_pieces import MissingPieces, missing_pieces
from regrade.serving.storage.records import Inspection, new_id
from regrade.serving.storage.tables import inspections

EXPECTED = Pieces("unknown", (ExpectedPiece("charger"), ExpectedPiece("cable", 2)))
WHOLE = (Piece("charger"), Piece("cable", 2))


@pytest.fixture
def expecting(kit: Any) -> Any:
    """Stores an inspection with pieces that nobody has counted."""

    def add(**made: Any) -> Inspection:
        plain: Inspection = kit.add(**made)
        new = replace(plain, id=new_id(), item={**plain.item, "rma": f"P-{plain.item['rma']}"}, pieces=EXPECTED)
        new = replace(new, decision=decide_stored(kit.policy, new))
        kit.store.insert(new)
        return new

    return add


@pytest.fixture
def count(kit: Any) -> Any:
    """Counts at the bench."""
    grader: Any = SimpleNamespace(versions={"footwear": "2026.11.1"}, digests={"footwear": "b" * 64})
    looks = FirstLooks(lambda: kit.policy, kit.lottery)
    counting = Counting(kit.database, lambda: kit.policy, lambda: grader, looks, kit.signer, now=lambda: kit.time)

    def counted(made: Inspection, found: Sequence[Piece]) -> Inspection:
        after, _ = counting.count(made.id, kit.station, found)
        return after

    return counted


def missing(kit: Any, made: Inspection) -> str | None:
    """What lists say of it."""
    with kit.database.read() as connection:
        found: str | None = connection.execute(
            select(inspections.c.missing_pieces).where(inspections.c.id == made.id)
        ).scalar_one()
    return found


def sound(kit: Any, made: Inspection) -> bool:
    with kit.database.read() as connection:
        return check_inspection(connection, kit.signer.known, made.id)[1] == []


def test_a_count_is_the_next_revision_and_the_one_before_stays(kit: Any, expecting: Any, count: Any) -> None:
    made = expecting(sure=True, condition="used")
    assert missing(kit, made) is None
    after = count(made, [Piece("cable", 2)])
    assert (after.revision, after.status, after.pieces_now.state) == (2, "graded", "incomplete")
    assert after.decision.disposition.expected_recovery.amount < made.decision.disposition.expected_recovery.amount
    assert missing(kit, made) == "charger"
    with kit.database.read() as connection:
        assert revision_of(connection, after, 1).pieces == EXPECTED
    count(made, WHOLE)
    assert missing(kit, made) == ""
    assert sound(kit, made)


def test_who_has_it_before_them_keeps_it_and_decides_by_the_count(kit: Any, expecting: Any, count: Any) -> None:
    made = expecting(condition="used")
    claimed = kit.claim("Ann", inspection_id=made.id)
    count(made, [Piece("charger")])
    decided = kit.desk.decide(made.id, claimed.token, kit.reviewer("Ann"), Verdict("opened"))
    assert decided.inspection.pieces_now.missing == (Piece("cable", 2),)
    assert any(reason.code == "pieces_missing_cost" for reason in decided.inspection.review.disposition.reasons)
    assert sound(kit, made)
    with pytest.raises(RevisionError):
        count(made, WHOLE)
    # The same as stands is no other count.
    assert count(made, [Piece("Charger")]).pieces_now.count.by == kit.station.name


def test_a_decision_that_is_taken_back_takes_its_count_with_it(kit: Any, expecting: Any) -> None:
    made = expecting(condition="used", value=60.0)
    kit.desk.decide_at_bench(made.id, kit.station, Verdict("used", pieces=WHOLE), blind=False)
    assert (kit.store.get(made.id).pieces_now.state, missing(kit, made)) == ("complete", "")
    kit.desk.take_back_at_bench(made.id, kit.station)
    assert (kit.store.get(made.id).pieces_now.state, missing(kit, made)) == ("unknown", None)
    kit.desk.decide_at_bench(made.id, kit.station, Verdict("used", pieces=()), blind=False)
    assert missing(kit, made) == "charger; cable x2"
    assert sound(kit, made)


def test_nothing_is_counted_of_what_has_no_pieces(kit: Any, count: Any) -> None:
    made = kit.add(condition="used", value=60.0)
    with pytest.raises(RevisionError):
        count(made, WHOLE)
    with pytest.raises(InvalidFieldsError):
        kit.desk.decide_at_bench(made.id, kit.station, Verdict("used", pieces=WHOLE), blind=False)


def test_a_blind_look_counts_nothing_and_leaves_the_count_as_it_is(kit: Any, expecting: Any) -> None:
    made = expecting(condition="damaged", value=300.0)
    kit.desk.decide_at_bench(made.id, kit.station, Verdict("opened", pieces=WHOLE), blind=False)
    claimed = kit.claim("Ann", inspection_id=made.id)
    assert claimed.task.blind
    with pytest.raises(InvalidFieldsError):
        kit.desk.decide(made.id, claimed.token, kit.reviewer("Ann"), Verdict("damaged", pieces=()))
    kit.desk.decide(made.id, claimed.token, kit.reviewer("Ann"), Verdict("damaged"))
    assert missing(kit, made) == ""


def test_what_is_missing_of_a_sku_is_summed_up(kit: Any, expecting: Any, count: Any) -> None:
    first, second, _ = (expecting(condition="used", sku="MOUSE") for _ in range(3))
    expecting(condition="used", sku="LAMP", seller="acme")
    count(first, [Piece("cable", 2)])
    count(second, WHOLE)
    since = kit.time - timedelta(days=9)
    assert missing_pieces(kit.database, since) == [
        MissingPieces("MOUSE", 3, 2, 1, "charger", 1),
        MissingPieces("LAMP", 1, 0, 0, "", 0),
    ]
    assert [one.sku for one in missing_pieces(kit.database, since, seller="acme")] == ["LAMP"]
    assert missing_pieces(kit.database, kit.time + timedelta(days=1)) == []
