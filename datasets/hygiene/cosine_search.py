"""All pairs of unit vectors whose cosine reaches a bound, without computing each cosine whole.

In the frame of the principal axes, a cosine is the product of the leading coordinates plus that of the rest, which is
at most the product of the lengths of the rests (Cauchy–Schwarz). With that length as one coordinate more, a product of
few numbers is an upper bound of the cosine, and only pairs whose bound is high enough are computed whole. Nothing is
missed. Of photos' embeddings a tenth of the axes holds nearly all, so that it saves nine parts in ten.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[Sequence[Any], str], Iterable[Any]]
"""Wraps what is gone through, given a word for what is done with it; `quietly` shows nothing."""
Floats = NDArray[np.float32]

_HELD: Final = 0.95
"""Share of the squared lengths that the leading axes are to hold."""
_FEW: Final = 4096
"""Below this many rows whole products take less time than finding the axes; above, that many show the axes."""
_ROWS: Final = 1024
_COLUMNS: Final = 8192
_PAIRS: Final = 4096
"""Compared at once, so that memory stays bounded: blocks of 32 MB, and rows of pairs as many again."""
_SLACK: Final = 1e-4
"""Of bounds in single precision; no pair is left out for a rounding."""


def quietly(rows: Sequence[Any], doing: str) -> Iterable[Any]:
    """No progress shown."""
    return rows


def close_pairs(
    rows: Floats, least: float, progress: Progress = quietly
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """The pairs (a, b), a < b, of `rows` whose cosine is at least `least`, and their cosines; by no order.

    `rows` are float32 (n, D) of norm 1. Beside them, memory is that of a tenth of them, some 100 MB, and the pairs.
    """
    narrow = _leading(rows)
    found: list[tuple[NDArray[np.intp], NDArray[np.intp], Floats]] = []
    for start in progress(range(0, len(rows), _ROWS), "Comparing photos"):
        for a, b in _candidates(narrow, start, least):
            for first in range(0, len(a), _PAIRS):
                mine, theirs = a[first : first + _PAIRS], b[first : first + _PAIRS]
                cosines = np.einsum("nd,nd->n", rows[mine], rows[theirs])
                near = cosines >= least
                if near.any():
                    found.append((mine[near], theirs[near], cosines[near]))
    if not found:
        none = np.zeros(0, dtype=np.intp)
        return none, none, np.zeros(0, dtype=np.float32)
    a, b, cosines = (np.concatenate(part) for part in zip(*found, strict=True))
    return a, b, cosines


def _candidates(narrow: Floats, start: int, least: float) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of a row of the block at `start` with a later row, whose bound is high enough."""
    block = narrow[start : start + _ROWS]
    for other in range(start, len(narrow), _COLUMNS):
        bounds = block @ narrow[other : other + _COLUMNS].T
        a, b = np.divmod(np.flatnonzero(bounds >= least - _SLACK), bounds.shape[1])
        later = start + a < other + b
        yield start + a[later], other + b[later]


def _leading(rows: Floats) -> Floats:
    """Leading coordinates and the length of the rest, float32 (n, K + 1); `rows` where that would save nothing."""
    if len(rows) < _FEW:
        return rows
    shown = rows[:: max(1, len(rows) // _FEW)]
    energies, axes = np.linalg.eigh(shown.T @ shown)
    held = np.cumsum(energies[::-1]) / max(float(energies.sum()), 1e-9)
    count = int(np.searchsorted(held, _HELD)) + 1
    if count > rows.shape[1] // 2:
        return rows
    narrow = np.empty((len(rows), count + 1), dtype=np.float32)
    narrow[:, :-1] = rows @ axes[:, ::-1][:, :count]
    rest = np.einsum("nd,nd->n", rows, rows) - np.einsum("nd,nd->n", narrow[:, :-1], narrow[:, :-1])
    narrow[:, -1] = np.sqrt(np.maximum(rest, 0))
    return narrow
