"""Defect-type heads: which kinds of defect a photo shows, and by activation maps roughly where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
MIN_BOXES = 20
MIN_HIT_RATE = 0.5
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


HitRates = dict[str, dict[str, dict[str, float | int]]]


def hit_rates(extractor: Extractor, records: Sequence[Record], category: str, heads: DefectHeads) -> HitRates:
    """How often a type's box lands on a drawn one: by set, by type, `rate`, `chance` and `n`.

    Sets are `test`, and `fitted`, whose photos the head knows but whose boxes it never saw. `chance` is the mean share
    of the photo that true boxes cover: what a point thrown at random would hit.
    """
    table: HitRates = {}
    for name, splits in (("test", ("test",)), ("fitted", FITTED_SPLITS)):
        found: dict[str, list[tuple[bool, float]]] = {}
        for record in records:
            if record.category != category or record.split not in splits or not record.defects:
                continue
            pixels = view_of(record, "plain", extractor.side)[np.newaxis]
            (feature_map,) = extractor.model.run({"pixels": pixels}, ("map",))
            for k, kind in enumerate(heads.types):
                boxes = [d.box for d in record.defects if d.type == kind.name]
                if boxes:
                    evidence = np.tensordot(heads.head.weights[k], feature_map[0], axes=1)
                    found.setdefault(kind.name, []).append((_hit(evidence, record, boxes), _covered(record, boxes)))
        table[name] = {
            kind: {
                "rate": round(float(np.mean([hit for hit, _ in pairs])), 3),
                "chance": round(float(np.mean([share for _, share in pairs])), 3),
                "n": len(pairs),
            }
            for kind, pairs in found.items()
        }
    return table


def keep_proven(heads: DefectHeads, hits: HitRates) -> DefectHeads:
    """`heads` that report only types whose boxes have been shown to land on the defect.

    A head can tell a photo with a stain by the ruler beside it; its box is then a lie, however right its score.
    """

    def proven(kind: str) -> bool:
        row = hits["fitted"].get(kind)
        return row is not None and row["n"] >= MIN_BOXES and row["rate"] >= max(MIN_HIT_RATE, 2 * row["chance"])

    return replace(heads, thresholds={k: t for k, t in heads.thresholds.items() if proven(k)})


def _covered(record: Record, boxes: Sequence[Box]) -> float:
    mask = np.zeros((record.height, record.width), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        mask[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    return float(mask.mean())
