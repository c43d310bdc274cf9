import pytest

from regrade.serving.review.quality.agreement import Agreement, agreement


def test_no_pairs_agree_on_nothing() -> None:
    assert agreement([]) == Agreement(0, None, None)


def test_kappa_of_a_known_table() -> None:
    # Cohen's own kind of example: 20 + 15 of 50 agree; by chance 0.5 would.
    table = {("used", "used"): 20, ("used", "damaged"): 5, ("damaged", "used"): 10, ("damaged", "damaged"): 15}
    found = agreement([pair for pair, count in table.items() for _ in range(count)])
    assert (found.items, found.raw, found.kappa) == (50, 0.7, pytest.approx(0.4))


def test_full_disagreement_is_below_chance() -> None:
    found = agreement([("used", "damaged"), ("damaged", "used")])
    assert (found.raw, found.kappa) == (0.0, -1.0)


def test_kappa_is_undefined_where_all_say_the_same() -> None:
    assert agreement([("used", "used")] * 3) == Agreement(3, 1.0, None)
