"""Which photos a head is fitted on when others are to be told by it: of other folds, and for choosing of other sources.

A penalty that is chosen by folds which are then reported flatters, most of all where photos of a source are alike.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Resamples
from regrade.training.fit.heads import USUAL_PENALTY, Sample
from regrade.training.metrics.classification import macro_f1

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Block:
    """The photos `held` of one `fold`, and those that the head which tells them is `fitted` on."""

    fold: int
    held: Ints
    fitted: Ints


def by_fold(fold: Ints) -> list[Block]:
    """A block a fold, (n,), fitted on all others."""
    return [Block(k, np.flatnonzero(fold == k), np.flatnonzero(fold != k)) for k in range(int(fold.max()) + 1)]


def by_fold_and_source(fold: Ints, sources: Sequence[str], truth: Ints) -> list[Block]:
    """A block a fold and source, fitted on the other folds' photos of other sources. Where these lack a condition that
    the others have, no head can be judged without the source, and its photos are fitted as `by_fold` does."""
    return [part for block in by_fold(fold) for part in _parted(block, np.asarray(sources), truth)]


def _parted(block: Block, sources: NDArray[np.str_], truth: Ints) -> Iterator[Block]:
    needed = set(truth[block.fitted].tolist())
    for source in np.unique(sources[block.held]).tolist():
        others = block.fitted[sources[block.fitted] != source]
        complete = set(truth[others].tolist()) == needed
        yield Block(block.fold, block.held[sources[block.held] == source], others if complete else block.fitted)


def told(samples: Sequence[Sample], blocks: Sequence[Block], penalty: float) -> Floats:
    """Logits (n, k) of all photos, each by a head that was not fitted on it; `samples` are the photos as the backbone
    of each fold saw them."""
    first = samples[0]
    logits = np.zeros(first.targets.shape)
    for block in blocks:
        if len(block.held):
            sample = samples[block.fold]
            logits[block.held] = sample.fit(block.fitted, penalty).logits(sample.views[0][block.held])
    return logits


def chosen_penalty(logits: Mapping[float, Floats], truth: Ints, groups: NDArray[np.str_], seed: int = 0) -> float:
    """The penalty whose `logits` (n, k) of photos held out have the best macro-F1, if it is clear of the usual one:
    ahead by more than the standard error of their difference, over resampled groups; else the usual one.

    The best of many, on few photos, is the luckiest (Breiman et al. 1984, the rule of one standard error).
    """
    usual = min(logits, key=lambda penalty: abs(np.log(penalty / USUAL_PENALTY)))
    drawn = Resamples.of(groups, resamples=200, seed=seed)
    worth = {one: macro_f1.weighted(values, truth, drawn.weights) for one, values in logits.items()}
    best = max(worth, key=lambda one: float(worth[one][0]))
    ahead = worth[best] - worth[usual]
    return best if ahead[0] > float(np.std(ahead[1:])) else usual
