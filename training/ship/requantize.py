"""Bundles with the INT8 networks of today's quantiser, beside the FP32 networks, heads and calibration that they have.

Heads were fitted on features of the old INT8 networks, which lie around those of FP32 as the new ones do, only closer;
`benchmarks/int8_parity.py` grades photos by both.
"""

import random
from collections.abc import Callable, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.manifest import Record
from regrade.models.errors import BundleError
from regrade.models.files import write_atomically
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import Bundle, load_bundle, sha256
from regrade.models.registry.files import point, reissue
from regrade.models.registry.store import BundleStore
from regrade.training.export.backbone import quantize_int8
from regrade.training.run.files import json_bytes
from regrade.training.ship.golden_outputs import add_golden

PHOTOS: Final = 128
"""Photos that ranges of activations are found on."""
SEED: Final = 3
Say = Callable[[str], None]


def calibration_photos(records: Sequence[Record]) -> list[Record]:
    """Photos of the train split, from each source in turn. Raises `BundleError` where there are none."""
    by_source: dict[str, list[Record]] = {}
    for record in records:
        if record.split == "train":
            by_source.setdefault(record.source, []).append(record)
    if not by_source:
        raise BundleError("no photo of the train split to calibrate on; give another --data")
    rng = random.Random(SEED)
    for found in by_source.values():
        rng.shuffle(found)
    turns = (found[-i] for i in count(1) for found in by_source.values() if i <= len(found))
    most = min(PHOTOS, sum(map(len, by_source.values())))
    return list(islice(turns, most))


def requantize(
    root: Path,
    records: Sequence[Record],
    version: str,
    work: Path,
    say: Say,
    categories: Sequence[str] = (),
) -> tuple[str, ...]:
    """Write the active bundle of each of `categories`, by default of all and the router, under `root` again, as
    `version`, with new INT8 networks and what they make of the golden photos, and make it active. Returns their names.

    Each network is quantised once, however many bundles share it, and kept in `work`, where an interrupted call finds
    it. Raises `BundleError` for a category without a bundle, and for a bundle that has the version.
    """
    before = BundleStore(site=root).active_versions()
    if unknown := sorted(set(categories) - set(before)):
        raise BundleError(f"No bundle of {', '.join(unknown)} is active under {root}; there are {', '.join(before)}.")
    bundles = {name: load_bundle(root, name, before[name]) for name in categories or before}
    for name in bundles:
        if (root / name / version).exists():
            raise BundleError(f"Bundle {name}/{version} exists and is immutable. Give a new --version.")
    photos = calibration_photos(records)
    made: dict[str, bytes] = {}
    for bundle in bundles.values():
        for old, make in _networks(bundle, photos).items():
            if old not in made:
                made[old] = _kept(work / f"{old}-{_digest(photos)}.onnx", make, say)
    for bundle in bundles.values():
        reissue(bundle, version, made, _provenance(bundle, version))
    add_golden(root, tuple(bundles), version)
    for name in bundles:
        point(root, name, version, before[name])
    return tuple(bundles)


def _provenance(bundle: Bundle, version: str) -> dict[str, bytes]:
    """Metrics and card that say where the bundle comes from; a golden file would be of the old networks."""
    origin = {"version": bundle.version, "manifest_sha256": bundle.sha256}
    heading, _, rest = bundle.card.partition("\n")
    card = (
        f"{heading.replace(bundle.version, version)}\n\nThe FP32 networks, heads and calibration of {bundle.version} "
        f"(manifest SHA-256 {bundle.sha256[:12]}…) with INT8 networks made anew, whose sums no CPU saturates. All that "
        f"follows was measured with that version.\n{rest}"
    )
    return {"metrics.json": json_bytes({**bundle.metrics, "requantized_from": origin}), "card.md": card.encode()}


def _networks(bundle: Bundle, photos: Sequence[Record]) -> dict[str, Callable[[], bytes]]:
    """SHA-256 of each INT8 network of `bundle` → what makes it anew."""
    side, exact = bundle.input_side, bundle.backbone_path("fp32")
    return {bundle.backbones["int8"]: lambda: quantize_int8(exact.read_bytes(), _backbone_inputs(photos, side))}


def _kept(path: Path, make: Callable[[], bytes], say: Say) -> bytes:
    if not path.exists():
        say(f"making {path}")
        write_atomically(path, make())
    return path.read_bytes()


def _digest(photos: Sequence[Record]) -> str:
    return sha256("".join(photo.sha256 for photo in photos).encode())[:12]


def _backbone_inputs(photos: Sequence[Record], side: int) -> list[NDArray[np.uint8]]:
    return [model_input(open_photo(r.file.read_bytes()).rgb, side) for r in photos]
