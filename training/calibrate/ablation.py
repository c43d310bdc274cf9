"""What each part of the training buys: the same heads without it, judged on the same photos, which are held out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from regrade.models.fusion import add_detector
from regrade.models.registry.bundle import ROUTER
from regrade.training.calibrate.condition_heads import DRAWN_WORTH, CrossFitFeatures, DetectorScores, Fitted, fit
from regrade.training.fit.crossfit import BackboneFeatures
from regrade.training.metrics.head_scores import score


def ablate(
    views: CrossFitFeatures,
    fitted: Mapping[str, Fitted],
    heard: Mapping[str, DetectorScores],
    untrained: BackboneFeatures | None,
    seed: int,
) -> dict[str, list[dict[str, Any]]]:
    """By category: rows of `what`, `macro_f1` and `damage_auroc`, from the least to the whole.

    `untrained` is what ImageNet's backbone saw; None, in a run that keeps its networks, leaves out its rows.
    """
    plain = None if untrained is None else replace(views, folds=[untrained] * len(views.folds))
    out: dict[str, list[dict[str, Any]]] = {}
    for name, whole in fitted.items():
        if name == ROUTER:
            continue
        rows = []
        if plain is not None:
            rows.append(_row("ImageNet features, real photos", plain, _without(plain, whole, 0.0), None, seed))
            rows.append(_row("ImageNet features, drawn damage", plain, _without(plain, whole, DRAWN_WORTH), None, seed))
        rows.append(_row("fine-tuned, head on real photos", views, _without(views, whole, 0.0), None, seed))
        rows.append(_row("fine-tuned, head on drawn damage too", views, whole, None, seed))
        if name in heard and heard[name].evidence is not None:
            rows.append(_row("the same with the detector", views, whole, heard[name], seed))
        out[name] = rows
    return out


def _without(views: CrossFitFeatures, whole: Fitted, drawn_worth: float) -> Fitted:
    return fit(views, whole.name, whole.labels, drawn_worth, penalties=(whole.penalty,))


def _row(what: str, views: CrossFitFeatures, fitted: Fitted, heard: DetectorScores | None, seed: int) -> dict[str, Any]:
    p = fitted.probabilities
    if heard is not None and heard.evidence is not None:
        p = add_detector(p, heard.scores[fitted.rows], heard.evidence)
    groups = np.array([views.records[i].group for i in fitted.rows])
    found = score(p, fitted.truth, groups, seed).estimates
    return {"what": what, **{key: found[key].to_json() for key in ("macro_f1", "damage_auroc")}}
