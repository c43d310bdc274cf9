"""Groups of photos that belong together, and splits that never part them."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence

from regrade.datasets.manifest import SPLITS
from regrade.models.errors import DatasetError

Shares = tuple[float, float, float]
"""Of the photos in `SPLITS`, in that order; they sum to 1."""


def parse_shares(text: str) -> Shares:
    """`70/15/15` as shares. Raises `DatasetError` where these are not three percentages that sum to 100."""
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) != len(SPLITS) or not all(p >= 0 for p in parts) or abs(sum(parts) - 100) > 1e-9:
        raise DatasetError(f"'{text}': give the percentages of {'/'.join(SPLITS)}, such as 70/15/15; they sum to 100")
    return parts[0] / 100, parts[1] / 100, parts[2] / 100


def connected(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each of `count` things the smallest index that `pairs` connect it with, be it over others."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for a, b in pairs:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return [find(i) for i in range(count)]


def joined_groups(ids: Sequence[str], groups: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[str]:
    """The group of each photo once those in `pairs` share one. An empty entry in `groups` is a group by itself.

    A joined group is called after the largest of the groups that it joins, else after the first of its ids.
    """
    first: dict[str, int] = {}
    links = [(first.setdefault(group, i), i) for i, group in enumerate(groups) if group]
    roots = connected(len(ids), [*links, *pairs])
    members: dict[int, list[int]] = defaultdict(list)
    for i, root in enumerate(roots):
        members[root].append(i)
    sizes = Counter(groups)
    names: dict[int, str] = {}
    for root, photos in members.items():
        stated = sorted({groups[i] for i in photos if groups[i]}, key=lambda group: (-sizes[group], group))
        names[root] = stated[0] if stated else min(ids[i] for i in photos)
    # A photo alone is called after itself, and may share that name with a stated group that it is not in.
    taken: Counter[str] = Counter()
    for root in sorted(names):
        taken[names[root]] += 1
        if taken[names[root]] > 1:
            names[root] += f"~{taken[names[root]]}"
    return [names[root] for root in roots]


def stratified_splits(groups: Sequence[str], labels: Sequence[Hashable], shares: Shares, seed: int = 0) -> list[str]:
    """A split for each photo: groups whole, and each label spread over the splits by `shares`.

    The same photos get the same splits in whatever order they come. Iterative stratification (Sechidis,
    Tsoumakas, Vlahavas 2011), with groups in place of samples: the rarest label is served first, each group goes
    where that label is missed most.
    """
    members: dict[str, Counter[Hashable]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        members[group][label] += 1
    totals = Counter(labels)
    missing = {label: [share * total for share in shares] for label, total in totals.items()}
    free = [share * len(groups) for share in shares]

    def rarest(group: str) -> Hashable:
        return min(members[group], key=lambda label: (totals[label], str(label)))

    def order(group: str) -> tuple[int, str, int, bytes]:
        label = rarest(group)
        # Large groups first: small ones can still even out what these leave uneven.
        return totals[label], str(label), -members[group].total(), _shuffle(seed, group)

    split_of: dict[str, str] = {}
    for group in sorted(members, key=order):
        wanted = missing[rarest(group)]
        chosen = max(
            (i for i in range(len(SPLITS)) if shares[i] > 0), key=lambda i: (round(wanted[i], 9), round(free[i], 9), -i)
        )
        split_of[group] = SPLITS[chosen]
        for label, count in members[group].items():
            missing[label][chosen] -= count
            free[chosen] -= count
    return [split_of[group] for group in groups]


def _shuffle(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{group}".encode()).digest()


def whole_groups(groups: Sequence[str], splits: Sequence[str]) -> list[str]:
    """`splits` with every group brought into one: the earliest of train, val, test that any of its photos is in.

    So a photo leaves the test where its like is trained on, and never the other way round.
    """
    rank: dict[str, int] = {}
    for group, split in zip(groups, splits, strict=True):
        rank[group] = min(rank.get(group, len(SPLITS)), SPLITS.index(split))
    return [SPLITS[rank[group]] for group in groups]
