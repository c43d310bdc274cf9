"""Features of photos by the backbone as ImageNet left it, computed once and kept in a file.

Not by the backbone that is shipped now: that one has learned from the bench's own labels, and an experiment that hides
labels must not start from features that know them. The bundles of the first version have it as it was.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from regrade.datasets.manifest import Record
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import ROUTER, load_bundle, shipped_root

VERSION = "2026.11.1"
"""Of the router; its card says that the backbone is EfficientNet-Lite0 with frozen ImageNet weights."""


def backbone_features(records: list[Record], cache: Path) -> NDArray[np.float32]:
    """float32 (n, 1584): the means over the last map and over stages 4 and 5, a row a record."""
    bundle = load_bundle(shipped_root(), ROUTER, VERSION)
    file = cache / f"features-{bundle.backbones['int8'][:16]}-{bundle.input_side}.npz"
    known: dict[str, NDArray[np.float32]] = {}
    if file.exists():
        with np.load(file) as data:
            known = dict(zip(data["keys"].tolist(), data["rows"], strict=True))
    missing = [r for r in records if r.sha256 not in known]
    if missing:
        model = Model(bundle.backbone_path("int8"))
        for record in track(missing, "Computing features"):
            pixels = model_input(open_photo(record.file.read_bytes()).rgb, bundle.input_side)[np.newaxis]
            known[record.sha256] = model.run({"pixels": pixels}, ("features",))[0][0]
        cache.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as out:
            np.savez(out, keys=np.array(list(known)), rows=np.stack(list(known.values())))
        partial.replace(file)
    return np.stack([known[r.sha256] for r in records])
