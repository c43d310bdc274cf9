"""The simulation against the formulas of the textbooks, where these have one."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from regrade.serving.planning.queueing import latencies, poisson_hour

ITEMS = 100_000


def erlang_c(cores: int, offered: float) -> float:
    """The probability that a job waits in M/M/c at `offered` erlangs (Kleinrock, Queueing Systems I, eq. 3.40)."""
    terms = [offered**n / math.factorial(n) for n in range(cores)]
    last = offered**cores / math.factorial(cores) / (1 - offered / cores)
    return last / (sum(terms) + last)


def mean_wait(rate: float, service: float, cores: int) -> float:
    """Mean wait in M/M/c."""
    return erlang_c(cores, rate * service) * service / (cores - rate * service)


def mean_wait_fixed(rate: float, service: float, cores: int) -> float:
    """Mean wait in M/D/c by Cosmetatos (1975), which is exact for one core and within 1% here for more."""
    rho = rate * service / cores
    more = (1 - rho) * (cores - 1) * (math.sqrt(4 + 5 * cores) - 2) / (16 * rho * cores)
    return (1 + more) * mean_wait(rate, service, cores) / 2


def waits(rate: float, service: NDArray[np.float64], cores: int) -> NDArray[np.float64]:
    """Simulated waits of items of one photo; window large enough never to matter."""
    rng = np.random.default_rng(7)
    arrivals = np.cumsum(rng.exponential(1 / rate, len(service)))
    return latencies(arrivals, service[:, np.newaxis], cores, cores + 1) - service


@pytest.mark.parametrize(("cores", "hours"), [(1, 2 / 3), (2, 1 / 24)])
def test_the_formula_gives_the_textbooks_county_hospital(cores: int, hours: float) -> None:
    # Hillier and Lieberman, Introduction to Operations Research, ch. 17: 2 patients an hour, 20 minutes each.
    assert mean_wait(2, 1 / 3, cores) == pytest.approx(hours)


def test_the_formula_gives_the_tabled_probability_of_waiting() -> None:
    assert erlang_c(5, 4) == pytest.approx(0.5541, abs=1e-4)
    assert erlang_c(1, 0.7) == pytest.approx(0.7)


@pytest.mark.parametrize(("cores", "rho"), [(1, 0.5), (2, 0.7), (5, 0.8)])
def test_exponential_work_waits_as_in_m_m_c(cores: int, rho: float) -> None:
    waited = waits(rho * cores, np.random.default_rng(1).exponential(1, ITEMS), cores)
    assert float((waited > 1e-9).mean()) == pytest.approx(erlang_c(cores, rho * cores), rel=0.03)
    assert float(waited.mean()) == pytest.approx(mean_wait(rho * cores, 1, cores), rel=0.06)


@pytest.mark.parametrize(("cores", "rho"), [(1, 0.5), (2, 0.7), (4, 0.8)])
def test_equal_work_waits_as_in_m_d_c(cores: int, rho: float) -> None:
    waited = waits(rho * cores, np.ones(ITEMS), cores)
    assert float(waited.mean()) == pytest.approx(mean_wait_fixed(rho * cores, 1, cores), rel=0.05)


def test_the_tail_of_m_m_c_is_exponential() -> None:
    waited = waits(1.4, np.random.default_rng(2).exponential(1, ITEMS), 2)
    expected = -math.log(0.01 / erlang_c(2, 1.4)) / (2 - 1.4)
    assert float(np.percentile(waited, 99)) == pytest.approx(expected, rel=0.08)


def test_an_item_alone_takes_as_many_rounds_as_its_photos_need() -> None:
    arrivals, work = np.array([0.0, 100.0]), np.ones((2, 5))
    assert latencies(arrivals, work, 2, 3).tolist() == [3, 3]
    assert latencies(arrivals, work, 5, 3).tolist() == [1, 1]
    assert latencies(arrivals, work, 1, 3).tolist() == [5, 5]


def test_photos_of_items_in_the_window_take_turns() -> None:
    # One core. When b comes, a2 is next already: a1 a2 b1 a3 b2 b3.
    assert latencies(np.array([0.0, 0.5]), np.ones((2, 3)), 1, 2).tolist() == [4, 5.5]


def test_a_window_of_one_serves_item_after_item() -> None:
    assert latencies(np.array([0.0, 0.5]), np.ones((2, 2)), 1, 1).tolist() == [2, 3.5]


def test_a_photo_that_has_begun_is_not_interrupted() -> None:
    assert latencies(np.array([0.0, 1.0]), np.array([[10.0], [1.0]]), 1, 2).tolist() == [10, 10]


def test_items_beyond_the_window_wait_in_order_of_arrival() -> None:
    begun = np.array([0.0, 0.1, 0.2, 0.3])
    ended = begun + latencies(begun, np.ones((4, 3)), 2, 2)
    assert sorted(ended.tolist()) == ended.tolist()


def test_no_core_idles_while_there_is_work() -> None:
    work = np.random.default_rng(3).uniform(0.5, 1.5, (200, 4))
    ended = latencies(np.zeros(200), work, 3, 4)
    assert work.sum() / 3 <= ended.max() <= work.sum() / 3 + work.max()


def test_the_same_seed_gives_the_same_hour_and_more_load_is_slower() -> None:
    sample = np.array([0.05, 0.06, 0.08])
    slow, again, calm = (poisson_hour(rate, sample, 4, 2, 3, items=2000, seed=5) for rate in (6.0, 6.0, 2.0))
    assert np.array_equal(slow, again)
    assert slow.mean() > calm.mean()
    assert len(slow) == 1800
