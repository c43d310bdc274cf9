"""A bundle once more, with the same networks and head, other closer looks, and promises fitted on photos near none that
it was fitted on.

    python -m regrade.training.ship.recalibrate toys --version 2026.11.4 --fitted-by bench.jsonl \\
        --parts 1 0.1 0.9

The detector keeps a say about the types named by `--say`, and its boxes with `--boxes`, on photos that are damaged with
a probability of `--detector-from` or more; without either the bundle is without it (`benchmarks/detector_say.py` and
`benchmarks/parts_pay.py` show what pays). Temperature and sharpness were fitted without the detector's say and stay.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record, locate_manifest, read_manifest
from regrade.models.calibration import Calibration, PartsEvidence
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.promise.held_out import HeldOut
from regrade.models.registry.bundle import Bundle, load_bundle, sha256, shipped_root
from regrade.models.registry.files import NewDetector, point, write_bundle
from regrade.training.calibrate import calibration as calibrate
from regrade.training.calibrate.parts import SHARE, decoding_side, seen_in_parts, with_offset
from regrade.training.judge.predictions import Predictions, open_grader, predict
from regrade.training.run.files import json_bytes
from regrade.training.ship.held_out_table import held_out_table

KEPT: Final = ("head.onnx", "category.yaml")


def strangers(records: Sequence[Record], fitted_by: Sequence[Record], category: str) -> list[Record]:
    """The gradable photos of `category` among `records` whose group has no photo that was fitted on: one of the splits
    train and val of `fitted_by`, the manifest that the bundle was fitted by, whose groups may have been others."""
    fitted = {r.id for r in fitted_by if r.split != "test"}
    near = {r.group for r in records if r.id in fitted}
    return [r for r in records if r.category == category and r.gradable and r.group not in near]


@dataclass(frozen=True, slots=True)
class CloserLooks:
    """What a bundle looks at closer: see `Calibration`. `say` are the types that its detector is heard on, `boxes`
    whether what it boxes is kept, `parts` how parts of photos count."""

    say: tuple[str, ...] = ()
    boxes: bool = False
    detector_from: float = 0.0
    parts: PartsEvidence | None = None

    def of(self, calibration: Calibration) -> Calibration:
        """`calibration` with these. Raises ValueError for a type that the detector has no say about as it is."""
        old = calibration.detector
        if unknown := [kind for kind in self.say if old is None or kind not in old.types]:
            raise ValueError(f"the detector has no say about {', '.join(unknown)}")
        dropped = {k for k, source in calibration.box_sources.items() if source == "detector" and not self.boxes}
        changed = replace(
            calibration,
            detector=replace(old, types=self.say) if old is not None and self.say else None,
            defect_thresholds={k: t for k, t in calibration.defect_thresholds.items() if k not in dropped},
            box_sources={k: s for k, s in calibration.box_sources.items() if k not in dropped},
            parts=self.parts,
        )
        return replace(changed, detector_from=self.detector_from if changed.needs_detector else 0.0)


def promised_anew(calibration: Calibration, found: Predictions) -> Calibration:
    """With the threshold of automatic grades fitted on `found`, the grades of strangers, and prediction sets by these
    or by what they were fitted on before, whichever is the more cautious."""
    old = calibration.selective
    quantile = calibrate.conformal_quantile(found.probabilities, found.truth, calibration.conformal_alpha)
    return replace(
        calibration,
        conformal_quantile=max(quantile, calibration.conformal_quantile),
        selective=calibrate.selective_threshold(found.probabilities, found.truth, alpha=old.alpha, delta=old.delta),
    )


def write(
    root: Path,
    old: Bundle,
    version: str,
    calibration: Calibration,
    note: dict[str, Any],
    table: HeldOut | None = None,
) -> None:
    """Write `old` with `calibration` as `version` into `root`; without its detector where that can change nothing."""
    write_bundle(
        root,
        old.category,
        version,
        files={
            **{name: (old.folder / name).read_bytes() for name in KEPT if (old.folder / name).exists()},
            **({} if table is None else {HELD_OUT: json_bytes(table.to_json())}),
            "calibration.json": json_bytes(calibration.to_json()),
            "metrics.json": json_bytes({**old.metrics, "recalibrated": note}),
            "card.md": _card(old, version, calibration, note).encode(),
        },
        backbones={precision: old.backbone_path(precision).read_bytes() for precision in old.backbones},
        labels=old.labels,
        defects=old.defects,
        input_side=old.input_side,
        detector=NewDetector.of(old) if calibration.needs_detector else None,
    )


def _card(old: Bundle, version: str, calibration: Calibration, note: dict[str, Any]) -> str:
    _, _, rest = old.card.partition("\n")
    detector, parts = calibration.detector, calibration.parts
    heard = "no say in the condition" if detector is None else f"a say about {', '.join(detector.types)} alone"
    asked = f"asked from a probability of damage of {calibration.detector_from:g} on"
    closer = f"has {heard} and is {asked if calibration.needs_detector else 'left out'}"
    tiles = (
        ""
        if parts is None
        else f" Four parts of {parts.share:.0%} of each side are looked at beside the whole where that is damaged with "
        f"a probability of {parts.low:g} to {parts.high:g}."
    )
    promise = calibration.selective
    automatic = (
        f"**Nothing is graded automatically**: {promise.note}"
        if promise.threshold is None
        else f"Graded automatically from a confidence of {promise.threshold:.3f} on ({promise.note})."
    )
    return (
        f"# {old.category} {version}\n\nThe networks and the head of {old.version} (manifest SHA-256 "
        f"{old.sha256[:12]}…). The detector {closer}: what was shown to help on photos that nothing was fitted on "
        f"stayed.{tiles} Prediction sets and promise were looked at again on {note['photos']} photos near none that it "
        f"was fitted on. {automatic} **All that follows was measured with {old.version}, by folds that parted photos "
        "of the same items: it flatters.** What holds for photos of other items and of other sources, beside a plain "
        f"baseline, is in the README and in `benchmarks/results/unseen_sources.json`.\n{rest}"
    )


def recalibrate(
    root: Path, category: str, version: str, data: Path | None, fitted_by: Path, looks: CloserLooks
) -> Calibration:
    """Write `version` of the category's active bundle in `root`, and make it the active one; its calibration."""
    old = load_bundle(root, category)
    records = strangers(read_manifest(locate_manifest(data)), read_manifest(fitted_by), category)
    if looks.parts is not None:
        looks = replace(looks, parts=_offset(old, looks.parts, records))
    closer = looks.of(old.calibration)
    with TemporaryDirectory() as scratch:
        write(Path(scratch), old, version, closer, {"photos": len(records)})
        point(Path(scratch), category, version, before=None)
        found = predict(open_grader(Path(scratch)), records, category)
    calibration = promised_anew(closer, found)
    note = {
        "from": {"version": old.version, "manifest_sha256": old.sha256},
        "photos": len(records),
        "manifest_sha256": sha256(locate_manifest(data).read_bytes()),
    }
    table = held_out_table(
        version, old.labels, found.probabilities, found.records, "near none that was fitted on", found.defects
    )
    write(root, old, version, calibration, note, table)
    point(root, category, version, before=old.version)
    return calibration


def _offset(old: Bundle, parts: PartsEvidence, records: Sequence[Record]) -> PartsEvidence:
    limits = replace(DEFAULT_LIMITS, working_side=decoding_side(old, parts.share))

    def pixels(record: Record) -> NDArray[np.uint8]:
        return open_photo(record.file.read_bytes(), limits=limits).rgb

    seen = seen_in_parts(old, [partial(pixels, record) for record in records], parts.share)
    return with_offset(parts, seen, np.array([r.condition != old.labels[-1] for r in records]))


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("category")
    made.add_argument("--version", required=True)
    made.add_argument("--bundles", type=Path, default=shipped_root())
    made.add_argument("--data", type=Path, help="manifest with the groups as they are; default: the bench photos")
    made.add_argument("--fitted-by", type=Path, required=True, help="manifest that the bundle was fitted by")
    made.add_argument("--say", action="append", default=[], help="type of defect that the detector is heard on")
    made.add_argument("--boxes", action="store_true", help="keep what the detector may box")
    made.add_argument("--detector-from", type=float, default=0.0)
    made.add_argument("--parts", type=float, nargs=3, metavar=("SHARPNESS", "LOW", "HIGH"))
    o = made.parse_args()
    parts = None if o.parts is None else PartsEvidence(SHARE, sharpness=o.parts[0], low=o.parts[1], high=o.parts[2])
    looks = CloserLooks(tuple(o.say), o.boxes, o.detector_from, parts)
    found = recalibrate(o.bundles, o.category, o.version, o.data, o.fitted_by, looks)
    sys.stdout.write(json.dumps(found.to_json(), indent=1) + "\n")


if __name__ == "__main__":
    main()
