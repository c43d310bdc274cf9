"""Which boxes may be shown: proven on held-out photos, or not at all."""

import pytest

from regrade.training.calibrate.box_sources import BestBox, Probe, choose, covered, prove

AREA = 100.0 * 100.0
TRUTH = (40.0, 40.0, 60.0, 60.0)
KEY = ("detector", "tear")


def probe(score: float, box: tuple[float, float, float, float] | None, *, there: bool, real: bool = True) -> Probe:
    return Probe({KEY: BestBox(score, box)}, {"tear": [TRUTH]} if there else {}, frozenset(), AREA, real)


def clean(count: int = 100) -> list[Probe]:
    return [probe(i / 1000, (0, 0, 5, 5), there=False) for i in range(count)]


def test_boxes_that_land_are_proven() -> None:
    proof = prove([*clean(), *[probe(0.9, (45, 45, 55, 55), there=True)] * 12], *KEY[::-1])
    assert proof.proven
    assert (proof.hits, proof.found, proof.drawn) == (1.0, 1.0, 12)


def test_the_threshold_lets_two_in_a_hundred_clean_photos_through() -> None:
    proof = prove([*clean(), probe(0.9, TRUTH, there=True)], *KEY[::-1])
    assert sum(i / 1000 > proof.threshold for i in range(100)) <= 2


def test_boxes_beside_the_damage_are_not_shown() -> None:
    proof = prove([*clean(), *[probe(0.9, (0, 0, 10, 10), there=True)] * 30], *KEY[::-1])
    assert not proof.proven
    assert choose([proof]) is None


def test_a_handful_of_boxes_proves_nothing() -> None:
    assert not prove([*clean(), *[probe(0.9, TRUTH, there=True)] * 9], *KEY[::-1]).proven


def test_what_is_never_found_is_not_shown() -> None:
    assert not prove([*clean(), *[probe(0.0, TRUTH, there=True)] * 30], *KEY[::-1]).proven


def test_a_photo_that_may_hide_the_defect_says_nothing_of_false_alarms() -> None:
    hidden = Probe({KEY: BestBox(0.99, None)}, {}, frozenset({"tear"}), AREA, True)
    assert prove([*clean(), *[hidden] * 50, probe(0.9, TRUTH, there=True)], *KEY[::-1]).clean == 100


def test_without_a_clean_photo_there_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="free of tear"):
        prove([probe(0.9, TRUTH, there=True)], *KEY[::-1])


def test_overlapping_boxes_cover_their_union() -> None:
    assert covered([(0, 0, 10, 10), (5, 0, 15, 10)], 1000.0) == pytest.approx(0.15)


def test_of_two_networks_the_one_whose_boxes_land_better_is_chosen() -> None:
    good = prove([*clean(), *[probe(0.9, TRUTH, there=True)] * 20], *KEY[::-1])
    half = [probe(0.9, TRUTH if i % 3 else (0, 0, 4, 4), there=True) for i in range(21)]
    worse = prove([*clean(), *half], *KEY[::-1])
    assert choose([worse, good]) is good
