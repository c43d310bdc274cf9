"""How often each reviewer votes at random, and what each vote therefore counts.

A vote of reviewer r is honest with probability 1 − ε_r, and then follows what the photo shows; else it is drawn from
all conditions alike (the symmetric form of Dawid and Skene 1979, with a classifier as prior of the truth: Raykar et
al., "Learning from crowds", JMLR 11, 2010). A careless reviewer is found out by the head and by whoever else looked at
the same photos; their votes then count for little, and where all vote at random nothing can be learnt of them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.adaptation.votes import Votes

Floats = NDArray[np.float64]
PRIOR: Final = (0.2, 1.8)
"""Before anybody is known: as if of two votes a fifth of one had been seen to be random."""
ALIKE: Final = 10.0
"""Votes that what is known of all reviewers counts for beside a reviewer's own."""


def honesty(votes: Votes, probabilities: Floats, random: Floats) -> Floats:
    """How likely each vote (m,) is an honest one: `probabilities` (n, k) are the head's of photos that it has not seen,
    `random` (R,) each reviewer's ε. Other votes on the same photo bear witness too, by what they are worth."""
    k, e = votes.classes, random[votes.reviewer]
    said = np.log(np.maximum((1 - e) + e / k, 1e-12)) - np.log(np.maximum(e / k, 1e-12))
    witness = votes.counted(said)  # log-likelihood of each condition by all votes on the photo, but for a constant
    others = np.log(np.clip(probabilities, 1e-9, 1.0))[votes.photo] + witness[votes.photo]
    others[np.arange(len(e)), votes.condition] -= said
    shown = np.exp(others - others.max(axis=1, keepdims=True))
    shown /= shown.sum(axis=1, keepdims=True)
    honest = (1 - e) * shown[np.arange(len(e)), votes.condition]
    out: Floats = honest / np.maximum(honest + e / k, 1e-12)
    return out


def random_rates(votes: Votes, probabilities: Floats, random: Floats, rounds: int = 40) -> Floats:
    """ε of each reviewer (R,) by expectation maximisation from `random`; for arguments see `honesty`. Of a reviewer of
    whom little is known, what is known of all is believed (empirical Bayes)."""
    a, b = PRIOR
    for _ in range(rounds):
        careless = 1.0 - honesty(votes, probabilities, random)
        total = np.bincount(votes.reviewer, minlength=votes.reviewers)
        found = np.bincount(votes.reviewer, careless, votes.reviewers)
        pooled = (found.sum() + a) / (total.sum() + a + b)
        random = np.clip((found + ALIKE * pooled) / (total + ALIKE), 1e-3, 1.0 - 1e-3)
    return random


def start(votes: Votes) -> Floats:
    """ε of reviewers of whom nothing is known, (R,)."""
    return np.full(votes.reviewers, PRIOR[0] / sum(PRIOR))


def worth(votes: Votes, random: Floats) -> Floats:
    """What each vote (m,) counts in a fit: how often its reviewer, of the rates `random` (R,), is honest.

    Not how likely it is itself to be honest: what heads say of a photo that they had not seen they have from all
    others, held-out ones too, and votes would be sorted by what they are tested with.
    """
    out: Floats = 1.0 - random[votes.reviewer]
    return out


def vote_losses(votes: Votes, probabilities: Floats, random: Floats) -> Floats:
    """−log of the probability of each vote (m,), of an honest or a random one."""
    e = random[votes.reviewer]
    p = (1 - e) * probabilities[votes.photo, votes.condition] + e / votes.classes
    out: Floats = -np.log(np.clip(p, 1e-9, 1.0))
    return out
