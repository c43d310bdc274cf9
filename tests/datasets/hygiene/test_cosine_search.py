from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from regrade.datasets.hygiene import cosine_search
from regrade.datasets.hygiene.cosine_search import close_pairs

Floats = NDArray[np.float32]


def unit(rows: NDArray[np.float64]) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def like_embeddings(n: int, width: int, seed: int = 0) -> Floats:
    """Rows in clusters, most of whose length lies along few axes, which are none of the coordinates'."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((width, width)))[0] * (np.arange(1, width + 1) ** -1.0)[:, None]
    centres = rng.standard_normal((n // 5, width))
    return unit((centres[rng.integers(0, n // 5, n)] + 0.35 * rng.standard_normal((n, width))) @ axes)


def each_with_each(rows: Floats, least: float) -> set[tuple[int, int]]:
    return {(a, b) for a, b in np.argwhere(rows @ rows.T >= least).tolist() if a < b}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are searched as many are."""
    for name, size in {"_FEW": 200, "_ROWS": 64, "_COLUMNS": 96, "_PAIRS": 50}.items():
        monkeypatch.setattr(cosine_search, name, size)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("least", [0.5, 0.9, 0.99])
def test_nothing_is_missed_and_nothing_comes_twice(least: float) -> None:
    rows = like_embeddings(700, 64)
    a, b, cosines = close_pairs(rows, least)
    found = list(zip(a.tolist(), b.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == each_with_each(rows, least) != set()
    assert cosines == pytest.approx((rows[a] * rows[b]).sum(axis=1), abs=1e-5)


@pytest.mark.usefixtures("small_blocks")
def test_most_pairs_are_ruled_out_by_a_few_coordinates() -> None:
    rows = like_embeddings(700, 64)
    narrow = cosine_search._leading(rows)
    assert narrow.shape[1] < 32
    bounds, exact = narrow @ narrow.T, rows @ rows.T
    assert (bounds >= exact - 1e-5).all()
    assert (bounds >= 0.9).sum() < 1.5 * (exact >= 0.9).sum()


@pytest.mark.usefixtures("small_blocks")
def test_rows_without_leading_axes_are_compared_whole() -> None:
    rows = unit(np.random.default_rng(0).standard_normal((300, 40)))
    assert cosine_search._leading(rows) is rows
    a, b, _ = close_pairs(rows, 0.4)
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == each_with_each(rows, 0.4) != set()


@pytest.mark.usefixtures("small_blocks")
def test_equal_rows_are_pairs_however_many() -> None:
    rows = unit(np.tile(np.random.default_rng(0).standard_normal((1, 40)), (230, 1)))
    assert len(close_pairs(rows, 0.9)[0]) == 230 * 229 // 2


def test_no_rows_have_no_pairs() -> None:
    assert [len(part) for part in close_pairs(np.zeros((0, 8), dtype=np.float32), 0.9)] == [0, 0, 0]


@pytest.mark.usefixtures("small_blocks")
def test_progress_is_told_block_by_block_and_may_stop_it() -> None:
    told: list[int] = []

    def stopped(rows: Sequence[Any], doing: str) -> Iterable[Any]:
        for row in rows:
            told.append(len(rows))
            yield row
            if len(told) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        close_pairs(like_embeddings(700, 64), 0.9, stopped)
    assert told == [11, 11]
