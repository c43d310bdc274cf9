"""What an engineer writes in an hour: a logistic regression on a frozen backbone. Every candidate stands beside it.

Whoever trains more than that must show that it pays: where a candidate does not beat this, report and card say so.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
STRENGTH: Final = 1e-4
"""scikit-learn's C: a strong penalty, as few photos in many dimensions want; fixed, so that nothing is chosen by it."""


def fit_plain(features: NDArray[np.float32], truth: Ints) -> Pipeline:
    """Standardised features (n, D) → majority labels (n,), each class weighing the same."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500, tol=1e-3)
    )
    return model.fit(features.astype(np.float64), truth)


def plain_probabilities(model: Pipeline, features: NDArray[np.float32], classes: int) -> Floats:
    """(n, classes), zeros for classes that it was never shown."""
    out = np.zeros((len(features), classes))
    out[:, model.classes_] = model.predict_proba(features.astype(np.float64))
    return out


def cross_fitted(folds: Sequence[NDArray[np.float32]], truth: Ints, fold: Ints, classes: int) -> Floats:
    """(n, classes): each photo by a regression that was not fitted on its fold.

    `folds` has, a fold, the features of all photos (n, D) as the backbone saw them that did not see the fold; `fold`
    (n,) is the fold of each.
    """
    out = np.zeros((len(truth), classes))
    for number, features in enumerate(folds):
        held = fold == number
        if held.any():
            out[held] = plain_probabilities(fit_plain(features[~held], truth[~held]), features[held], classes)
    return out
