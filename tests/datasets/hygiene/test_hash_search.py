"""The search for close hashes, against comparing each with each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from regrade.datasets.hygiene import hash_search
from regrade.datasets.hygiene.duplicates import MAX_BITS
from regrade.datasets.hygiene.hash_search import close_hashes

Hashes = NDArray[np.uint64]


def each_with_each(plain: Hashes, other: Hashes, most: int) -> list[list[int]]:
    near = np.bitwise_count(plain[:, None] ^ other[None]) <= most
    return [[a, b] for a, b in np.argwhere(near).tolist() if a < b]


def family(rng: np.random.Generator, count: int, flips: int) -> Hashes:
    """Hashes of a few ancestors, each with up to `flips` bits turned over wherever they fall."""
    ancestors = rng.integers(0, 2**64, 9, dtype=np.uint64)
    turned = [sum(1 << int(k) for k in rng.permutation(64)[: rng.integers(0, flips + 1)]) for _ in range(count)]
    return ancestors[rng.integers(0, 9, count)] ^ np.array(turned, dtype=np.uint64)


@settings(max_examples=16, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), most=st.sampled_from([0, 3, 4, 8, MAX_BITS, 11]))
def test_the_pairs_are_those_of_comparing_each_with_each(seed: int, most: int) -> None:
    rng = np.random.default_rng([seed, most])
    plain, other = family(rng, 240, 9), family(np.random.default_rng([seed, most]), 240, 14)
    expected = each_with_each(plain, other, most)
    assert close_hashes(plain, other, most).tolist() == expected
    assert len(expected) > 0 or most < 4


def test_no_way_to_spread_ten_bits_hides_a_pair() -> None:
    rng = np.random.default_rng(7)
    base = np.uint64(0x9F3A_61C2_0D75_E84B)
    for share in [(10, 0, 0, 0), (0, 0, 0, 10), (3, 3, 3, 1), (3, 2, 3, 2), (2, 3, 2, 3), (1, 3, 3, 3), (5, 5, 0, 0)]:
        bits = [16 * word + int(k) for word, n in enumerate(share) for k in rng.permutation(16)[:n]]
        far = base ^ np.uint64(sum(1 << bit for bit in bits))
        assert close_hashes(np.array([base, 0], np.uint64), np.array([0, far], np.uint64), 10).tolist() == [[0, 1]]
        assert close_hashes(np.array([base, 0], np.uint64), np.array([0, far], np.uint64), 9).tolist() == []


def test_many_equal_hashes_are_compared_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_search, "_SLICE", 50)
    same = np.full(40, 12345, dtype=np.uint64)
    assert len(close_hashes(same, same, 2)) == 40 * 39 // 2


def test_no_hashes_have_no_pairs_and_too_many_bits_are_refused() -> None:
    none = np.zeros(0, dtype=np.uint64)
    assert close_hashes(none, none, 10).shape == (0, 2)
    with pytest.raises(ValueError, match="0 to 11"):
        close_hashes(none, none, 12)
