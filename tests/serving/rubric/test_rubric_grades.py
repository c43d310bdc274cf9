"""The seller's own grade names: the first rule that holds, and every item has one."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regrade.datasets.category import load_categories
from regrade.models.category.fields import same
from regrade.models.category.scale import SEVERITIES, GradeRule, faults, first_rule
from regrade.models.types import CONDITIONS, DEFECT_TYPES, Defect
from regrade.serving.rubric.grades import seller_grade
from regrade.serving.rubric.load import load_rubrics
from regrade.serving.rubric.types import Rubric
from regrade.serving.storage.reviews import ReviewedDefect

CATEGORIES = load_categories()


@pytest.fixture
def rubric(tmp_path: Path) -> Rubric:
    """That of a seller who splits used goods by their worst defect."""
    (tmp_path / "acme.yaml").write_text(
        """
category: footwear
seller: acme
version: 3
extends: footwear@1
grades:
  - {grade: A, condition_in: [unopened, opened], severity_in: [none]}
  - {grade: Odour, defect_in: [dirt, stain], severity_in: [major]}
  - {grade: B, condition_in: [opened, used], severity_in: [none, minor]}
  - {grade: C}
""",
        encoding="utf-8",
    )
    found = load_rubrics(tmp_path, categories=CATEGORIES).of("footwear", "acme")
    assert found is not None
    return found


def marks(*found: str) -> list[ReviewedDefect]:
    return [ReviewedDefect(0, code, severity) for code, severity in (mark.split("/") for mark in found)]


@pytest.mark.parametrize(
    ("condition", "defects", "grade"),
    [
        ("unopened", marks(), "A"), ("opened", marks(), "A"), ("opened", marks("scuff/minor"), "B"),
        ("used", marks(), "B"), ("used", marks("scuff/minor", "wear/minor"), "B"), ("used", marks("scuff/major"), "C"),
        ("used", marks("dirt/minor", "wear/major"), "Odour"), ("damaged", marks(), "C"),
        ("damaged", marks("dirt/minor"), "C"), ("unopened", marks("hole/major"), "C"),
    ],
)  # fmt: skip
def test_the_first_rule_that_holds_names_the_item(rubric: Any, condition: str, defects: Any, grade: Any) -> None:
    assert seller_grade(rubric, condition, defects) == grade


def test_the_models_defects_count_as_a_reviewers_do(rubric: Any) -> None:
    found = [Defect(0, "scuff", 0.9, (0.0, 0.0, 1.0, 1.0), "major")]
    assert seller_grade(rubric, "used", found) == "C"


def test_a_rubric_without_grades_names_nothing(rubric: Any) -> None:
    assert seller_grade(replace(rubric, grades=()), "used", []) is None
    assert rubric.grade_names == ("A", "Odour", "B", "C")


def test_the_house_names_conditions_a_to_d() -> None:
    for rubric in load_rubrics(categories=CATEGORIES):
        assert [seller_grade(rubric, c, marks("scuff/major")) for c in CONDITIONS] == ["A", "B", "C", "D"]


def test_a_gap_is_told_with_the_items_that_have_no_name() -> None:
    rules = [GradeRule(grade=same("A"), condition_in=["unopened", "opened", "used"]),
             GradeRule(grade=same("B"), condition_in=["damaged"], severity_in=["minor", "major"])]  # fmt: skip
    assert list(faults(rules, CONDITIONS)) == [
        (None, "no rule names an item that is damaged whose worst defect is none; end with one that does")
    ]
    assert next(faults(rules[:1], CONDITIONS))[1] == "no rule names an item that is damaged; end with one that does"


def test_a_rule_that_never_counts_is_told() -> None:
    rules = [
        GradeRule(grade=same("A"), condition_in=["unopened"]),
        GradeRule(grade=same("X"), condition_in=["unopened"], defect_in=["hole"]),
        GradeRule(grade=same("B")),
        GradeRule(grade=same("C"), severity_in=["major"]),
    ]
    assert [index for index, _ in faults(rules, CONDITIONS)] == [1, 3]


def test_a_rule_that_several_before_it_take_wholly_never_counts() -> None:
    split = [GradeRule(grade=same(s), severity_in=[s]) for s in SEVERITIES]
    assert [index for index, _ in faults([*split, GradeRule(grade=same("rest"))], CONDITIONS)] == [3]


def test_rules_without_faults_name_every_item_with_up_to_two_defects(rubric: Any) -> None:
    assert list(faults(rubric.grades, CONDITIONS)) == []
    sets = [frozenset(pair) for n in (0, 1, 2) for pair in itertools.combinations(DEFECT_TYPES, n)]
    for condition, codes in itertools.product(CONDITIONS, sets):
        for worst in SEVERITIES[1:] if codes else SEVERITIES[:1]:
            assert first_rule(rubric.grades, condition, worst, codes) is not None
