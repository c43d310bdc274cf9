"""Taking a decision back: what is restored, and when it is refused."""

from datetime import timedelta
from typing import Any

import pytest

from regrade.serving.base.errors import LeaseError, UndoError
from regrade.serving.review import Verdict


def test_an_undone_decision_gives_the_item_back_to_its_reviewer(kit: Any) -> None:
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    claimed = kit.desk.undo(made.id, ann)
    assert (claimed.inspection.id, kit.status(made), kit.stands(made)) == (made.id, "needs_review", None)
    assert kit.desk.claim(kit.reviewer("Bob")) is None
    kit.desk.decide(made.id, claimed.token, ann, Verdict("damaged"))
    assert (kit.status(made), kit.stands(made)) == ("reviewed", "damaged")


def test_what_was_undone_is_kept_and_marked(kit: Any) -> None:
    made = kit.add()
    kit.decide("Ann", "used")
    kit.time += timedelta(seconds=5)
    kit.desk.undo(made.id, kit.reviewer("Ann"))
    (review,) = kit.store.get(made.id).reviews
    assert (review.condition, review.undone_at) == ("used", kit.time)
    assert kit.desk.looks() == []
    assert [entry.action for entry in kit.desk.history(made.id)] == ["claim", "decide", "undo", "claim"]


def test_a_decision_is_undone_within_a_minute_or_not_at_all(kit: Any) -> None:
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    kit.time += timedelta(seconds=60, microseconds=1)
    with pytest.raises(UndoError, match="within 60 s"):
        kit.desk.undo(made.id, ann)
    kit.time -= timedelta(microseconds=1)
    assert kit.desk.undo(made.id, ann).inspection.id == made.id


def test_an_undo_that_is_sent_again_changes_only_the_lease(kit: Any) -> None:
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    first, second = kit.desk.undo(made.id, ann), kit.desk.undo(made.id, ann)
    assert [entry.action for entry in kit.desk.history(made.id)].count("undo") == 1
    with pytest.raises(LeaseError):
        kit.desk.decide(made.id, first.token, ann, Verdict("used"))
    assert kit.desk.decide(made.id, second.token, ann, Verdict("used")).inspection.status == "reviewed"


def test_an_undo_sent_again_after_the_item_was_given_back_is_refused(kit: Any) -> None:
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    kit.desk.release(kit.desk.undo(made.id, ann).task.id, ann)
    with pytest.raises(UndoError, match="undone already"):
        kit.desk.undo(made.id, ann)


def test_only_one_s_own_decision_can_be_undone(kit: Any) -> None:
    made = kit.add()
    with pytest.raises(UndoError, match="nothing to undo"):
        kit.desk.undo(made.id, kit.reviewer("Ann"))
    kit.decide("Ann", "used")
    with pytest.raises(UndoError, match="another reviewer's"):
        kit.desk.undo(made.id, kit.reviewer("Bob"))
    assert kit.stands(made) == "used"


def test_a_decision_that_another_followed_cannot_be_undone(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    kit.decide("Bob", "used")
    with pytest.raises(UndoError, match="has looked at the item since"):
        kit.desk.undo(made.id, kit.reviewer("Ann"))
    assert kit.desk.undo(made.id, kit.reviewer("Bob")).task.kind == "second"


def test_looks_that_were_owed_because_of_an_undone_decision_are_owed_no_more(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    held = kit.claim("Bob")
    claimed = kit.desk.undo(made.id, ann)
    with pytest.raises(LeaseError, match="no longer waiting"):
        kit.desk.decide(made.id, held.token, kit.reviewer("Bob"), Verdict("opened"))
    kit.desk.decide(made.id, claimed.token, ann, Verdict("damaged"))
    again = kit.claim("Bob")
    assert (again.task.kind, again.task.id) == ("second", held.task.id)


def test_undoing_a_second_look_takes_the_third_back(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    kit.decide("Bob", "damaged")
    assert kit.open_kinds("Cleo") == ["third"]
    kit.desk.undo(made.id, kit.reviewer("Bob"))
    assert kit.open_kinds("Cleo") == ["second"]
    kit.decide("Bob", "used")
    assert kit.open_kinds("Cleo") == []


def test_undoing_a_sample_restores_the_grade(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True, condition="used")
    kit.decide("Ann", "damaged")
    claimed = kit.desk.undo(made.id, kit.reviewer("Ann"))
    assert (kit.status(made), kit.stands(made), claimed.inspection.blind) == ("graded", None, True)
    assert kit.open_kinds("Bob") == ["sample"]


def test_an_undone_item_comes_before_the_one_that_was_claimed_since(kit: Any) -> None:
    made, ann = [kit.add(), kit.add(), kit.add()], kit.reviewer("Ann")
    kit.decide("Ann", "used")
    kit.claim("Ann"), kit.desk.hold_next(ann)
    kit.desk.undo(made[0].id, ann)
    assert kit.claim("Ann").inspection.id == made[0].id
    assert kit.claim("Bob").inspection.id == made[2].id  # of three, the last was given back


def test_a_decision_may_be_undone_and_made_anew_several_times(kit: Any) -> None:
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    for condition in ("opened", "damaged"):
        claimed = kit.desk.undo(made.id, ann)
        kit.desk.decide(made.id, claimed.token, ann, Verdict(condition))
        assert kit.stands(made) == condition
    assert len(kit.store.get(made.id).reviews) == 3
