"""A bundle once more, as it is, with the table that promises in money rest on: what it says of photos that it does not
know, beside how people voted.

    regrade data join bench-v2.jsonl extra.jsonl more.jsonl --labels extra-labels.jsonl --out pool
    python -m regrade.training.ship.look toys --version 2026.11.6 --data pool --fitted-by bench.jsonl

Networks, heads and calibration stay; the category's definition is the one that training would seal now. Whatever is
near a photo that the bundle was fitted on (`--fitted-by`) is left out, and so is what nobody has voted on.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from regrade.datasets.category import SHIPPED
from regrade.datasets.manifest import locate_manifest, read_manifest
from regrade.models import golden
from regrade.models.errors import DatasetError
from regrade.models.promise.held_out import FILE as HELD_OUT
from regrade.models.promise.held_out import HeldOut
from regrade.models.registry.bundle import DEFINITION, Bundle, load_bundle, sha256, shipped_root
from regrade.models.registry.files import NewDetector, point, write_bundle
from regrade.training.judge.predictions import open_grader, predict
from regrade.training.run.files import json_bytes
from regrade.training.ship.held_out_table import held_out_table
from regrade.training.ship.recalibrate import strangers

KEPT: Final = ("head.onnx", "calibration.json", golden.FILE)


def look(root: Path, category: str, version: str, data: Path | None, fitted_by: Path) -> HeldOut:
    """Write `version` of the category's active bundle in `root`, and make it the active one; its table.

    Raises `DatasetError` where no photo is near none that the bundle was fitted on.
    """
    old = load_bundle(root, category)
    manifest = locate_manifest(data)
    records = strangers(read_manifest(manifest), read_manifest(fitted_by), category)
    if not records:
        raise DatasetError(
            f"{manifest} has no photo of {category} that is near none of {fitted_by}; join others to it "
            "(`regrade data join`)."
        )
    found = predict(open_grader(root), records, category)
    table = held_out_table(
        version, old.labels, found.probabilities, records, "near none that was fitted on", found.defects
    )
    note = {
        "from": {"version": old.version, "manifest_sha256": old.sha256},
        "manifest_sha256": sha256(manifest.read_bytes()),
        "photos": len(table),
    }
    _write(root, old, version, table, note)
    point(root, category, version, before=old.version)
    return table


def _write(root: Path, old: Bundle, version: str, table: HeldOut, note: dict[str, Any]) -> None:
    edited = SHIPPED / f"{old.category}.yaml"
    kept = [name for name in KEPT if (old.folder / name).exists()]
    write_bundle(
        root,
        old.category,
        version,
        files={
            **{name: (old.folder / name).read_bytes() for name in kept},
            HELD_OUT: json_bytes(table.to_json()),
            DEFINITION: (edited if edited.exists() else old.folder / DEFINITION).read_bytes(),
            "metrics.json": json_bytes({**old.metrics, "looked_at": note}),
            "card.md": _card(old, version, note).encode(),
        },
        backbones={precision: old.backbone_path(precision).read_bytes() for precision in old.backbones},
        labels=old.labels,
        defects=old.defects,
        input_side=old.input_side,
        detector=NewDetector.of(old),
    )


def _card(old: Bundle, version: str, note: dict[str, Any]) -> str:
    _, _, rest = old.card.partition("\n")
    return (
        f"# {old.category} {version}\n\nThe networks, head and calibration of {old.version} (manifest SHA-256 "
        f"{old.sha256[:12]}…), with a table of what they say of {note['photos']} photos that are near none of those "
        "that they were fitted on, and of people's votes on these. What a policy promises in money rests on it: "
        f"`regrade promise show`.\n{rest}"
    )


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("category")
    made.add_argument("--version", required=True)
    made.add_argument("--bundles", type=Path, default=shipped_root())
    made.add_argument("--data", type=Path, help="manifest to look at, or its folder; default: the bench photos")
    made.add_argument("--fitted-by", type=Path, required=True, help="manifest that the bundle was fitted by")
    o = made.parse_args()
    table = look(o.bundles, o.category, o.version, o.data, o.fitted_by)
    found = {"looks": len(table), "shares": dict(zip(table.labels, table.shares.round(4).tolist(), strict=True))}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
