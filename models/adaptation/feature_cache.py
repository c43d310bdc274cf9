"""What a backbone saw of stored photos, kept by the hashes of photo and backbone: one small file a photo.

A file each, so that an interrupted run has lost nothing, and that what was seen of an erased photo goes with it.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import PhotoError
from regrade.models.files import make_folders
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import Bundle

FOLDER = Path("cache") / "features"
"""In a service's data directory."""
Progress = Callable[[Sequence[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Features, float32 (D,), in `folder` by backbone and photo. Several processes may use it at once."""

    folder: Path

    def of(
        self, bundle: Bundle, photos: dict[str, Path], progress: Progress = iter, *, backbone: Model | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """What the INT8 backbone of `bundle` sees of `photos`, SHA-256 → file. A photo that is gone or does not open
        is left out. `backbone` is it, where it is loaded already."""
        found: dict[str, NDArray[np.float32]] = {}
        model = backbone
        for sha256 in progress(list(photos)):
            path = self._path(bundle, sha256)
            row = _read(path)
            if row is None:
                model = model or Model(bundle.backbone_path("int8"))
                row = _seen(model, photos[sha256], sha256, bundle.input_side)
                if row is None:
                    continue
                _write(path, row)
            found[sha256] = row
        return found

    def forget(self, photos: Iterable[str]) -> None:
        """Remove all that was seen of the photos of these hashes."""
        backbones = [one for one in self.folder.iterdir() if one.is_dir()] if self.folder.is_dir() else []
        for sha256 in photos:
            for backbone in backbones:
                (backbone / sha256[:2] / f"{sha256}.npy").unlink(missing_ok=True)

    def _path(self, bundle: Bundle, sha256: str) -> Path:
        return self.folder / f"{bundle.backbones['int8'][:16]}-{bundle.input_side}" / sha256[:2] / f"{sha256}.npy"


def _seen(model: Model, file: Path, sha256: str, side: int) -> NDArray[np.float32] | None:
    try:
        photo = open_photo(file.read_bytes(), sha256=sha256)
    except (OSError, PhotoError):
        return None
    row: NDArray[np.float32] = model.run({"pixels": model_input(photo.rgb, side)[np.newaxis]}, ("features",))[0][0]
    return row


def _read(path: Path) -> NDArray[np.float32] | None:
    try:
        row: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # not there, or torn by a crash: it is made anew
    return row


def _write(path: Path, row: NDArray[np.float32]) -> None:
    make_folders(path.parent, private=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        np.save(file, row, allow_pickle=False)
    partial.replace(path)
