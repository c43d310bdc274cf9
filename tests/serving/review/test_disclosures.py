"""Who was shown what was found of an item is never given a blind look at it; it waits for somebody else."""

from typing import Any

import pytest
from sqlalchemy import select

from regrade.serving.review import Verdict
from regrade.serving.storage.tables import disclosures


def given(kit: Any, name: str) -> str | None:
    """The kind of the look that the reviewer is given next, if any is."""
    claimed = kit.desk.claim(kit.reviewer(name))
    return None if claimed is None else claimed.task.kind


def test_who_has_claimed_and_given_back_an_item_gets_no_second_look_at_it(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    kit.add()
    seen = kit.claim("Bob")
    kit.desk.release(seen.task.id, kit.reviewer("Bob"))
    kit.decide("Ann", "used")
    assert (given(kit, "Bob"), given(kit, "Cleo")) == (None, "second")


def test_who_has_read_an_item_gets_no_second_look_at_it(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    assert kit.desk.read(made.id, kit.reviewer("Bob")).blind is False
    kit.decide("Ann", "used")
    assert (given(kit, "Bob"), given(kit, "Cleo")) == (None, "second")


def test_who_was_shown_an_item_may_see_all_of_it_later(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.desk.read(made.id, kit.reviewer("Bob"))
    kit.decide("Ann", "used")
    assert kit.desk.read(made.id, kit.reviewer("Bob")).blind is False
    assert kit.desk.read(made.id, kit.reviewer("Cleo")).blind is True


def test_who_was_shown_an_item_breaks_no_tie_over_it(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.desk.read(made.id, kit.reviewer("Cleo"))
    kit.decide("Ann", "used")
    kit.decide("Bob", "damaged")
    assert (given(kit, "Cleo"), given(kit, "Dora")) == (None, "third")


def test_an_admin_who_has_looked_at_a_sampled_item_does_not_check_it_blind(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True)
    kit.reviewers["root"] = kit.keys.create("admin", "root")[1]
    assert kit.desk.read(made.id, kit.reviewer("root")).blind is False
    assert (given(kit, "root"), given(kit, "Bob")) == (None, "sample")


def test_a_blind_look_that_was_given_back_may_be_had_again(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True)
    claimed = kit.claim("Bob")
    kit.desk.read(made.id, kit.reviewer("Bob"))
    kit.desk.release(claimed.task.id, kit.reviewer("Bob"))
    assert given(kit, "Bob") == "sample"


def test_what_the_model_asks_for_is_given_to_who_has_seen_it(kit: Any) -> None:
    made = kit.add()
    kit.desk.read(made.id, kit.reviewer("Bob"))
    assert given(kit, "Bob") == "unsure"


def test_a_decision_that_was_undone_and_given_back_is_not_followed_by_a_blind_one_of_the_same(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    kit.desk.release(kit.desk.undo(made.id, ann).task.id, ann)
    kit.decide("Bob", "used")
    assert (given(kit, "Ann"), given(kit, "Cleo")) == (None, "second")


@pytest.mark.parametrize("role", ["station", "engineer"])
def test_of_who_may_not_review_nothing_is_noted(kit: Any, role: str) -> None:
    made = kit.add()
    kit.desk.read(made.id, kit.keys.create(role, "x")[1])
    with kit.database.read() as connection:
        assert connection.execute(select(disclosures)).all() == []


def test_an_item_that_no_human_owes_a_look_is_not_noted(kit: Any) -> None:
    made = kit.add(sure=True)
    kit.desk.read(made.id, kit.reviewer("Ann"))
    assert kit.desk.history(made.id) == []


def test_reading_is_told_once_in_the_audit_trail(kit: Any) -> None:
    made = kit.add()
    for _ in range(2):
        kit.desk.read(made.id, kit.reviewer("Ann"))
    kit.claim("Ann")
    assert [(line.action, line.name) for line in kit.desk.history(made.id)] == [("view", "Ann"), ("claim", "Ann")]


def test_what_waits_for_another_reviewer_is_counted_apart(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    kit.add(seller="acme"), kit.add(seller="zen")
    first = kit.claim("Ann", seller="acme")
    kit.desk.decide(first.inspection.id, first.token, kit.reviewer("Ann"), Verdict("used"))
    mine, theirs = kit.desk.counts(kit.reviewer("Ann")), kit.desk.counts(kit.reviewer("Bob"))
    assert (mine.total, mine.others, mine.by["seller"]) == (1, 1, {"zen": 1})
    assert (theirs.total, theirs.others, theirs.by["kind"]) == (2, 0, {"blind": 1, "unsure": 1})
    kit.claim("Bob", seller="acme")
    assert (kit.desk.counts(kit.reviewer("Ann")).held, kit.desk.counts(kit.reviewer("Cleo")).held) == (0, 1)
