"""A bundle once more, with the same networks and a head fitted anew, on other labels or photos: no training.

    regrade data join bench-v2.jsonl more.jsonl --out pool           # where there are several datasets
    python -m regrade.training.ship.refit toys --version 2026.11.6 --data pool --fitted-by bench.jsonl

The networks know the photos that they were fitted on (`--fitted-by`), so nothing is chosen, calibrated or promised by
these: the head takes the usual penalty, and all else rests on photos near none of them, each told by a head that was
not fitted on its group. Boxes stay as they were. What a detector or parts of photos had to say was weighed against the
old head and is left out; `regrade.training.ship.recalibrate` gives parts back.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.category import load_categories
from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.models.calibration import Calibration
from regrade.models.errors import DatasetError
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.promise.held_out import HeldOut
from regrade.models.registry.bundle import DEFINITION, Bundle, load_bundle, sha256, shipped_root
from regrade.models.registry.files import point, write_bundle
from regrade.training.calibrate import calibration as calibrate
from regrade.training.calibrate.condition_heads import CONFORMAL_ALPHA, CrossFitFeatures, Fitted, fit
from regrade.training.calibrate.features import features
from regrade.training.data.pictures import Corpus
from regrade.training.data.targets import FITTED_SPLITS, MIN_PHOTOS
from regrade.training.fit.crossfit import FOLDS, BackboneFeatures, deal
from regrade.training.fit.heads import USUAL_PENALTY
from regrade.training.fit.inputs import WAYS, served
from regrade.training.metrics.head_scores import score, softmax_at
from regrade.training.run.files import json_bytes
from regrade.training.ship.golden_outputs import add_golden
from regrade.training.ship.heads_onnx import with_classes
from regrade.training.ship.held_out_table import held_out_table
from regrade.training.ship.recalibrate import strangers


def refit(
    root: Path, category: str, version: str, data: Path | None, fitted_by: Path, cache: Path, seed: int = 0
) -> dict[str, Any]:
    """Write `version` of the category's active bundle in `root`, and make it the active one; what was measured.

    Raises `DatasetError` where fewer than 50 photos are near none that the networks were fitted on.
    """
    old = load_bundle(root, category)
    records = [r for r in read_manifest(locate_manifest(data)) if r.category == category and r.gradable]
    unknown = {r.id for r in strangers(records, read_manifest(fitted_by), category)}
    count = sum(r.id in unknown for r in records if r.split in FITTED_SPLITS)
    if count < MIN_PHOTOS:
        raise DatasetError(
            f"{count} photos of {category} in train and val are near none that the networks were fitted on; "
            f"{MIN_PHOTOS} are needed to calibrate by. Join other photos to them, or train the networks anew."
        )
    fitted, views = _fitted(old, records, cache, seed)
    judged = np.array([records[i].id in unknown for i in fitted.rows])
    calibration, held_out = _calibrated(old, fitted, judged, seed)
    groups = np.array([records[i].group for i in fitted.rows[judged]])
    table = held_out_table(
        version, old.labels, held_out, [records[i] for i in fitted.rows[judged]], "held out by group"
    )
    test = np.array([i for i, r in enumerate(records) if r.split == "test" and r.id in unknown], dtype=np.intp)
    note = {
        "from": {"version": old.version, "manifest_sha256": old.sha256},
        "manifest_sha256": sha256(locate_manifest(data).read_bytes()),
        "photos": len(fitted.rows),
        "calibrated_on": int(judged.sum()),
        "penalty": fitted.penalty,
        "held_out": score(held_out, fitted.truth[judged], groups, seed).to_json(),
        "test": _test(views, fitted, calibration, test, seed) if len(test) else None,
    }
    _write(root, old, version, fitted, calibration, table, note)
    point(root, category, version, before=old.version)
    return note


def _fitted(old: Bundle, records: Sequence[Record], cache: Path, seed: int) -> tuple[Fitted, CrossFitFeatures]:
    network = old.backbone_path("int8").read_bytes()
    seen = features(network, records, lambda r: served(r, old.input_side), len(records), "photos")["features"]
    corpus = Corpus(records, load_categories(), WAYS, side=old.input_side, seed=seed, folder=cache)
    corpus.build()
    rows, drawn = (np.array(values) for values in zip(*((p.row, p.kind == "damaged") for p in corpus), strict=True))
    pictures = features(network, corpus, lambda p: p.rgb, len(rows), "pictures")["features"]
    final = BackboneFeatures(seen, pictures, np.zeros((len(records), 0, 0, 0), dtype=np.float16))
    views = CrossFitFeatures(records, rows, drawn, deal(records, seed), [final] * FOLDS, final, np.zeros_like(seen))
    return fit(views, old.category, old.labels, penalties=(USUAL_PENALTY,)), views


def _calibrated(
    old: Bundle, fitted: Fitted, judged: NDArray[np.bool_], seed: int
) -> tuple[Calibration, NDArray[np.float64]]:
    """Temperature, sharpness, prediction sets and promise, by the photos `judged` (n,) alone; and what they get."""
    logits, truth = fitted.logits[judged], fitted.truth[judged]
    temperature = calibrate.temperature(logits, np.eye(len(fitted.labels))[truth])
    held_out = softmax_at(logits, temperature)
    promised = old.calibration.selective
    kept = {k: source for k, source in old.calibration.box_sources.items() if source != "detector"}
    changed = replace(
        old.calibration,
        temperature=temperature,
        fusion_sharpness=calibrate.fusion_sharpness(held_out, truth, seed)[0],
        conformal_quantile=calibrate.conformal_quantile(held_out, truth, CONFORMAL_ALPHA),
        selective=calibrate.selective_threshold(held_out, truth, alpha=promised.alpha, delta=promised.delta),
        box_sources=kept,
        defect_thresholds={k: t for k, t in old.calibration.defect_thresholds.items() if k in kept},
        detector=None,
        detector_from=0.0,
        parts=None,
    )
    return changed, held_out


def _test(
    views: CrossFitFeatures,
    fitted: Fitted,
    calibration: Calibration,
    rows: NDArray[np.intp],
    seed: int,
) -> dict[str, Any]:
    truth = np.array([fitted.labels.index(views.records[i].condition or "") for i in rows], dtype=np.intp)
    p = softmax_at(fitted.head.logits(views.final.photos[rows]), calibration.temperature)
    return score(p, truth, np.array([views.records[i].group for i in rows]), seed).to_json()


def _write(
    root: Path,
    old: Bundle,
    version: str,
    fitted: Fitted,
    calibration: Calibration,
    table: HeldOut,
    note: dict[str, Any],
) -> None:
    write_bundle(
        root,
        old.category,
        version,
        files={
            DEFINITION: (old.folder / DEFINITION).read_bytes(),
            "head.onnx": with_classes((old.folder / "head.onnx").read_bytes(), fitted.head),
            "calibration.json": json_bytes(calibration.to_json()),
            HELD_OUT: json_bytes(table.to_json()),
            "metrics.json": json_bytes({**old.metrics, "refitted": note}),
            "card.md": _card(old, version, calibration, note).encode(),
        },
        backbones={precision: old.backbone_path(precision).read_bytes() for precision in old.backbones},
        labels=old.labels,
        defects=old.defects,
        input_side=old.input_side,
    )
    add_golden(root, (old.category,), version)


def _card(old: Bundle, version: str, calibration: Calibration, note: dict[str, Any]) -> str:
    _, _, rest = old.card.partition("\n")
    f1 = note["held_out"]["macro_f1"]
    promise = calibration.selective
    automatic = (
        f"**Nothing is graded automatically**: {promise.note}"
        if promise.threshold is None
        else f"Graded automatically from a confidence of {promise.threshold:.3f} on ({promise.note})."
    )
    return (
        f"# {old.category} {version}\n\nThe networks of {old.version} with a head fitted anew, on {note['photos']} "
        f"photos (manifest SHA-256 {note['manifest_sha256'][:12]}…), and calibrated on the {note['calibrated_on']} of "
        f"them that are near none that the networks were fitted on: macro-F1 {f1['value']:.2f} [{f1['low']:.2f}, "
        f"{f1['high']:.2f}] there, each told by a head that was not fitted on its group. {automatic} **All that "
        f"follows was measured with {old.version}.**\n{rest}"
    )


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("category")
    made.add_argument("--version", required=True)
    made.add_argument("--bundles", type=Path, default=shipped_root())
    made.add_argument("--data", type=Path, help="manifest to fit on, or its folder; default: the bench photos")
    made.add_argument("--fitted-by", type=Path, required=True, help="manifest that the networks were fitted by")
    made.add_argument("--cache", type=Path, default=Path(".cache"))
    made.add_argument("--seed", type=int, default=0)
    o = made.parse_args()
    found = refit(o.bundles, o.category, o.version, o.data, o.fitted_by, o.cache, o.seed)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
