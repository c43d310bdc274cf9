"""The table that promises rest on is read as it was written, or not at all."""

from typing import Any

import numpy as np
import pytest

from regrade.models.promise.held_out import HeldOut, held_out, together

LABELS = ("opened", "damaged")


def table(version: str = "1") -> HeldOut:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    votes = np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    kinds = [frozenset(("tear",)), frozenset[str](), frozenset[str]()]
    return held_out(version, LABELS, probabilities, votes, ["box", "box", "bag"], kinds, origin="photos of boxes")


def test_votes_become_shares_and_looks_without_any_are_left_out() -> None:
    found = table()
    assert found.votes.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    assert found.groups.tolist() == [0, 0]
    assert found.defects == (frozenset({"tear"}), frozenset())


def test_it_is_read_as_it_was_written() -> None:
    found = HeldOut.from_json(table().to_json())
    assert found.to_json() == table().to_json()
    assert np.array_equal(found.votes, table().votes)


def test_it_names_neither_photos_nor_groups() -> None:
    assert "box" not in str({k: v for k, v in table().to_json().items() if k != "origin"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("probabilities", [[0.9, 0.1]]),
        ("probabilities", [[-0.1, 1.1], [0.2, 0.8]]),
        ("votes", [[0.0, 0.0], [0.5, 0.5]]),
        ("groups", [0, -1]),
        ("defects", [[]]),
        ("labels", ["opened", "used", "damaged"]),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        HeldOut.from_json({**table().to_json(), field: value})


def test_two_tables_of_the_same_heads_are_one() -> None:
    both = together(table(), table(), "2")
    assert (len(both), both.version, both.groups.tolist()) == (4, "2", [0, 0, 1, 1])
    with pytest.raises(ValueError, match="different conditions"):
        together(table(), HeldOut("1", ("a", "b"), np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, int), ()), "2")


def test_groups_count_once_in_the_shares() -> None:
    probabilities, votes = np.full((4, 2), 0.5), np.array([[1.0, 0], [1, 0], [1, 0], [0, 1]])
    found = held_out("1", LABELS, probabilities, votes, ["a", "a", "a", "b"])
    assert found.shares.tolist() == [0.5, 0.5]
