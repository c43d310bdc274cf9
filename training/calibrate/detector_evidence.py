"""What the detector says of the labelled photos, and how much its word is worth beside the classifier's."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record
from regrade.models.calibration import DetectorEvidence
from regrade.models.estimates import Estimate, Resamples
from regrade.models.fusion import SCORE_FLOOR, add_detector
from regrade.models.networks.detector import Detection, Detector
from regrade.models.photos.intake import open_photo
from regrade.models.registry.bundle import ROUTER
from regrade.training.calibrate import calibration as calibrate
from regrade.training.calibrate.condition_heads import CrossFitFeatures, DetectorScores, Fitted
from regrade.training.fit import networks
from regrade.training.metrics.classification import damage_auroc, difference, macro_f1
from regrade.training.run.network_outputs import Arrays, hash_of, hash_of_photos, recalled
from regrade.training.run.progress import bar
from regrade.training.run.run import Run

Floats = NDArray[np.float64]
_Item = TypeVar("_Item")
THREADS: Final = 2
OFFSETS: Final = tuple(float(o) for o in np.linspace(np.log(SCORE_FLOOR / (1 - SCORE_FLOOR)), 1.0, 12))
"""Log-odds of the detector's score that are tried as its offset."""


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found on each record, in their order, in pixels of the full photo, and by which classes."""

    found: Sequence[tuple[Detection, ...]]
    classes: tuple[str, ...]

    def best(self, rows: Sequence[int] | NDArray[np.intp], types: Sequence[str]) -> Floats:
        """The best score among `types` on each of `rows`, (n,), 0 where there is none."""
        return np.array([max((d.score for d in self.found[i] if d.type in types), default=0.0) for i in rows])


def detect_all(run: Run, records: Sequence[Record]) -> Detections:
    """What the INT8 detector finds on all photos, as serving would run it."""
    detector = networks.runtime_detector(run)

    def one(record: Record) -> tuple[Detection, ...]:
        photo = open_photo(record.file.read_bytes())
        return detector.detect(photo.rgb, record.width, record.height)

    found = _recalled(run, "detections", detector, records, hash_of_photos(records), one)
    return Detections(found, detector.classes)


def detect_on_pictures(run: Run, files: Sequence[Path]) -> Detections:
    """What the INT8 detector finds on pictures that were made for it, in their pixels."""
    detector = networks.runtime_detector(run)

    def one(file: Path) -> tuple[Detection, ...]:
        rgb = np.asarray(Image.open(file).convert("RGB"))
        return detector.detect(rgb, rgb.shape[1], rgb.shape[0])

    return Detections(_recalled(run, "detections-drawn", detector, files, hash_of(*files), one), detector.classes)


def _recalled(
    run: Run,
    name: str,
    detector: Detector,
    items: Sequence[_Item],
    shown: str,
    one: Callable[[_Item], tuple[Detection, ...]],
) -> list[tuple[Detection, ...]]:
    """What `one` finds on each of `items`, whose hash is `shown`; as kept, if this detector has looked before."""

    def make() -> Arrays:
        with ThreadPoolExecutor(THREADS) as pool, bar() as progress:
            found = list(progress.track(pool.map(one, items), total=len(items), description=name))
        rows = [(detector.classes.index(d.type), d.score, *d.box) for of_one in found for d in of_one]
        counts = np.array([len(of_one) for of_one in found], dtype=np.intp)
        return {"counts": counts, "rows": np.array(rows, dtype=np.float64).reshape(-1, 6)}

    network = networks.read(run, networks.DETECTOR_FP32)
    kept = recalled(run, name, hash_of(network, f"{detector.side} {detector.classes}", shown), make)
    of_all = iter(kept["rows"].tolist())
    return [
        tuple(Detection(detector.classes[int(k)], score, (x1, y1, x2, y2)) for k, score, x1, y1, x2, y2 in of_one)
        for of_one in (islice(of_all, count) for count in kept["counts"].tolist())
    ]


def weigh(
    views: CrossFitFeatures, fitted: Sequence[Fitted], detections: Detections, categories: Mapping[str, Category]
) -> dict[str, DetectorScores]:
    """How each category hears the detector: not at all, unless that is shown to tell damage better.

    One weight for all categories is fitted on the photos of val, which neither the detector nor the classifier that is
    asked has been fitted on: no category alone has damaged ones enough there. A category takes it where it raises the
    damage AUROC on its photos of val by an interval that lies above 0.
    """
    parts: list[tuple[Floats, Floats, NDArray[np.bool_]]] = []
    scores: dict[str, Floats] = {}
    for one in fitted:
        if one.name == ROUTER:
            continue
        types = damaging(categories[one.name], detections.classes)
        scores[one.name] = detections.best(np.arange(len(views.records)), types)
        val = np.array([views.records[i].split == "val" for i in one.rows])
        p = np.clip(one.probabilities[val][:, -1], 1e-4, 1 - 1e-4)
        parts.append(
            (np.log(p / (1 - p)), logit(scores[one.name][one.rows[val]]), one.truth[val] == len(one.labels) - 1)
        )
    logits, heard, damaged = (np.concatenate([p[k] for p in parts]) for k in range(3))
    weight = calibrate.detector_weight(logits, heard, damaged)
    out = {}
    for one in fitted:
        if one.name == ROUTER:
            continue
        types = damaging(categories[one.name], detections.classes)
        offset = _offset(one, scores[one.name], weight)
        asked = DetectorEvidence(weight, offset, types) if weight > 0 and types else None
        gain = None if asked is None else gained(views, one, scores[one.name], asked)
        evidence = asked if gain is not None and gain.low > 0 else None
        note = {**_note(views, one, scores[one.name], asked), "weight": None if evidence is None else round(weight, 3)}
        note["val_auroc_gain"] = None if gain is None else gain.to_json()
        out[one.name] = DetectorScores(scores[one.name], evidence, note)
    return out


def gained(views: CrossFitFeatures, fitted: Fitted, scores: Floats, evidence: DetectorEvidence) -> Estimate | None:
    """How far hearing the detector raises the damage AUROC on the category's photos of val, by a paired bootstrap over
    groups; None without any."""
    val = np.flatnonzero([views.records[i].split == "val" for i in fitted.rows])
    if not len(val):
        return None
    p, heard = fitted.probabilities[val], scores[fitted.rows[val]]
    drawn = Resamples.of([views.records[i].group for i in fitted.rows[val]])
    return difference(damage_auroc, add_detector(p, heard, evidence), p, fitted.truth[val], drawn)


def _offset(fitted: Fitted, scores: Floats, weight: float) -> float:
    """The score that moves nothing: that with which the held-out photos are graded best, by macro-F1; of several, the
    lowest, since a detector that has found nothing proves little."""
    values = [
        macro_f1(add_detector(fitted.probabilities, scores[fitted.rows], DetectorEvidence(weight, o, ())), fitted.truth)
        for o in OFFSETS
    ]
    return OFFSETS[int(np.argmax(values))]


def damaging(category: Category, classes: Sequence[str]) -> tuple[str, ...]:
    """The types of a category that make an item damaged and that the detector knows."""
    worst = category.condition_names[-1]
    return tuple(d.name for d in category.defect_types if d.implies == worst and d.name in classes)


def logit(scores: Floats) -> Floats:
    """Log-odds of scores, floored as serving does."""
    clipped = np.clip(scores, SCORE_FLOOR, 1.0 - SCORE_FLOOR)
    out: Floats = np.log(clipped / (1.0 - clipped))
    return out


def _note(views: CrossFitFeatures, fitted: Fitted, scores: Floats, evidence: DetectorEvidence | None) -> dict[str, Any]:
    """What hearing the detector changes on val, and whether it knows the photos that it was trained on by heart."""
    split = np.array([views.records[i].split for i in fitted.rows])
    damaged = fitted.truth == len(fitted.labels) - 1
    val = split == "val"
    p = fitted.probabilities
    with_it = p if evidence is None else add_detector(p, scores[fitted.rows], evidence)
    clean = ~damaged & (scores[fitted.rows] >= 0)
    return {
        "weight": None if evidence is None else round(evidence.weight, 3),
        "offset": None if evidence is None else round(evidence.offset, 3),
        "val_photos": int(val.sum()),
        "val_damaged": int((val & damaged).sum()),
        "val_auroc_without": _auroc(damaged[val], p[val, -1]),
        "val_auroc_with": _auroc(damaged[val], with_it[val, -1]),
        "val_auroc_detector": _auroc(damaged[val], scores[fitted.rows[val]]),
        # 0.5: undamaged photos of train and val cannot be told apart by the score, so it is no worse on strangers.
        "memory_auroc": _auroc(val[clean], scores[fitted.rows[clean]]),
    }


def _auroc(truth: NDArray[np.bool_], scores: Floats) -> float | None:
    if truth.sum() < 2 or (~truth).sum() < 2:
        return None
    return round(float(roc_auc_score(truth, scores)), 4)
