"""Defect-type heads: which kinds of defect a photo shows, and by activation maps roughly where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record
from regrade.models.bundle import DefectType
from regrade.models.calibration import softmax
from regrade.models.localize import strongest_region
from regrade.models.types import Box
from regrade.training.calibrate import report_threshold
from regrade.training.features import Extractor, view_of
from regrade.training.heads import LinearHead, choose_penalty
from regrade.training.samples import FITTED_SPLITS, Features, Ints, defect_sample

MIN_POSITIVES = 25
MIN_PRECISION = 0.7
MIN_HITS = 10
NOT_A_DEFECT = frozenset({"open"})
"""Codes that describe a state, not a defect: an open flap is the condition `opened`."""


@dataclass(frozen=True, slots=True)
class DefectHeads:
    """Binary heads as one linear map (t, D), a threshold for each type that may be reported, and out-of-fold scores."""

    head: LinearHead
    types: tuple[DefectType, ...]
    thresholds: dict[str, float]
    auroc: dict[str, float]
    positives: dict[str, int]


def fit_defects(
    records: Sequence[Record],
    features: Features,
    rows: Ints,
    category: Category,
    *,
    seed: int,
    tick: Callable[[], None],
) -> DefectHeads | None:
    """Fit a head for every defect type with at least `MIN_POSITIVES` photos; None where no type has them."""
    weights, biases, types = [], [], []
    thresholds: dict[str, float] = {}
    auroc: dict[str, float] = {}
    positives: dict[str, int] = {}
    for kind in category.defect_types:
        sample = defect_sample(records, features, rows, kind.name)
        found = int(sample.labels.sum())
        if kind.name in NOT_A_DEFECT or found < MIN_POSITIVES:
            continue
        penalty, logits = choose_penalty(sample, _auroc_of(sample.labels), seed=seed, tick=tick)
        head = sample.fit(np.arange(len(rows)), penalty)
        weights.append(head.weights[1] - head.weights[0])
        biases.append(head.bias[1] - head.bias[0])
        types.append(DefectType(kind.name, kind.severity))
        positives[kind.name] = found
        auroc[kind.name] = round(float(roc_auc_score(sample.labels, logits[:, 1] - logits[:, 0])), 4)
        threshold = report_threshold(softmax(logits)[:, 1], sample.labels == 1, MIN_PRECISION, MIN_HITS)
        if threshold is not None:
            thresholds[kind.name] = round(threshold, 4)
    if not types:
        return None
    return DefectHeads(LinearHead(np.stack(weights), np.array(biases)), tuple(types), thresholds, auroc, positives)


def _auroc_of(labels: Ints) -> Callable[[NDArray[np.float64]], float]:
    return lambda logits: float(roc_auc_score(labels, logits[:, 1] - logits[:, 0]))


def _hit(evidence: NDArray[np.floating], record: Record, boxes: Sequence[Box]) -> bool:
    """Whether the centre of the box read off `evidence` (h, w) lies in one of the true `boxes`."""
    found = strongest_region(evidence, record.width, record.height)
    return found is not None and any(_centre_inside(found, box) for box in boxes)


def _centre_inside(box: Box, truth: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return truth[0] <= x <= truth[2] and truth[1] <= y <= truth[3]


def hit_rates(
    extractor: Extractor, records: Sequence[Record], category: str, heads: DefectHeads
) -> dict[str, dict[str, float | int]]:
    """How often the box of the right type lands on a drawn one, per set: `test`, and `fitted`, whose photos the head
    knows but whose boxes it never saw. `chance` is the mean share of the photo that true boxes cover: what a point
    thrown at random would hit."""
    table: dict[str, dict[str, float | int]] = {}
    for name, splits in (("test", ("test",)), ("fitted", FITTED_SPLITS)):
        hits, chances = [], []
        for record in records:
            if record.category != category or record.split not in splits or not record.defects:
                continue
            pixels = view_of(record, "plain", extractor.side)[np.newaxis]
            (feature_map,) = extractor.model.run({"pixels": pixels}, ("map",))
            for k, kind in enumerate(heads.types):
                boxes = [d.box for d in record.defects if d.type == kind.name]
                if boxes:
                    evidence = np.tensordot(heads.head.weights[k], feature_map[0], axes=1)
                    hits.append(_hit(evidence, record, boxes))
                    chances.append(_covered(record, boxes))
        if hits:
            rate, chance = float(np.mean(hits)), float(np.mean(chances))
            table[name] = {"rate": round(rate, 3), "chance": round(chance, 3), "n": len(hits)}
    return table


def _covered(record: Record, boxes: Sequence[Box]) -> float:
    mask = np.zeros((record.height, record.width), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        mask[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    return float(mask.mean())
