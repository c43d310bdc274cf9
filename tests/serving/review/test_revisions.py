"""What is open at the desk follows a new revision of the item, and nothing of it is lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from regrade.models.types import Quality
from regrade.serving.base.errors import RevisionError
from regrade.serving.evidence import Provenance
from regrade.serving.evidence.store_check import check_inspection
from regrade.serving.inspections.past import revision_of
from regrade.serving.inspections.regrade import Change, RevisionStore
from regrade.serving.inspections.store import find
from regrade.serving.review import Asking, FirstLooks
from regrade.serving.storage.records import Inspection
from regrade.serving.storage.tables import tasks

Regrade = Callable[..., Inspection]


def regrading(kit: Any) -> Regrade:
    """Grades an inspection anew: as another one was, or so that its photos must be taken again (`like` None)."""
    looks = FirstLooks(lambda: kit.policy, kit.lottery)
    revisions = RevisionStore(kit.database, looks, kit.signer, str.upper, lambda: kit.time)

    def regrade(
        old: Inspection, like: Inspection | None, cause: Any = "photos", revision: int | None = None
    ) -> Inspection:
        before = kit.store.get(old.id)
        number = revision or before.revision + 1
        if like is None:
            result = replace(before.result, grade=None, defects=(), quality=(Quality(False, ("blurry",)),))
            new = replace(before, status="retake", result=result, decision=None, revision=number)
        else:
            told = {"status": like.status, "result": like.result, "decision": like.decision}
            new = replace(before, **told, revision=number)
        return revisions.add(new, Change(kit.station, kit.time, cause, None, "d", Provenance()))

    return regrade


def tasks_of(kit: Any, inspection: Inspection) -> dict[str, tuple[str, str]]:
    """Kind → id and state of the looks at an item."""
    with kit.database.read() as connection:
        rows = connection.execute(select(tasks).where(tasks.c.inspection_id == inspection.id))
        return {row.kind: (row.id, row.state) for row in rows}


def test_a_task_waits_on_under_its_place_and_its_new_reason(kit: Any) -> None:
    first, second = kit.add(condition="used"), kit.add()
    before = tasks_of(kit, first)
    regrading(kit)(first, kit.add(condition="damaged", value=5000.0))
    assert tasks_of(kit, first) == before
    assert kit.claim("Ann").inspection.id == first.id
    assert kit.claim("Bob").inspection.id == second.id


def test_where_the_model_is_sure_now_what_nobody_had_taken_up_is_closed(kit: Any) -> None:
    made, sure = kit.add(), kit.add(sure=True)
    assert regrading(kit)(made, sure).status == "graded"
    assert tasks_of(kit, made)["unsure"][1] == "void"
    assert kit.open_kinds("Ann") == []
    regrading(kit)(made, kit.add())
    assert tasks_of(kit, made)["unsure"][1] == "open"


def test_what_somebody_asked_about_is_looked_at_however_sure_the_model_is_now(kit: Any) -> None:
    made, sure = kit.add(), kit.add(sure=True)
    claimed = kit.claim("Ann")
    kit.desk.ask(made.id, claimed.token, kit.reviewer("Ann"), Asking("photos"))
    assert kit.open_kinds("Bob") == []
    now = regrading(kit)(made, sure)
    assert now.decision is not None
    assert (now.status, [reason.code for reason in now.decision.review], now.decision.who) == (
        "needs_review",
        ["desk_asked"],
        "desk",
    )
    kit.decide("Ann", "used")
    assert kit.status(made) == "reviewed"


def test_another_category_does_not_answer_who_asked_for_photos(kit: Any) -> None:
    made = kit.add()
    kit.desk.ask(made.id, kit.claim("Ann").token, kit.reviewer("Ann"), Asking("photos"))
    regrading(kit)(made, kit.add(category="apparel"), "category")
    assert tasks_of(kit, made)["unsure"][1] == "away"
    now = kit.store.get(made.id)
    assert now.ask is not None
    assert now.ask.kind == "photos"


def test_who_could_not_tell_by_the_old_photos_may_look_at_the_new_ones(kit: Any) -> None:
    made = kit.add()
    kit.reviewer("Bob")
    kit.desk.ask(made.id, kit.claim("Ann").token, kit.reviewer("Ann"), Asking("cannot_tell"))
    assert kit.open_kinds("Ann") == []
    regrading(kit)(made, made)
    assert kit.open_kinds("Ann") == ["unsure"]


def test_a_blind_look_that_was_drawn_becomes_one_that_is_asked_for(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True)
    (drawn, _) = tasks_of(kit, made)["sample"]
    regrading(kit)(made, kit.add())
    assert tasks_of(kit, made) == {"unsure": (drawn, "open")}
    with kit.database.read() as connection:
        assert check_inspection(connection, kit.signer.known, made.id)[1] == []


def test_a_blind_look_stays_drawn_where_the_model_is_as_sure_as_before(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True)
    before = tasks_of(kit, made)
    assert regrading(kit)(made, kit.add(sure=True, condition="opened")).status == "graded"
    assert tasks_of(kit, made) == before
    hidden = kit.desk.read(made.id, kit.reviewer("Ann"))
    assert (hidden.blind, hidden.revisions) == (True, ())


def test_photos_to_be_taken_again_keep_the_task_until_they_are(kit: Any) -> None:
    made = kit.add()
    regrading(kit)(made, None)
    assert (kit.status(made), tasks_of(kit, made)["unsure"][1]) == ("retake", "away")
    regrading(kit)(made, made)
    assert (kit.status(made), kit.open_kinds("Ann")) == ("needs_review", ["unsure"])


def test_two_who_grade_it_anew_at_once_do_not_overwrite_each_other(kit: Any) -> None:
    made = kit.add()
    regrading(kit)(made, made)
    with pytest.raises(RevisionError):
        regrading(kit)(made, made, revision=2)
    assert kit.store.get(made.id).revision == 2


def test_a_decision_that_was_taken_back_leaves_the_item_to_be_graded_anew(kit: Any) -> None:
    made = kit.add()
    kit.decide("Ann", "used")
    with pytest.raises(RevisionError):
        regrading(kit)(made, made)
    kit.desk.undo(made.id, kit.reviewer("Ann"))
    kit.desk.release_all(kit.reviewer("Ann"))
    kit.time += timedelta(seconds=1)
    assert regrading(kit)(made, kit.add(condition="damaged")).model_condition == "damaged"
    with kit.database.read() as connection:
        assert check_inspection(connection, kit.signer.known, made.id)[1] == []
        assert revision_of(connection, find(connection, made.id), 1).model_condition == "used"
