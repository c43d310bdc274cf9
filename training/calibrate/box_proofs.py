"""Whose boxes a bundle shows for each defect type, proven on held-out photos with drawn boxes, real and synthetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from regrade.datasets.category import Category
from regrade.datasets.manifest import Record
from regrade.models.networks.detector import Detection
from regrade.models.networks.localize import strongest_region
from regrade.models.types import DEFECT_TYPES, Box
from regrade.training.calibrate.box_sources import BestBox, Probe, Proof, choose, prove
from regrade.training.calibrate.condition_heads import CrossFitFeatures
from regrade.training.calibrate.detector_evidence import Detections, detect_on_pictures
from regrade.training.data.pictures import LOCAL_TYPES
from regrade.training.fit import networks
from regrade.training.metrics.detection import pictures_in
from regrade.training.run.run import Run


@dataclass(frozen=True, slots=True)
class TypeProofs:
    """One type's proofs, and the best of them, if any is good enough."""

    proofs: tuple[Proof, ...]
    best: Proof | None


Chosen = Mapping[str, TypeProofs]
"""By defect type."""


def prove_all(run: Run, views: CrossFitFeatures, detections: Detections | None) -> dict[str, Chosen]:
    """For each category and each of its defect types, whose boxes land."""
    drawn = [] if detections is None else drawn_probes(run)
    out: dict[str, Chosen] = {}
    for name, category in run.categories.items():
        rows = [i for i, r in enumerate(views.records) if r.category == name and r.split != "test"]
        by_map = [_map_probe(views, i) for i in rows if views.fold[i] >= 0]
        by_detector: list[Probe] = []
        if detections is not None:
            val = [i for i in rows if views.records[i].split == "val"]
            by_detector = [_detector_probe(views.records[i], detections.found[i], detections.classes) for i in val]
            by_detector += [p for c, p in drawn if c == name]
        out[name] = _choose(category, {"map": by_map, "detector": by_detector})
    return out


def _choose(category: Category, probes: Mapping[str, Sequence[Probe]]) -> Chosen:
    found: dict[str, TypeProofs] = {}
    for kind in category.defect_names:
        proofs = []
        for source, some in probes.items():
            usable = [p for p in some if (source, kind) in p.findings]
            if any(kind not in p.boxes and kind not in p.unknown for p in usable) and any(
                kind in p.boxes for p in usable
            ):
                proofs.append(prove(usable, kind, source))
        if proofs:
            found[kind] = TypeProofs(tuple(proofs), choose(proofs))
    return found


def table(chosen: Chosen) -> dict[str, Any]:
    """What metrics.json says of it."""
    return {
        kind: {"shown": None if c.best is None else c.best.source, "proofs": [p.to_json() for p in c.proofs]}
        for kind, c in chosen.items()
    }


def _truth(record: Record) -> tuple[dict[str, list[Box]], frozenset[str]]:
    """Drawn boxes by type, and types that may be there undrawn."""
    boxes: dict[str, list[Box]] = {}
    for defect in record.defects:
        boxes.setdefault(defect.type, []).append(defect.box)
    if record.condition is None or record.condition == "damaged":
        return boxes, frozenset(t for t in LOCAL_TYPES if t not in boxes)
    return boxes, frozenset(t for t in record.defect_codes if t not in boxes)


def _map_probe(views: CrossFitFeatures, row: int) -> Probe:
    record, seen = views.records[row], views.folds[int(views.fold[row])]
    maps = 1.0 / (1.0 + np.exp(-seen.maps[row].astype(np.float64)))
    peaks = seen.photos[row][-len(LOCAL_TYPES) :].astype(np.float64)
    findings = {
        ("map", kind): BestBox(
            float(1.0 / (1.0 + np.exp(-peaks[k]))), strongest_region(maps[k], record.width, record.height)
        )
        for k, kind in enumerate(LOCAL_TYPES)
    }
    boxes, unknown = _truth(record)
    return Probe(findings, boxes, unknown, float(record.width * record.height), True)


def _detector_probe(record: Record, found: Sequence[Detection], classes: Sequence[str]) -> Probe:
    boxes, unknown = _truth(record)
    return Probe(_best(found, classes), boxes, unknown, float(record.width * record.height), True)


def _best(found: Sequence[Detection], classes: Sequence[str]) -> dict[tuple[str, str], BestBox]:
    findings = {}
    for kind in classes:
        mine = [d for d in found if d.type == kind]
        top = max(mine, key=lambda d: d.score, default=None)
        findings["detector", kind] = BestBox(0.0, None) if top is None else BestBox(top.score, top.box)
    return findings


def drawn_probes(run: Run) -> list[tuple[str, Probe]]:
    """The pictures with drawn damage that the detector was not trained on, with their categories.

    A network that is kept comes without them; its boxes are then proven on real photos alone.
    """
    data = networks.detector_data(run)
    if data is None:
        return []
    pictures = pictures_in(data, "val", run.read_json(networks.DETECTOR)["classes"])
    drawn = [p for p in pictures if p.file.stem.endswith(("-damaged", "-damaged-close"))]
    detections = detect_on_pictures(run, [p.file for p in drawn])
    out = []
    for picture, found in zip(drawn, detections.found, strict=True):
        boxes: dict[str, list[Box]] = {}
        for kind, box in picture.boxes:
            if kind in DEFECT_TYPES:
                boxes.setdefault(kind, []).append(box)
        with Image.open(picture.file) as image:
            area = float(image.width * image.height)
        category = picture.file.name.partition(".")[0]
        out.append((category, Probe(_best(found, detections.classes), boxes, frozenset(), area, False)))
    return out
