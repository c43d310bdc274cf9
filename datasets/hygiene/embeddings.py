"""What the shipped backbone sees of a photo, as a row of numbers by which photos can be compared. Cached on disk."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from regrade.datasets.hygiene.duplicates import Fingerprint, fingerprint
from regrade.models.errors import DatasetError, PhotoError
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import ROUTER, load_bundle, shipped_root

_FEW = 64
"""Photos that are not worth saving the cache for."""


class Embedder:
    """Pooled features of the backbone that the shipped category router uses, as serving runs it."""

    def __init__(self) -> None:
        bundle = load_bundle(shipped_root(), ROUTER)
        self._model = Model(bundle.backbone_path("int8"))
        self._side = bundle.input_side
        self.name = f"{bundle.backbones['int8'][:16]}-{bundle.input_side}"
        """Of the backbone; embeddings of different ones cannot be compared."""

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The embedding of an upright sRGB photo, uint8 (h, w, 3), as float32 (D,)."""
        pixels = model_input(rgb, self._side)[np.newaxis]
        row: NDArray[np.float32] = self._model.run({"pixels": pixels}, ("features",))[0][0]
        return row


class PhotoFile(Protocol):
    """A photo on disk and its hash, such as a `manifest.Record`."""

    @property
    def file(self) -> Path: ...

    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PhotoEmbeddings:
    """Of each photo, in order: its fingerprint and its embedding, float32 (n, D)."""

    prints: tuple[Fingerprint, ...]
    embeddings: NDArray[np.float32]


def read_views(
    records: Sequence[PhotoFile],
    cache: Path,
    progress: Callable[[Sequence[PhotoFile]], Iterable[PhotoFile]] = iter,
) -> PhotoEmbeddings:
    """Fingerprints and embeddings of `records`, from `cache` where they were made before.

    `progress` wraps the records whose photos are read. Ctrl-C loses nothing that was read, and a crash at most an
    eighth of what the cache holds. Raises `DatasetError` for a photo that does not open.
    """
    embedder = Embedder()
    store = _Store(cache / f"views-{embedder.name}.npz")
    missing = list({r.sha256: r for r in records if r.sha256 not in store.rows}.values())
    unsaved = 0
    try:
        for record in progress(missing):
            try:
                photo = open_photo(record.file.read_bytes(), sha256=record.sha256)
            except (OSError, PhotoError) as error:
                raise DatasetError(f"{record.file}: {error}; see regrade data check") from None
            found = fingerprint(photo.rgb, record.sha256)
            store.rows[record.sha256] = (found.hashes, found.grey, embedder(photo.rgb))
            unsaved += 1
            # The whole file is written anew: saving at every so many photos would take time in their square.
            if unsaved >= max(_FEW, len(store.rows) // 8):
                store.save()
                unsaved = 0
    finally:
        if unsaved:
            store.save()
    rows = [store.rows[r.sha256] for r in records]
    prints = tuple(Fingerprint(r.sha256, *row[:2]) for r, row in zip(records, rows, strict=True))
    return PhotoEmbeddings(prints, np.stack([row[2] for row in rows]))


_Row = tuple[NDArray[np.uint64], NDArray[np.float32], NDArray[np.float32]]


class _Store:
    """Rows by photo hash in one .npz, replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: dict[str, _Row] = {}
        if path.exists():
            with np.load(path) as data:
                parts = (data["keys"].tolist(), data["hashes"], data["greys"], data["embeddings"])
                self.rows = {key: (hashes, grey, row) for key, hashes, grey, row in zip(*parts, strict=True)}

    def save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Two runs may share a cache: each writes a file of its own, and the last one to finish wins.
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        hashes, greys, embeddings = (np.stack(part) for part in zip(*self.rows.values(), strict=True))
        with partial.open("wb") as file:
            np.savez(file, keys=np.array(list(self.rows)), hashes=hashes, greys=greys, embeddings=embeddings)
        partial.replace(self._path)
