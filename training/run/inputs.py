"""What a run is made from and with: content of its input files, and versions of what reads them."""

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from regrade.datasets.category import SHIPPED
from regrade.datasets.manifest import locate_manifest
from regrade.models.errors import RunError
from regrade.training.run.config import ALL, RunConfig

PACKAGES: Final = (
    "regrade", "albumentations", "numpy", "onnx", "onnxruntime", "opencv-python-headless", "pillow", "scikit-learn",
    "scipy", "timm", "torch", "torchvision", "ultralytics",
)  # fmt: skip


def fingerprints(config: RunConfig) -> dict[str, str | None]:
    """SHA-256, in hex, of each file that decides the outcome; raises `RunError` for one that is not there."""
    folder = SHIPPED if config.categories is None else config.categories
    definitions = sorted(folder.glob("*.yaml")) if config.category == ALL else [folder / f"{config.category}.yaml"]
    return {
        "the manifest": _sha256(locate_manifest(config.data)),
        "the category definition": _sha256(*definitions),
        "the detector's weights": None if config.detector_weights is None else _sha256(config.detector_weights),
    }


def versions_now() -> dict[str, str | int | None]:
    """Versions of Python and of the packages that a run's outcome depends on (None: not installed), and the machine."""
    found: dict[str, str | int | None] = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _sha256(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()
