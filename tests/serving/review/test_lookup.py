"""Items are found by what is printed on their label, and nothing is told that a list must not tell."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("RMA-1", [0]),  # not RMA-10, which only begins so
        ("rma-1", [0]),
        ("KT-9", [1, 0]),
        ("kt-9", [1, 0]),
        ("KT", []),  # too short for a beginning
        ("KT-", [1, 0]),
        ("mixed Case", [2]),
        ("RMA-1%", []),
        ("nothing", []),
    ],
)
def test_a_label_finds_whole_ones_before_those_that_begin_so(kit: Any, asked: str, found: list[int]) -> None:
    made = [kit.add(rma="RMA-1", sku="KT-9"), kit.add(rma="RMA-10", sku="KT-9"), kit.add(rma="mixed Case")]
    hits = kit.desk.lookup(asked, kit.reviewer("Ann"))
    assert [one.id for one in hits] == [made[index].id for index in found]


def test_an_id_finds_its_inspection(kit: Any) -> None:
    made = kit.add()
    assert [one.id for one in kit.desk.lookup(made.id.upper(), kit.reviewer("Ann"))] == [made.id]


def test_no_more_are_found_than_asked_for(kit: Any) -> None:
    for _ in range(4):
        kit.add(sku="KT-9")
    assert len(kit.desk.lookup("KT-9", kit.reviewer("Ann"), 3)) == 3


def test_a_list_hides_findings_and_is_no_disclosure(make_kit: Any) -> None:
    kit = make_kit(sample=1.0, second=1.0)
    sampled, asked = kit.add(sure=True), kit.add()
    for made in (sampled, asked):
        kit.desk.lookup(made.item["rma"], kit.reviewer("Bob"))
    [seen] = kit.desk.lookup(sampled.item["rma"], kit.reviewer("Bob"))
    assert (seen.blind, seen.status, seen.result.grade) == (True, "needs_review", None)
    assert kit.desk.history(asked.id) == []


def test_a_dossier_tells_what_is_owed_and_who_is_at_it(make_kit: Any) -> None:
    kit = make_kit(second=1.0)
    made = kit.add()
    kit.decide("Ann", "used")
    kit.claim("Bob")
    ann, bob, cleo = (kit.desk.dossier(made.id, kit.reviewer(name)) for name in ("Ann", "Bob", "Cleo"))
    assert (ann.owed, ann.held_by, ann.free, len(ann.trail)) == (("second",), ("Bob",), False, 3)
    assert (bob.owed, bob.free, bob.trail, bob.inspection.blind) == ((), True, (), True)
    assert (cleo.held_by, cleo.free, cleo.inspection.reviews) == (("Bob",), False, ())
