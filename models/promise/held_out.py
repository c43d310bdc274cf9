"""The table that promises rest on: what a bundle says of photos that it has not seen, beside how people voted.

It holds no photo and no name of one. It travels in the bundle (`held_out.json`), so that whoever loads the bundle can
work out what holds under the policy in force, whatever that is by then.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
FILE: Final = "held_out.json"
DIGITS: Final = 5


@dataclass(frozen=True, eq=False)
class HeldOut:
    """`n` looks at photos that nothing in the bundle was fitted on, or (`blind`) at items of a site's own.

    `probabilities` is float64 (n, k), the calibrated posterior over `labels`, rows sum to 1. `votes` is float64 (n, k):
    the share of the labellers' votes for each condition, rows sum to 1. `groups` is intp (n,): looks of one group are
    of one item, or of things that are alike, and bear witness once. `defects` are the types reported on each. `version`
    is that of the bundle that looked, `origin` says in a few words what the photos are.
    """

    version: str
    labels: tuple[str, ...]
    probabilities: Floats
    votes: Floats
    groups: Ints
    defects: tuple[frozenset[str], ...]
    origin: str = ""
    blind: bool = False

    def __post_init__(self) -> None:
        n, k = len(self.groups), len(self.labels)
        if self.probabilities.shape != (n, k) or self.votes.shape != (n, k) or len(self.defects) != n:
            raise ValueError(f"a table of {n} looks needs {n} rows of {k} probabilities and votes, and {n} lists")
        for name in ("probabilities", "votes"):
            values: Floats = getattr(self, name)
            if not np.isfinite(values).all() or (values < 0).any() or (np.abs(values.sum(axis=1) - 1) > 1e-3).any():
                raise ValueError(f"{name} must be shares that sum to 1 in every row")

    def __len__(self) -> int:
        return len(self.groups)

    @cached_property
    def shares(self) -> Floats:
        """The share of each condition among the votes, groups counting once; float64 (k,), zeros in an empty table."""
        if not len(self):
            return np.zeros(len(self.labels))
        weight = 1.0 / np.bincount(self.groups)[self.groups]
        found: Floats = weight @ self.votes / weight.sum()
        return found

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back, to five digits; what was read is written as it was."""
        return {
            "version": self.version,
            "labels": list(self.labels),
            "origin": self.origin,
            "blind": self.blind,
            "probabilities": _rounded(self.probabilities),
            "votes": _rounded(self.votes),
            "groups": self.groups.tolist(),
            "defects": [sorted(kinds) for kinds in self.defects],
        }

    def file_of(self, version: str) -> bytes:
        """The file of a bundle of another version that looks as this one does."""
        return (json.dumps(replace(self, version=version).to_json()) + "\n").encode()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "HeldOut":
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError for anything else."""
        k = len(data["labels"])
        found = cls(
            version=str(data["version"]),
            labels=tuple(data["labels"]),
            probabilities=np.asarray(data["probabilities"], dtype=np.float64).reshape(-1, k),
            votes=np.asarray(data["votes"], dtype=np.float64).reshape(-1, k),
            groups=np.asarray(data["groups"], dtype=np.intp),
            defects=tuple(frozenset(kinds) for kinds in data["defects"]),
            origin=str(data["origin"]),
            blind=bool(data["blind"]),
        )
        if (found.groups < 0).any():
            raise ValueError("groups are numbered from 0")
        return found


def held_out(
    version: str,
    labels: Sequence[str],
    probabilities: Floats,
    votes: Floats,
    groups: Sequence[str] | NDArray[np.str_],
    defects: Sequence[frozenset[str]] | None = None,
    *,
    origin: str = "",
    blind: bool = False,
) -> HeldOut:
    """The table of looks at photos whose groups have names, which it numbers instead. Looks that nobody voted on (a row
    of zeros) are left out."""
    kept = np.flatnonzero(votes.sum(axis=1) > 0).tolist()
    numbers = {name: number for number, name in enumerate(Counter(str(groups[i]) for i in kept))}
    kinds = [frozenset[str]()] * len(votes) if defects is None else defects
    return HeldOut(
        version=version,
        labels=tuple(labels),
        probabilities=_normal(probabilities[kept]),
        votes=_normal(votes[kept]),
        groups=np.array([numbers[str(groups[i])] for i in kept], dtype=np.intp),
        defects=tuple(kinds[i] for i in kept),
        origin=origin,
        blind=blind,
    )


def together(first: HeldOut, second: HeldOut, version: str) -> HeldOut:
    """Both tables as one of `version`: the same heads have looked, at other photos. Raises ValueError for tables of
    other conditions."""
    if first.labels != second.labels:
        raise ValueError("tables of different conditions are not one")
    past = int(first.groups.max()) + 1 if len(first) else 0
    return HeldOut(
        version=version,
        labels=first.labels,
        probabilities=np.concatenate([first.probabilities, second.probabilities]),
        votes=np.concatenate([first.votes, second.votes]),
        groups=np.concatenate([first.groups, second.groups + past]),
        defects=first.defects + second.defects,
        origin=f"{first.origin}; {second.origin}",
        blind=first.blind and second.blind,
    )


def _rounded(values: Floats) -> list[list[float]]:
    rows: list[list[float]] = np.round(values, DIGITS).tolist()
    return rows


def _normal(values: Floats) -> Floats:
    total = values.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    return shares
