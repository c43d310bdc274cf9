"""Folds: every photo is judged by networks that never saw its group."""

from pathlib import Path

import numpy as np
import pytest

from regrade.datasets.manifest import read_manifest
from regrade.models.errors import DatasetError
from regrade.training.fit.crossfit import FOLDS, deal


def test_groups_stay_together_and_the_test_split_stays_out(tiny_dataset: Path) -> None:
    from dataclasses import replace

    records = [replace(r, group=f"g{i // 4}") for i, r in enumerate(read_manifest(tiny_dataset))]
    fold = deal(records, seed=1)
    for group in {r.group for r in records}:
        folds = {int(f) for f, r in zip(fold, records, strict=True) if r.group == group and r.split != "test"}
        assert len(folds) <= 1
    assert all(f == -1 for f, r in zip(fold, records, strict=True) if r.split == "test")


def test_conditions_are_spread_over_the_folds(tiny_dataset: Path) -> None:
    records = read_manifest(tiny_dataset)
    fold = deal(records, seed=0)
    for number in range(FOLDS):
        there = {(r.category, r.condition) for f, r in zip(fold, records, strict=True) if f == number}
        assert len(there) == 8


def test_what_is_rarer_than_folds_does_not_stop_the_deal(tiny_dataset: Path) -> None:
    from dataclasses import replace

    records = read_manifest(tiny_dataset)
    records[0] = replace(records[0], condition=None)
    assert np.array_equal(deal(records, seed=0), deal(records, seed=0))


def test_sources_can_be_kept_together_too(tiny_dataset: Path) -> None:
    from dataclasses import replace

    records = [replace(r, source=f"s{i % 5}") for i, r in enumerate(read_manifest(tiny_dataset))]
    fold = deal(records, seed=1, by="source")
    for source in {r.source for r in records}:
        folds = {int(f) for f, r in zip(fold, records, strict=True) if r.source == source and r.split != "test"}
        assert len(folds) == 1


def test_fewer_sources_than_folds_are_refused(tiny_dataset: Path) -> None:
    with pytest.raises(DatasetError, match="--folds source needs photos of 3 sources or more; there"):
        deal(read_manifest(tiny_dataset), seed=1, by="source")
