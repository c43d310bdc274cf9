"""From an activation map to a box on the photo."""

import numpy as np

from regrade.models.networks.localize import strongest_region


def test_the_box_encloses_the_strong_places_in_photo_pixels() -> None:
    evidence = np.zeros((10, 10))
    evidence[2:4, 5:8] = 3.0
    assert strongest_region(evidence, 1000, 500) == (500.0, 100.0, 800.0, 200.0)


def test_a_second_weaker_spot_far_away_is_left_out() -> None:
    evidence = np.zeros((10, 10))
    evidence[1, 1], evidence[8, 8] = 5.0, 4.0
    assert strongest_region(evidence, 100, 100) == (10.0, 10.0, 20.0, 20.0)


def test_a_flat_map_has_no_box() -> None:
    assert strongest_region(np.full((5, 5), 2.0), 100, 100) is None


def test_a_spot_at_the_edge_stays_on_the_photo() -> None:
    evidence = np.zeros((4, 4))
    evidence[3, 3] = 1.0
    assert strongest_region(evidence, 80, 80) == (60.0, 60.0, 80.0, 80.0)
