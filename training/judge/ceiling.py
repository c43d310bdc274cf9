"""What a model could score at best against labels like these: how well the labellers agree with each other.

Two labellers' majority contains their own votes, so a labeller scored against it looks better than any model can.
The fair comparison is of single passes: the second pass scored against the first, and the model scored against
each of them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regrade.models.estimates import Estimate, Resamples, cohen_kappa, observed_agreement, tables
from regrade.training.judge.predictions import Predictions
from regrade.training.metrics.classification import macro_f1

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LabelCeiling:
    """Agreement of the first two labelling passes, over the photos that both gave a condition.

    `raw` is the share with the same label, `kappa` Cohen's; `damaged_raw` and `damaged_kappa` are those of "damaged
    or not". `macro_f1` scores one pass against the other (F1 is the same either way round), `majority_macro_f1` is
    the mean of both passes' scores against the majority. `model_macro_f1` is the mean of the model's scores against
    either pass, and `gap` that less `macro_f1`, by a paired bootstrap.
    """

    raw: Estimate
    kappa: Estimate
    damaged_raw: Estimate
    damaged_kappa: Estimate
    macro_f1: Estimate
    majority_macro_f1: Estimate
    model_macro_f1: Estimate
    gap: Estimate


def ceiling(predictions: Predictions, *, resamples: int, seed: int) -> LabelCeiling | None:
    """The labellers' agreement on the photos of `predictions`; None where no photo was labelled twice."""
    passes = first_two(predictions)
    both = np.flatnonzero((passes >= 0).all(axis=1))
    if not len(both):
        return None
    found = predictions.take(both)
    one, two = passes[both, 0], passes[both, 1]
    worst = len(found.labels) - 1
    drawn = Resamples.of(found.groups, resamples=resamples, seed=seed)
    conditions = tables(one, two, len(found.labels), drawn.weights)
    damaged = tables((one == worst).astype(np.intp), (two == worst).astype(np.intp), 2, drawn.weights)

    def f1(probabilities: Floats, labels: Ints) -> Floats:
        return macro_f1.weighted(probabilities, labels, drawn.weights)

    certain = np.eye(len(found.labels))
    people = f1(certain[two], one)
    model = (f1(found.probabilities, one) + f1(found.probabilities, two)) / 2
    return LabelCeiling(
        raw=drawn.estimate(observed_agreement(conditions)),
        kappa=drawn.estimate(cohen_kappa(conditions)),
        damaged_raw=drawn.estimate(observed_agreement(damaged)),
        damaged_kappa=drawn.estimate(cohen_kappa(damaged)),
        macro_f1=drawn.estimate(people),
        majority_macro_f1=_against_majority(found, one, two, resamples, seed),
        model_macro_f1=drawn.estimate(model),
        gap=drawn.estimate(model - people),
    )


def first_two(predictions: Predictions) -> Ints:
    """The first two votes on each photo as indices of labels (n, 2); −1 where there is none or it is no condition."""
    out = np.full((len(predictions), 2), -1, dtype=np.intp)
    for i, record in enumerate(predictions.records):
        for j, vote in enumerate(record.votes[:2]):
            if vote in predictions.labels:
                out[i, j] = predictions.labels.index(vote)
    return out


def _against_majority(found: Predictions, one: Ints, two: Ints, resamples: int, seed: int) -> Estimate:
    settled = np.flatnonzero(found.truth >= 0)
    if not len(settled):
        nan = float("nan")
        return Estimate(nan, nan, nan, 0, 0)
    drawn = Resamples.of(found.groups[settled], resamples=resamples, seed=seed)
    truth, certain = found.truth[settled], np.eye(len(found.labels))
    scores = [macro_f1.weighted(certain[votes[settled]], truth, drawn.weights) for votes in (one, two)]
    return drawn.estimate((scores[0] + scores[1]) / 2)
