from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade.datasets.splitting import joined_groups, parse_shares, stratified_splits, whole_groups
from regrade.models.errors import DatasetError

SHARES = (0.7, 0.15, 0.15)


def many(seed: int, count: int = 600) -> tuple[list[str], list[str]]:
    """Groups of very different sizes, and labels of very different frequency, by photo."""
    rng = np.random.default_rng(seed)
    groups = [f"g{k}" for k in rng.zipf(1.7, count).clip(max=400)]
    return groups, [str(x) for x in rng.choice(["used", "opened", "damaged"], count, p=[0.6, 0.35, 0.05])]


seeds = given(seed=st.integers(0, 2**32 - 1))
few = settings(max_examples=5, derandomize=True, deadline=None)


@few
@seeds
def test_a_group_is_never_parted(seed: int) -> None:
    groups, labels = many(seed)
    splits = defaultdict(set)
    for group, split in zip(groups, stratified_splits(groups, labels, SHARES), strict=True):
        splits[group].add(split)
    assert all(len(found) == 1 for found in splits.values())


@few
@seeds
def test_every_label_is_spread_by_the_shares(seed: int) -> None:
    _, labels = many(seed)
    alone = [str(k) for k in range(len(labels))]
    counts = Counter(zip(stratified_splits(alone, labels, SHARES), labels, strict=True))
    for label, total in Counter(labels).items():
        for split, share in zip(("train", "val", "test"), SHARES, strict=True):
            assert abs(counts[split, label] - share * total) <= 1


def test_the_order_of_the_photos_does_not_matter_and_the_seed_does() -> None:
    groups, labels = many(0)
    splits = dict(zip(groups, stratified_splits(groups, labels, SHARES), strict=True))
    backwards = dict(zip(groups[::-1], stratified_splits(groups[::-1], labels[::-1], SHARES), strict=True))
    other = dict(zip(groups, stratified_splits(groups, labels, SHARES, seed=1), strict=True))
    assert splits == backwards != other


def test_a_split_without_a_share_stays_empty() -> None:
    assert set(stratified_splits(["a", "b", "c"], ["x"] * 3, (0.5, 0.0, 0.5))) == {"train", "test"}


@pytest.mark.parametrize("text", ["70/15", "70/15/16", "a/b/c", "120/-10/-10", ""])
def test_shares_that_do_not_sum_to_100_are_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="such as 70/15/15"):
        parse_shares(text)
    assert parse_shares("70/15/15") == pytest.approx(SHARES)


def test_pairs_join_whole_groups_over_several_steps() -> None:
    groups = joined_groups(["a", "b", "c", "d", "e"], ["y", "", "x", "x", ""], [(0, 1), (1, 3)])
    assert groups == ["x", "x", "x", "x", "e"]


def test_a_joined_group_keeps_the_name_of_the_largest() -> None:
    assert joined_groups(["a", "b", "c"], ["p", "q", "q"], [(0, 1)]) == ["q", "q", "q"]


def test_a_photo_called_like_a_group_is_not_in_it() -> None:
    assert len(set(joined_groups(["a", "b"], ["b", ""], []))) == 2


def test_a_parted_group_goes_where_it_was_trained_on() -> None:
    assert whole_groups(["g", "g", "h", "h"], ["test", "train", "test", "val"]) == ["train", "train", "val", "val"]
