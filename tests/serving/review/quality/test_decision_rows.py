"""Looks that follow one another: second, third, what becomes of the item, and the raw rows for statistics."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from regrade.serving.base.errors import LeaseError
from regrade.serving.review import Filters, Verdict
from regrade.serving.storage.tables import tasks


def test_an_item_that_the_model_was_unsure_of_leaves_the_bench_with_the_first_decision(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    assert (kit.status(made), kit.stands(made)) == ("reviewed", "used")
    assert kit.open_kinds("Bob") == ["second"]


def test_nobody_is_given_a_second_look_at_what_they_decided(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    kit.add()
    kit.decide("Ann", "used")
    assert kit.desk.claim(kit.reviewer("Ann")) is None
    assert (kit.open_kinds("Ann"), kit.desk.counts(kit.reviewer("Ann")).total) == ([], 0)
    assert kit.claim("Bob").task.kind == "second"


def test_a_disagreement_goes_to_a_third_who_settles_it(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    kit.decide("Bob", "damaged")
    assert (kit.stands(made), kit.open_kinds("Ann"), kit.open_kinds("Bob")) == ("used", [], [])
    assert kit.open_kinds("Cleo") == ["third"]
    kit.decide("Cleo", "damaged")
    assert (kit.stands(made), kit.open_kinds("Dan")) == ("damaged", [])


def test_reviewers_who_agree_need_no_third(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    kit.decide("Bob", "used")
    assert (kit.stands(made), kit.open_kinds("Cleo")) == ("used", [])


def test_a_sample_that_agrees_leaves_the_item_as_it_was_graded(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True, condition="used")
    kit.decide("Ann", "used")
    assert (kit.status(made), kit.stands(made), kit.open_kinds("Bob")) == ("graded", None, [])


def test_a_sample_that_disagrees_stands_until_the_third_has_decided(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    made = kit.add(sure=True, condition="used")
    kit.decide("Ann", "damaged")
    assert (kit.status(made), kit.stands(made)) == ("reviewed", "damaged")
    kit.decide("Bob", "used")
    assert (kit.status(made), kit.stands(made)) == ("reviewed", "used")


def test_two_looks_at_one_item_are_never_held_by_one_reviewer(make_kit: Any) -> None:
    kit = make_kit(sample=1.0, second=1.0)
    kit.add(sure=True, condition="used")
    kit.decide("Ann", "damaged")
    assert sorted(kit.open_kinds("Bob")) == ["second", "third"]
    held = kit.claim("Bob")
    assert kit.desk.hold_next(kit.reviewer("Bob")) is None
    kit.desk.decide(held.inspection.id, held.token, kit.reviewer("Bob"), Verdict("damaged"))
    assert kit.desk.claim(kit.reviewer("Bob")) is None
    assert kit.claim("Cleo").inspection.id == held.inspection.id


def test_a_share_of_sure_grades_is_drawn_and_the_share_is_kept(make_kit: Any) -> None:
    kit = make_kit(sample=0.25, second=0.0, sellers="{dear: {quality_control: {sample_share: 1.0}}}")
    plain = [kit.add(sure=True) for _ in range(60)]
    dear = [kit.add(sure=True, seller="dear") for _ in range(5)]
    drawn = {row.task.inspection_id for row in kit.desk.queue_page(kit.reviewer("Ann"), limit=100).rows}
    assert {one.id for one in plain if kit.lottery.drawn(one.id, "sample", 0.25)} == drawn & {one.id for one in plain}
    assert {one.id for one in dear} <= drawn
    (week,) = {row.week for row in kit.desk.auto_graded_counts()}
    counts = {row.seller: (row.items, row.drawable, row.sampled) for row in kit.desk.auto_graded_counts()}
    assert (counts[None][:2], counts["dear"], week) == ((60, 60), (5, 5, 5), "2026-W47")
    assert counts[None][2] == len(drawn) - 5


def test_nothing_is_drawn_of_what_the_model_asked_for(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    kit.add()
    assert (kit.open_kinds("Ann"), kit.desk.auto_graded_counts()) == (["unsure"], [])


def test_every_decision_is_a_look_with_what_it_was_drawn_by(make_kit: Any) -> None:
    kit = make_kit(sample=1.0, second=1.0)
    made = kit.add(sure=True, condition="used", seller="acme", station="s1")
    first, ann = kit.claim("Ann"), kit.reviewer("Ann")
    kit.time += timedelta(seconds=20)
    kit.desk.decide(made.id, first.token, ann, Verdict("used", seconds=12.5))
    kit.time += timedelta(seconds=1)
    kit.decide("Bob", "opened")
    one, two = kit.desk.looks()
    assert (one.kind, one.blind, one.share, one.sample_share, one.automatic) == ("sample", True, 1.0, 1.0, True)
    assert (one.key_id, one.reviewer, one.condition, one.model_condition) == (ann.id, "Ann", "used", "used")
    assert (one.category, one.seller, one.station, one.created_at) == ("footwear", "acme", "s1", made.created_at)
    assert (one.seconds, one.auto_threshold, one.versions) == (12.5, 0.9, {"footwear": "2026.11.1"})
    assert (two.kind, two.share, two.condition) == ("second", 1.0, "opened")
    assert kit.desk.looks(since=two.decided_at) == [two]
    assert kit.desk.looks(until=two.decided_at) == [one]


def test_the_time_that_counts_is_never_more_than_since_the_claim(kit: Any) -> None:
    kit.add(), kit.add()
    claimed = kit.claim("Ann")
    kit.time += timedelta(seconds=30)
    kit.desk.decide(claimed.inspection.id, claimed.token, kit.reviewer("Ann"), Verdict("used", seconds=9999))
    kit.decide("Ann", "used")
    assert [look.seconds for look in kit.desk.looks()] == [30.0, 0.0]


def test_the_time_before_an_item_was_given_back_counts_to_whoever_comes_back_to_it(kit: Any) -> None:
    kit.add()
    ann = kit.reviewer("Ann")
    left = kit.claim("Ann")
    kit.time += timedelta(seconds=40)
    kit.desk.release(left.task.id, ann)
    kit.claim("Bob")
    kit.desk.release_all(kit.reviewer("Bob"))
    kit.time += timedelta(minutes=5)
    again = kit.claim("Ann")
    kit.desk.decide(again.inspection.id, again.token, ann, Verdict("used", seconds=45.0))
    assert [look.seconds for look in kit.desk.looks()] == [45.0]


def test_the_time_of_others_counts_to_nobody_else(kit: Any) -> None:
    kit.add()
    kit.claim("Ann")
    kit.time += timedelta(seconds=40)
    kit.desk.release_all(kit.reviewer("Ann"))
    claimed = kit.claim("Bob")
    kit.time += timedelta(seconds=5)
    kit.desk.decide(claimed.inspection.id, claimed.token, kit.reviewer("Bob"), Verdict("used", seconds=45.0))
    assert [look.seconds for look in kit.desk.looks()] == [5.0]


def test_a_grade_promises_what_its_bundle_says(kit: Any) -> None:
    from regrade.models.registry.bundle import active_version, load_bundle, shipped_root

    version = active_version(shipped_root(), "packaging")
    bundle = load_bundle(shipped_root(), "packaging", version).calibration.selective
    assert kit.desk._promise("packaging", version) == (None if bundle.threshold is None else bundle.alpha)
    assert kit.desk._promise("packaging", "1999.1.1") is None


def test_what_was_promised_is_kept_with_the_grade_whatever_becomes_of_the_bundle(kit: Any) -> None:
    kit.add(promised=0.03), kit.add()
    kit.decide("Ann", "used"), kit.decide("Ann", "used")
    assert kit.desk._promise("footwear", "2026.11.1") is None
    assert [look.alpha for look in kit.desk.looks()] == [0.03, None]


def test_what_went_without_a_human_is_counted_by_part_and_week(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    monday = kit.time.replace(hour=0, minute=30)
    for hours, seller in ((-1, "acme"), (0, "acme"), (1, "acme"), (1, "zeta")):
        kit.add(sure=True, seller=seller, created_at=monday + timedelta(hours=hours))
    kit.add(created_at=kit.time)
    kit.decide("Ann", "used")
    counts = kit.desk.auto_graded_counts()
    found = {(one.seller, one.week): (one.items, one.drawable, one.sampled, one.looked_at) for one in counts}
    assert found == {
        ("acme", "2026-W47"): (1, 1, 1, 1),
        ("acme", "2026-W48"): (2, 2, 2, 0),
        ("zeta", "2026-W48"): (1, 1, 1, 0),
    }
    assert sum(one.items for one in kit.desk.auto_graded_counts(since=monday, until=monday + timedelta(hours=1))) == 1


def test_statistics_count_only_what_the_model_asked_for(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    kit.add(condition="used"), kit.add(sure=True, condition="used")
    kit.decide("Ann", "used"), kit.decide("Ann", "damaged")
    stats = kit.desk.stats()
    assert (stats.overall.items, stats.overall.raw, stats.queue.depth) == (1, 1.0, 0)
    assert stats.kinds["sample"] == {"open": 0, "done": 1}
    assert stats.kinds["third"] == {"open": 1, "done": 0}


def test_a_decision_under_a_lease_on_an_item_decided_before_is_refused(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made, ann = kit.add(), kit.reviewer("Ann")
    kit.decide("Ann", "used")
    held = kit.claim("Bob")
    with kit.database.write() as connection:  # as if two claims of an older release had raced
        connection.execute(update(tasks).where(tasks.c.id == held.task.id).values(lease_key_id=ann.id))
    with pytest.raises(LeaseError, match="decided on this item already"):
        kit.desk.decide(made.id, held.token, ann, Verdict("damaged"))


def test_filters_by_kind_find_blind_looks(make_kit: Any) -> None:
    kit = make_kit(sample=1.0)
    kit.add()
    sampled = kit.add(sure=True)
    page = kit.desk.queue_page(kit.reviewer("Ann"), Filters(kind="blind"))
    assert [row.task.inspection_id for row in page.rows] == [sampled.id]
    assert page.counts.total == 1
    assert kit.desk.counts(kit.reviewer("Ann")).by["kind"] == {"unsure": 1, "blind": 1}
    assert page.rows[0].task.reason is None
