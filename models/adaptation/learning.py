"""How the head learns from more decisions, and whether the backbone is what limits it."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.adaptation.choice import KEEP, Choice, Prior, folds, moved
from regrade.models.adaptation.fit import Space
from regrade.models.adaptation.reviewers import worth
from regrade.models.adaptation.votes import Photos, Votes
from regrade.models.estimates import Estimate, Resamples

Floats = NDArray[np.float64]
SHARES: Final = (0.25, 0.5, 1.0)
LEAST: Final = 150
"""Groups below which a curve tells nothing."""
LEAST_PAIRS: Final = 30
"""Photos with two blind votes that it takes to know how well people agree."""
FLAT: Final = 0.02
"""A doubling of decisions that brings less accuracy than this, in all likelihood, has stopped to pay."""


@dataclass(frozen=True, slots=True)
class Learning:
    """Accuracy against votes of heads fitted to a quarter, half and all of the decisions, on photos not seen; `last`,
    what the last doubling brought; `agreement` of two blind votes on one photo, which no head can be expected to pass.
    `limit` says in words whether the backbone is the limit, `room` by how much accuracy at most, where that is known.
    """

    accuracy: tuple[float, ...]
    last: Estimate | None
    agreement: float | None
    limit: str
    room: float | None

    def to_json(self) -> dict[str, Any]:
        """For metrics."""
        return {
            "shares": list(SHARES[: len(self.accuracy)]),
            "accuracy": [round(one, 4) for one in self.accuracy],
            "last_doubling": None if self.last is None else self.last.to_json(),
            "agreement": None if self.agreement is None else round(self.agreement, 4),
            "limit": self.limit,
            "room": None if self.room is None else round(self.room, 4),
        }


def learning(photos: Photos, votes: Votes, prior: Prior, choice: Choice, everybody: Votes, seed: int = 1) -> Learning:
    """The curve of `choice`, made of `votes` on `photos`; `everybody` are all votes there are, for their agreement."""
    groups = len(np.unique(photos.groups))
    agreement = _agreement(everybody)
    if groups < LEAST or choice.chosen.strength == KEEP:
        told = f"it cannot be told yet whether the backbone is the limit: {groups} of {LEAST} decided items"
        if groups >= LEAST:
            told = "it cannot be told whether the backbone is the limit: these decisions do not bear moving the head"
        return Learning((), None, agreement, told, None)
    hits = _curve(photos, votes, prior, choice, seed)
    resamples = Resamples.of(photos.groups)
    last = resamples.ratio(hits[-1] - hits[-2])
    accuracy = tuple(float(np.mean(one)) for one in hits)
    if last.high >= FLAT:
        told = (
            f"more decisions still pay: the last doubling brought {last.value:+.3f} [{last.low:+.3f}, {last.high:+.3f}]"
        )
        return Learning(accuracy, last, agreement, f"{told} accuracy; the backbone is not known to be the limit", None)
    if agreement is None:
        told = "more decisions have stopped to pay, so the backbone, or how far people agree, is the limit; which, and "
        return Learning(
            accuracy, last, None, f"{told}what retraining would gain, takes {LEAST_PAIRS} double blind looks", None
        )
    room = max(0.0, agreement - accuracy[-1])
    told = f"the backbone is the limit: retraining would gain about {room:.2f} accuracy at most, where people disagree"
    if room < FLAT:
        told = "the head agrees with people as they do with each other: retraining would gain next to nothing"
    return Learning(accuracy, last, agreement, told, room)


def _curve(photos: Photos, votes: Votes, prior: Prior, choice: Choice, seed: int) -> list[Floats]:
    """Of each share, the part (n,) of a photo's votes that heads meet which had not seen it."""
    base = prior.base(photos)
    space = Space.of(photos.features)
    z = space.project(photos.features)
    members = np.unique(photos.groups, return_inverse=True)[1].astype(np.intp)
    fold = folds(members, 5, seed)
    luck = np.random.default_rng(seed).random(int(members.max()) + 1)[members]
    believed = worth(votes, choice.chosen.random)
    shares = votes.shares
    found = []
    for share in SHARES:
        logits = base.copy()
        for k in np.unique(fold):
            used = (fold != k) & (luck <= share)
            logits[fold == k] += z[fold == k] @ moved(z, base, votes, photos, believed, choice.chosen.strength, used)
        found.append(shares[np.arange(len(photos)), logits.argmax(axis=1)])
    return found


def _agreement(votes: Votes) -> float | None:
    """How often two blind votes on one photo are the same; None where too few photos have two."""
    counts = votes.blind_alone.counted()
    total = counts.sum(axis=1)
    twice = total >= 2
    if int(twice.sum()) < LEAST_PAIRS:
        return None
    n = total[twice]
    same = (counts[twice] * (counts[twice] - 1)).sum(axis=1)
    return float(np.mean(same / (n * (n - 1))))
