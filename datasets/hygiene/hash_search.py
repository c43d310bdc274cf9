"""All pairs of 64-bit hashes that differ in few bits, without comparing each with each.

Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): hashes that differ in at most 10 bits differ in at most 2
bits of one of their four 16-bit words at least, so only those are compared that share a word up to 2 bits. Nothing is
missed; of bench photos' hashes one pair in 60 is compared.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORD: Final = 16
_WORDS: Final = 64 // _WORD
_SLICE: Final = 1 << 22
"""Candidates compared at once, so that memory stays bounded where many hashes are alike: some 150 MB."""

Indices = NDArray[np.intp]


def close_hashes(plain: NDArray[np.uint64], other: NDArray[np.uint64], most: int) -> NDArray[np.intp]:
    """The pairs (a, b) with a < b of which `plain[a]` and `other[b]` differ in at most `most` bits, sorted.

    `plain` and `other` are uint64 (n,), the result is (pairs, 2). Raises `ValueError` for `most` above 11: words would
    have to differ in 3 bits, of which there are too many.
    """
    if not 0 <= most < 3 * _WORDS:
        raise ValueError(f"most must be 0 to {3 * _WORDS - 1}, not {most}")
    found = [np.zeros((0, 2), dtype=np.intp)]
    changes = _changes(most // _WORDS)
    for word in range(_WORDS):
        shift, mask = np.uint64(word * _WORD), np.uint64((1 << _WORD) - 1)
        mine, theirs = (((hashes >> shift) & mask).astype(np.intp) for hashes in (plain, other))
        order = np.argsort(theirs, kind="stable")
        begins = np.concatenate([[0], np.cumsum(np.bincount(theirs, minlength=1 << _WORD))])
        for change in changes:
            for a, b in _joined(mine ^ change, begins, order):
                near = (a < b) & (np.bitwise_count(plain[a] ^ other[b]) <= most)
                if near.any():
                    found.append(np.stack([a[near], b[near]], axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _changes(bits: int) -> list[int]:
    """All words of at most `bits` (0 to 2) set bits."""
    ones = [1 << k for k in range(_WORD)] if bits > 0 else []
    twos = [a | b for a in ones for b in ones if a < b] if bits > 1 else []
    return [0, *ones, *twos]


def _joined(words: Indices, begins: Indices, order: Indices) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of each place in `words` with all of `order` that stand under its word, a bounded number at a time."""
    starts, counts = begins[words], begins[words + 1] - begins[words]
    ends = np.cumsum(counts)
    first = 0
    while first < len(words):
        before = int(ends[first - 1]) if first else 0
        # At least one place, however many stand under its word.
        last = max(first + 1, int(np.searchsorted(ends, before + _SLICE, side="right")))
        a = np.repeat(np.arange(first, last), counts[first:last])
        within = np.arange(len(a)) - np.repeat(ends[first:last] - counts[first:last] - before, counts[first:last])
        yield a, order[starts[a] + within]
        first = last
