"""A bundle sealed anew with an edited category: the same networks, heads and calibration under another version."""

import json
from dataclasses import replace
from pathlib import Path

from regrade.models.category.changes import refuse_same_version
from regrade.models.category.read import read_category
from regrade.models.category.schema import Category
from regrade.models.errors import BundleError
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.registry.bundle import DEFINITION, Bundle
from regrade.models.registry.files import NewDetector, write_bundle
from regrade.models.registry.site_folder import changing
from regrade.models.registry.store import BundleStore

KEPT = ("head.onnx", "calibration.json")


def reseal(store: BundleStore, definition: Path, version: str, source: str | None = None) -> Path:
    """Write the bundle of the category that `definition` describes, the active one unless `source` names a version, to
    the site's own folder once more as `version`, sealed with `definition`; not active. Returns its folder.

    What it grades must stay: raises `BundleError` where conditions differ, or a defect that it finds is gone, and
    `DatasetError` where the YAML is wrong, or its version has not gone up with what reviewers judge by.
    """
    try:
        data = definition.read_bytes()
    except OSError as error:
        raise BundleError(f"{definition} cannot be read: {error.strerror}.") from error
    new = read_category(data, str(definition))
    old = store.load(new.name, source)
    _refuse_other_labels(old, new)
    if old.definition is not None:
        refuse_same_version(old.definition, new)
    if version in store.versions(new.name):
        raise BundleError(f"Bundle {new.name}/{version} exists and is immutable. Give a new --version.")
    with changing(store, fresh=True) as site:
        return _write(site, old, new, data, version)


def _write(root: Path, old: Bundle, new: Category, data: bytes, version: str) -> Path:
    severities = {defect.name: defect.severity for defect in new.defect_types}
    metrics = {**old.metrics, "resealed_from": {"version": old.version, "manifest_sha256": old.sha256}}
    return write_bundle(
        root,
        old.category,
        version,
        files={
            **{name: (old.folder / name).read_bytes() for name in KEPT},
            "metrics.json": (json.dumps(metrics, indent=1, ensure_ascii=False) + "\n").encode(),
            "card.md": _card(old, version).encode(),
            DEFINITION: data,
            # What was looked at stays, since what looks is the same.
            **({} if old.held_out is None else {HELD_OUT: old.held_out.file_of(version)}),
        },
        backbones={precision: old.backbone_path(precision).read_bytes() for precision in old.backbones},
        labels=old.labels,
        defects=tuple(replace(defect, severity=severities[defect.name]) for defect in old.defects),
        input_side=old.input_side,
        detector=NewDetector.of(old),
    )


def _card(old: Bundle, version: str) -> str:
    title, _, rest = old.card.partition("\n")
    heading = title.replace(old.version, version) if old.version in title else f"# {old.category} {version}"
    return (
        f"{heading}\n\nThe networks, heads and calibration of {old.version} (manifest SHA-256 {old.sha256[:12]}…), "
        "sealed anew with an edited definition of the category. All that follows was measured with that version.\n"
        f"{rest}"
    )


def _refuse_other_labels(old: Bundle, new: Category) -> None:
    if new.condition_names != old.labels:
        raise BundleError(
            f"{old.category} {old.version} grades {', '.join(old.labels)}, and the definition has "
            f"{', '.join(new.condition_names)}. Other conditions need another training: regrade train {old.category}."
        )
    gone = [defect.name for defect in old.defects if defect.name not in new.defect_names]
    if gone:
        raise BundleError(
            f"{old.category} {old.version} finds {', '.join(gone)}, which the definition lacks under defect_types. Put "
            f"it back, or train anew: regrade train {old.category}."
        )
