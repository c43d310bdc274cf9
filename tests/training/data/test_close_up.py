"""Crops with boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade.training.data.close_up import KEPT, SHARES, Labelled, close_up, cut

BLANK = np.zeros((300, 400, 3), dtype=np.uint8)


def test_boxes_move_with_the_crop_and_end_at_its_rim() -> None:
    picture = Labelled(BLANK, items=(("phone", (0, 0, 400, 300)),), defects=(("crack", (110, 60, 130, 90)),))
    found = cut(picture, (100, 50, 350, 250))
    assert found is not None
    height, width, _ = found.rgb.shape
    assert (height, width) == (200, 250)
    assert [*found.items, *found.defects] == [("phone", (0, 0, 250, 200)), ("crack", (10, 10, 30, 40))]


def test_an_item_of_which_little_is_left_is_dropped() -> None:
    found = cut(Labelled(BLANK, items=(("phone", (0, 0, 400, 300)),)), (0, 0, 120, 90))
    assert found is not None
    assert found.items == ()


def test_a_defect_is_never_cut_to_an_unlabelled_rest() -> None:
    assert cut(Labelled(BLANK, defects=(("tear", (0, 0, 100, 100)),)), (90, 90, 290, 290)) is None


def test_a_defect_outside_the_crop_does_not_matter() -> None:
    found = cut(Labelled(BLANK, defects=(("tear", (0, 0, 50, 50)),)), (100, 100, 300, 300))
    assert found is not None
    assert found.defects == ()


@settings(max_examples=20, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_close_up_shows_its_target_at_a_share_of_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 360), rng.uniform(0, 260)
    target = ("tear", (x, y, x + 40, y + 40))
    found = close_up(Labelled(BLANK, defects=(target,)), (target,), rng)
    assert found is not None
    height, width = found.rgb.shape[:2]
    assert SHARES[0] - 0.01 <= width / 400 <= SHARES[1] + 0.01
    assert height / 300 == pytest.approx(width / 400, abs=0.01)
    (_, (x1, y1, x2, y2)) = found.defects[0]
    assert (x2 - x1) * (y2 - y1) >= KEPT * 1600


def test_damage_too_wide_for_a_close_up_is_left_whole() -> None:
    line = ("display", (0.0, 0.0, 400.0, 300.0))
    found = close_up(Labelled(BLANK, defects=(line,)), (line,), np.random.default_rng(0))
    assert found is None or found.defects


def test_without_a_target_there_is_no_close_up() -> None:
    assert close_up(Labelled(BLANK), (), np.random.default_rng(0)) is None
