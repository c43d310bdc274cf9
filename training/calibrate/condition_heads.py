"""Condition heads of one category (or the router): fitted, chosen and calibrated on what cross-fitting left unseen.

The test split is scored once, with what serving will run, and nothing is chosen by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.calibration import Calibration, DetectorEvidence, Selective
from regrade.models.fusion import add_detector
from regrade.models.registry.bundle import ROUTER
from regrade.training.calibrate import calibration as calibrate
from regrade.training.data.targets import FITTED_SPLITS, rows_of, soft_targets
from regrade.training.fit.crossfit import BackboneFeatures
from regrade.training.fit.heads import MAJORITY_SHARE, PENALTIES, Extra, LinearHead, Sample, class_weights
from regrade.training.fit.held_out import by_fold, by_fold_and_source, chosen_penalty, told
from regrade.training.fit.plain import cross_fitted, fit_plain, plain_probabilities
from regrade.training.metrics.head_scores import Scored, score, softmax_at

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
CONFORMAL_ALPHA: Final = 0.1
COMPARED: Final = ("macro_f1", "damage_auroc")
DRAWN_WORTH: Final = 12.0
"""What all pictures with drawn damage are worth, in real damaged photos: a prior that gives way to what is real."""


@dataclass(frozen=True, slots=True)
class CrossFitFeatures:
    """All that was seen: by each fold's backbone (`folds`), by the final one as serving runs it (`final`, INT8), and by
    it in FP32 (`fp32`, the test split's photos; zeros elsewhere).

    `fold` (n,) is the fold of each record, −1 for the test split; `picture_rows` (m,) the record of each picture
    (beyond the last: of a photo that nobody graded); `drawn` (m,) whether it has drawn damage.
    """

    records: Sequence[Record]
    picture_rows: Ints
    drawn: NDArray[np.bool_]
    fold: Ints
    folds: Sequence[BackboneFeatures]
    final: BackboneFeatures
    fp32: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trained:
    """One category's outcome: scores on train + val as strangers (`cv`), and on the test split, INT8 and FP32."""

    category: str
    labels: tuple[str, ...]
    cv: Scored
    test: Scored
    test_fp32: Scored
    calibration: Calibration
    penalty: float
    defects: Mapping[str, Any]
    fusion_losses: Mapping[float, float]
    test_auto: Mapping[str, float | int]
    detector: Mapping[str, Any]
    baseline: Mapping[str, Scored]
    ablation: Sequence[Mapping[str, Any]] = ()
    looked_at: tuple[Ints, Floats] | None = None
    """Rows of the records that nothing was fitted on when they were looked at, and their probabilities (n, k)."""

    @property
    def unbeaten(self) -> tuple[str, ...]:
        """Of macro-F1 and damage AUROC, in which it is not above the plain baseline on the photos held out."""
        ours, plain = self.cv.estimates, self.baseline["cv"].estimates
        names = [name for name in COMPARED if name in ours and not np.isnan(plain[name].value)]
        return tuple(name for name in names if not ours[name].value > plain[name].value)

    @property
    def penalty_at_edge(self) -> bool:
        """Whether the best penalty was the strongest or weakest tried, so that a better one may lie beyond."""
        return self.penalty in (max(PENALTIES), min(PENALTIES))

    def to_json(self) -> dict[str, Any]:
        """What goes into the bundle's metrics.json."""
        return {
            "labels": list(self.labels),
            "cv": self.cv.to_json(),
            "test": self.test.to_json(),
            "test_fp32": self.test_fp32.to_json(),
            "calibration": self.calibration.to_json(),
            "penalty": self.penalty,
            "defects": dict(self.defects),
            "fusion_losses": {str(r): round(loss, 4) for r, loss in self.fusion_losses.items()},
            "test_auto_graded": dict(self.test_auto),
            "detector": dict(self.detector),
            "plain_baseline": {split: scored.to_json() for split, scored in self.baseline.items()},
            "not_better_than_baseline": list(self.unbeaten),
            "penalty_at_edge": self.penalty_at_edge,
            "ablation": list(self.ablation),
        }


@dataclass(frozen=True, slots=True)
class Fitted:
    """A head with the logits that heads of its kind gave the photos (n, k) and `rows` (n,) that they had not seen."""

    name: str
    labels: tuple[str, ...]
    head: LinearHead
    penalty: float
    rows: Ints
    truth: Ints
    logits: Floats
    temperature: float

    @property
    def probabilities(self) -> Floats:
        """Of the photos in `rows`, calibrated, (n, k)."""
        return softmax_at(self.logits, self.temperature)


def fit(
    views: CrossFitFeatures,
    name: str,
    labels: tuple[str, ...],
    drawn_worth: float = DRAWN_WORTH,
    penalties: Sequence[float] = PENALTIES,
) -> Fitted:
    """Fit the head of category `name` (or the router, whose `labels` are the categories)."""
    rows = rows_of(views.records, None if name == ROUTER else name, FITTED_SPLITS)
    samples = [_sample(views, seen, name, rows, labels, drawn_worth) for seen in views.folds]
    fold, truth = views.fold[rows], samples[0].labels
    folds = by_fold(fold)
    # What chooses is not what is reported: a head is to tell sources that it has not seen, where there are several.
    strange = folds if name == ROUTER else by_fold_and_source(fold, [views.records[i].source for i in rows], truth)
    tried = {one: told(samples, strange, one) for one in penalties}
    penalty = chosen_penalty(tried, truth, samples[0].groups)
    logits = told(samples, folds, penalty)
    whole = _sample(views, views.final, name, rows, labels, drawn_worth)
    head = whole.fit(np.arange(len(rows)), penalty)
    # Confidence is to mean "how often is the majority label met", so it is fitted to majorities, not to votes.
    temperature = calibrate.temperature(logits, np.eye(len(labels))[whole.labels])
    return Fitted(name, labels, head, penalty, rows, whole.labels, logits, temperature)


def _sample(
    views: CrossFitFeatures, seen: BackboneFeatures, name: str, rows: Ints, labels: tuple[str, ...], drawn_worth: float
) -> Sample:
    chosen = [views.records[i] for i in rows]
    groups = np.array([r.group for r in chosen])
    if name == ROUTER:
        truth = np.array([labels.index(r.category) for r in chosen], dtype=np.intp)
        targets = np.eye(len(labels))[truth]
    else:
        truth = np.array([labels.index(r.condition or "") for r in chosen], dtype=np.intp)
        votes = soft_targets(chosen, labels)
        targets = MAJORITY_SHARE * np.eye(len(labels))[truth] + (1.0 - MAJORITY_SHARE) * votes
    extra = _extra(views, seen, name, rows, truth, targets, labels, drawn_worth)
    sample = Sample([seen.photos[rows]], targets, truth, groups, 1.0, extra)
    if name not in seen.bases:
        seen.bases[name] = sample.basis
    sample.basis = seen.bases[name]
    return sample


def _extra(
    views: CrossFitFeatures,
    seen: BackboneFeatures,
    name: str,
    rows: Ints,
    truth: Ints,
    targets: Floats,
    labels: tuple[str, ...],
    drawn_worth: float,
) -> Extra | None:
    """The pictures of the photos in `rows`. Those without drawn damage share their photo's label and, together, its
    weight; those with it are damaged, whatever the photo was, and weigh the more the fewer photos are damaged."""
    at = np.full(len(views.records), -1, dtype=np.intp)
    at[rows] = np.arange(len(rows))
    graded = np.flatnonzero(views.picture_rows < len(views.records))
    mine = graded[at[views.picture_rows[graded]] >= 0]
    if not len(mine):
        return None
    photo, drawn = at[views.picture_rows[mine]], views.drawn[mine]
    goals = targets[photo].copy()
    weights = class_weights(truth, len(labels), 1.0)[photo]
    counts = np.bincount(photo[~drawn], minlength=len(rows))
    weights[~drawn] /= counts[photo[~drawn]]
    if name != ROUTER:
        goals[drawn] = np.eye(len(labels))[-1]
        real = int((truth == len(labels) - 1).sum())
        share = drawn_worth / max(1.0, drawn_worth + real)
        weights[drawn] = share * len(rows) / len(labels) / max(1, int(drawn.sum()))
    else:
        weights[drawn] /= max(1.0, drawn.sum() / len(rows))
    groups = np.array([views.records[i].group for i in views.picture_rows[mine]])
    return Extra(seen.pictures[mine], goals, groups, weights)


@dataclass(frozen=True, slots=True)
class DetectorScores:
    """The detector's best score for damage on each record, (n,) in [0, 1], and how its word was weighed."""

    scores: Floats
    evidence: DetectorEvidence | None
    note: Mapping[str, Any]


def conclude(
    views: CrossFitFeatures,
    fitted: Fitted,
    *,
    alpha: float,
    delta: float,
    seed: int,
    defects: Mapping[str, Any],
    thresholds: Mapping[str, float],
    sources: Mapping[str, str],
    detector: DetectorScores | None,
    plain: BackboneFeatures | None = None,
) -> Trained:
    """Calibrate on the photos that were strangers, and score the test split; beside it a plain regression on what the
    backbone `plain` saw, as ImageNet left it, or on the run's own features where it is None."""
    evidence = detector.evidence if detector is not None else None

    def heard(p: Floats, rows: Ints) -> Floats:
        return p if evidence is None or detector is None else add_detector(p, detector.scores[rows], evidence)

    held_out = heard(fitted.probabilities, fitted.rows)
    selective = Selective(alpha, delta, None, len(fitted.rows), 0.0, "not used: no condition")
    sharpness, losses = 1.0, dict[float, float]()
    if fitted.name != ROUTER:
        sharpness, losses = calibrate.fusion_sharpness(held_out, fitted.truth, seed)
        selective = calibrate.selective_threshold(held_out, fitted.truth, alpha=alpha, delta=delta)
    calibration = Calibration(
        temperature=fitted.temperature,
        fusion_sharpness=sharpness,
        conformal_alpha=CONFORMAL_ALPHA,
        conformal_quantile=calibrate.conformal_quantile(held_out, fitted.truth, CONFORMAL_ALPHA),
        selective=selective,
        defect_thresholds=dict(thresholds),
        box_sources=dict(sources),
        detector=evidence,
        detector_from=_detector_from(held_out, fitted.truth) if evidence is None else 0.0,
    )
    test = rows_of(views.records, None if fitted.name == ROUTER else fitted.name, ("test",))
    truth = _truth(views.records, test, fitted)
    p_int8 = heard(softmax_at(fitted.head.logits(views.final.photos[test]), fitted.temperature), test)
    p_fp32 = heard(softmax_at(fitted.head.logits(views.fp32[test]), fitted.temperature), test)
    groups, test_groups = (np.array([views.records[i].group for i in part]) for part in (fitted.rows, test))
    return Trained(
        category=fitted.name,
        labels=fitted.labels,
        cv=score(held_out, fitted.truth, groups, seed),
        test=score(p_int8, truth, test_groups, seed),
        test_fp32=score(p_fp32, truth, test_groups, seed),
        calibration=calibration,
        penalty=fitted.penalty,
        defects=defects,
        fusion_losses=losses,
        test_auto=_auto_graded(p_int8, truth, selective.threshold),
        detector=detector.note if detector is not None else {},
        baseline={
            "cv": score(_plain_held_out(views, fitted, plain), fitted.truth, groups, seed),
            "test": score(_plain_test(views, fitted, test, plain), truth, test_groups, seed),
        },
        looked_at=(np.concatenate([fitted.rows, test]), np.concatenate([held_out, p_int8])),
    )


def _plain_held_out(views: CrossFitFeatures, fitted: Fitted, plain: BackboneFeatures | None) -> Floats:
    seen = [plain.photos] * len(views.folds) if plain is not None else [one.photos for one in views.folds]
    fold = views.fold[fitted.rows]
    return cross_fitted([photos[fitted.rows] for photos in seen], fitted.truth, fold, len(fitted.labels))


def _plain_test(views: CrossFitFeatures, fitted: Fitted, test: Ints, plain: BackboneFeatures | None) -> Floats:
    photos = views.final.photos if plain is None else plain.photos
    return plain_probabilities(fit_plain(photos[fitted.rows], fitted.truth), photos[test], len(fitted.labels))


def _detector_from(probabilities: Floats, truth: Ints) -> float:
    """From what probability of damage on boxes are looked for: what 19 of 20 damaged photos reach."""
    damaged = probabilities[truth == probabilities.shape[1] - 1, -1]
    return round(float(np.quantile(damaged, 0.05)), 4) if len(damaged) else 0.5


def _truth(records: Sequence[Record], rows: Ints, fitted: Fitted) -> Ints:
    names = (records[i].category if fitted.name == ROUTER else records[i].condition or "" for i in rows)
    return np.array([fitted.labels.index(name) for name in names], dtype=np.intp)


def _auto_graded(probabilities: Floats, labels: Ints, threshold: float | None) -> dict[str, float | int]:
    if threshold is None:
        return {"n": len(labels), "graded": 0, "wrong": 0}
    auto = probabilities.max(axis=1) >= threshold
    wrong = probabilities.argmax(axis=1) != labels
    return {"n": len(labels), "graded": int(auto.sum()), "wrong": int((auto & wrong).sum())}
