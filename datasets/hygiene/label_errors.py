"""Labels that are probably wrong, and photos that belong elsewhere: what to look at again, surest first."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import DatasetError

FOLDS = 5
MIN_GROUPS = 3
"""A class in fewer groups than this is not judged: most folds would never have seen it."""
NEIGHBOURS = 10
OUTLYING = 3.0
"""Robust standard deviations above the median distance from which a photo is an outlier."""
_SPREAD = 3.0
"""C of the logistic regression, times the width of the embeddings: how far their logits may spread at all."""
_FLOOR = 1e-6
_BLOCK = 256
"""Photos whose distances to all others are held at once: of 50,000 that is 50 MB."""


@dataclass(frozen=True, slots=True)
class LabelDoubt:
    """A photo, by index, whose label the others speak against. `probabilities` are out of fold, a class each."""

    index: int
    given: str
    suggested: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A photo, by index, unlike any other; `distance` is the mean distance to its nearest ten of other groups,
    `deviations` how many robust standard deviations its logarithm lies above the median."""

    index: int
    distance: float
    deviations: float


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What a model says of photos that it was not fitted on: float64 (n, k), rows sum to 1, columns by `classes`."""

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]


def out_of_fold(
    embeddings: NDArray[np.float32], labels: Sequence[str], groups: Sequence[str], seed: int = 0
) -> OutOfFold:
    """Probabilities of a logistic regression on embeddings, float32 (n, D), cross-fitted over whole groups."""
    sklearn = _sklearn()
    classes = tuple(sorted(set(labels)))
    column = {name: k for k, name in enumerate(classes)}
    truth = np.array([column[label] for label in labels])
    result = np.full((len(labels), len(classes)), _FLOOR)
    folds = sklearn.folds(n_splits=min(FOLDS, len(set(groups))), shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # It remarks on classes with fewer photos than folds; these are known to be hard here, and said so.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = list(folds.split(embeddings, truth, groups))
    for fitted, judged in parts:
        if len(set(truth[fitted])) < 2:
            result[np.ix_(judged, truth[fitted][:1])] = 1.0
            continue
        model = sklearn.pipeline(sklearn.scaler(), sklearn.regression(C=_SPREAD / embeddings.shape[1], max_iter=1000))
        model.fit(embeddings[fitted], truth[fitted])
        result[np.ix_(judged, model.classes_)] = np.maximum(model.predict_proba(embeddings[judged]), _FLOOR)
    return OutOfFold(classes, result / result.sum(axis=1, keepdims=True))


def label_doubts(
    embeddings: NDArray[np.float32], labels: Sequence[str | None], groups: Sequence[str], seed: int = 0
) -> tuple[list[LabelDoubt], tuple[str, ...]]:
    """Photos whose label is probably wrong, least self-confident first, and the classes too rare to judge.

    Confident learning (Northcutt, Jiang, Chuang 2021) as cleanlab has it, on out-of-fold probabilities. Photos
    without a label, and of classes in fewer than `MIN_GROUPS` groups, are neither fitted on nor judged.
    """
    spread: dict[str, set[str]] = {}
    for label, group in zip(labels, groups, strict=True):
        if label is not None:
            spread.setdefault(label, set()).add(group)
    rare = tuple(sorted(name for name, found in spread.items() if len(found) < MIN_GROUPS))
    judged = [i for i, label in enumerate(labels) if label is not None and label not in rare]
    given = [str(labels[i]) for i in judged]
    if len(set(given)) < 2:
        return [], rare
    found = out_of_fold(embeddings[judged], given, [groups[i] for i in judged], seed)
    truth = np.array([found.classes.index(label) for label in given])
    issues = _cleanlab()(
        labels=truth, pred_probs=found.probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    doubts = []
    for k in issues.tolist():
        row = found.probabilities[k]
        best = int(row.argmax())
        # Confident learning weighs classes by how sure the model is of them; a person wants another name to consider.
        if best != truth[k]:
            probabilities = dict(zip(found.classes, row.tolist(), strict=True))
            doubts.append(LabelDoubt(judged[k], given[k], found.classes[best], probabilities))
    return doubts, rare


def outliers(embeddings: NDArray[np.float32], groups: Sequence[str]) -> list[Outlier]:
    """Photos unlike all of other groups, most unlike first; none where there are too few to tell.

    Mean Euclidean distance of standardised embeddings, float32 (n, D), to the nearest ten, as a logarithm, against
    its median and median absolute deviation. Photos of another category among those of one are told with an AUROC of
    0.96 to 0.97 (cosines of centred embeddings: 0.55 to 0.85; garments and devices of the bench).
    """
    if len(set(groups)) <= 2 * NEIGHBOURS:
        return []
    rows = (embeddings - embeddings.mean(axis=0)) / np.maximum(embeddings.std(axis=0), 1e-6)
    codes = np.unique(np.array(groups), return_inverse=True)[1]
    squares = (rows**2).sum(axis=1)
    nearest = np.empty((len(rows), NEIGHBOURS), dtype=rows.dtype)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        distances = rows[block] @ rows.T
        distances *= -2
        distances += squares[block, None]
        distances += squares[None, :]
        distances[codes[block, None] == codes[None, :]] = np.inf
        distances.partition(NEIGHBOURS - 1, axis=1)
        nearest[block] = distances[:, :NEIGHBOURS]
    known = np.where(np.isfinite(nearest), np.maximum(nearest, 1e-12), np.nan)
    mean: NDArray[np.float64] = np.asarray(np.nanmean(np.sqrt(known), axis=1, dtype=np.float64))
    far = np.log(mean)
    middle = float(np.median(far))
    spread = 1.4826 * float(np.median(np.abs(far - middle))) or 1.0
    deviations = (far - middle) / spread
    order = np.argsort(-deviations)
    return [Outlier(int(i), float(mean[i]), float(deviations[i])) for i in order if deviations[i] >= OUTLYING]


@dataclass(frozen=True, slots=True)
class _Sklearn:
    folds: Any
    scaler: Any
    regression: Any
    pipeline: Any


def _sklearn() -> _Sklearn:
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return _Sklearn(StratifiedGroupKFold, StandardScaler, LogisticRegression, make_pipeline)


def _cleanlab() -> Any:
    try:
        from cleanlab.filter import find_label_issues
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    return find_label_issues


def _missing(error: ModuleNotFoundError) -> DatasetError:
    return DatasetError(f"finding label errors needs {error.name}: pip install 'regrade[train]'")
