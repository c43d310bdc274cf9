"""Our calibration maths beside that of MAPIE, scikit-learn and SciPy, on the same simulated probabilities."""

from typing import Any

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.metrics.calibration import expected_calibration_error
from mapie.risk_control import BinaryClassificationController
from mapie.risk_control.fwer_control import control_fwer
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from regrade.models.calibration import Calibration, Selective, softmax
from regrade.training.calibrate.calibration import conformal_quantile, selective_threshold, temperature, upper_error
from regrade.training.metrics.classification import calibration_error

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.intp]]


class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose input is its own output: logits, or probabilities."""

    def __init__(self, classes: int = 4) -> None:
        self.classes = classes
        self.classes_ = np.arange(classes)
        self.n_features_in_ = classes

    def fit(self, x: Floats, y: Ints) -> "Given":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def decision_function(self, x: Floats) -> Floats:
        return x

    def predict_proba(self, x: Floats) -> Floats:
        return x

    def predict(self, x: Floats) -> Ints:
        return np.asarray(x.argmax(axis=1))


def simulated(n: int, seed: int, sharpness: float = 1.0) -> tuple[Floats, Ints]:
    """Logits of a model and labels drawn from softmax(logits · sharpness)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 4))
    cumulative = softmax(logits * sharpness).cumsum(axis=1)
    return logits, (rng.random((n, 1)) > cumulative).sum(axis=1)


def our_sets(p: Floats, quantile: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    calibration = Calibration(1.0, 1.0, 0.1, quantile, Selective(0.05, 0.1, None, 0, 0.0, ""))
    out = np.zeros(p.shape, dtype=bool)
    for row, probabilities in zip(out, p, strict=True):
        row[calibration.prediction_set(probabilities)] = True
    return out


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("n", "alpha"), [(19, 0.1), (60, 0.1), (250, 0.1), (250, 0.05)])
def test_prediction_sets_are_those_of_mapie_but_never_empty(n: int, alpha: float, seed: int) -> None:
    logits, labels = simulated(n + 200, seed)
    p = softmax(logits)
    mapie = SplitConformalClassifier(Given(), confidence_level=1 - alpha, conformity_score="lac", prefit=True)
    mapie.conformalize(p[:n], labels[:n])
    theirs = mapie.predict_set(p[n:])[1][:, :, 0]
    ours = our_sets(p[n:], conformal_quantile(p[:n], labels[:n], alpha))
    empty = ~theirs.any(axis=1)
    assert (ours[~empty] == theirs[~empty]).all()
    assert (ours[empty] == np.eye(4, dtype=bool)[p[n:][empty].argmax(axis=1)]).all()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("bins", [5, 10])
def test_the_calibration_error_is_that_of_mapie_over_bins_of_equal_count(bins: int, seed: int) -> None:
    logits, labels = simulated(400, seed, sharpness=0.6)
    p = softmax(logits)
    order = np.argsort(p.max(axis=1))
    right = (p.argmax(axis=1) == labels).astype(int)[order]
    theirs = expected_calibration_error(right, p.max(axis=1)[order], num_bins=bins, split_strategy="array split")
    assert calibration_error(p, labels, bins) == pytest.approx(theirs)


@pytest.mark.parametrize(("seed", "sharpness"), [(0, 0.5), (1, 1.0), (2, 1.8)])
def test_the_temperature_is_that_of_scikit_learn(seed: int, sharpness: float) -> None:
    logits, labels = simulated(500, seed, sharpness)
    theirs = CalibratedClassifierCV(FrozenEstimator(Given()), method="temperature", ensemble=False).fit(logits, labels)
    ours = softmax(logits / temperature(logits, np.eye(4)[labels]))
    np.testing.assert_allclose(ours, theirs.predict_proba(logits), atol=2e-3)


@pytest.mark.parametrize(("errors", "n"), [(0, 29), (1, 45), (12, 300)])
@pytest.mark.parametrize("delta", [0.05, 0.1])
def test_the_error_bound_is_where_the_exact_binomial_test_stops_rejecting(errors: int, n: int, delta: float) -> None:
    bound = upper_error(errors, n, delta)
    assert binomtest(errors, n, bound, "less").pvalue == pytest.approx(delta)


def held_out(seed: int) -> tuple[Floats, Ints, Ints]:
    """Probabilities, labels, and the counts of most confident photos at which a threshold is tried."""
    logits, labels = simulated(600, seed, sharpness=1.6)
    # Even without an error, fewer photos than this do not prove an error of 10% with 90% confidence.
    first = int(np.ceil(np.log(0.1) / np.log(0.9)))
    return softmax(logits * 1.6), labels, np.arange(first, 601, 6)


def fixed_sequence(p: Floats, labels: Ints, counts: Ints, more_errors: int) -> float:
    """The lowest confidence that MAPIE's fixed-sequence test proves, by exact p-values of SciPy."""
    order = np.argsort(-p.max(axis=1), kind="stable")
    errors = np.cumsum((p.argmax(axis=1) != labels)[order])
    p_values = [binomtest(min(int(errors[c - 1]) + more_errors, int(c)), int(c), 0.1, "less").pvalue for c in counts]
    proven = control_fwer(np.array(p_values), 0.1, "fixed_sequence")
    return float(p.max(axis=1)[order][counts[proven[-1]] - 1]) if len(proven) else 1.0


@pytest.mark.parametrize("seed", range(2))
def test_the_threshold_is_that_of_mapies_fixed_sequence_test_on_exact_p_values(seed: int) -> None:
    p, labels, counts = held_out(seed)
    found = selective_threshold(p, labels, alpha=0.1, delta=0.1)
    assert found.threshold == fixed_sequence(p, labels, counts, more_errors=0)


@pytest.mark.filterwarnings("ignore:Fixed sequence testing requires a monotonic risk")
@pytest.mark.parametrize("seed", range(2))
def test_mapies_controller_of_precision_proves_the_same_threshold_up_to_one_error(seed: int) -> None:
    p, labels, counts = held_out(seed)
    confidence, right = p.max(axis=1), (p.argmax(axis=1) == labels).astype(int)
    found = selective_threshold(p, labels, alpha=0.1, delta=0.1)
    controller = BinaryClassificationController(
        lambda x: np.column_stack([1 - x, x]),
        "precision",
        target_level=0.9,
        confidence_level=0.9,
        list_predict_params=np.sort(confidence)[::-1][counts - 1],
        fwer_method="fixed_sequence",
    )
    controller.calibrate(confidence, right)
    # MAPIE rounds the number of errors up, n · (1 − precision), so that floats make it one more now and then.
    assert found.threshold is not None
    theirs = min(controller.valid_predict_params)
    assert found.threshold <= theirs <= fixed_sequence(p, labels, counts, more_errors=1)
