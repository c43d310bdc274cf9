"""Photos that stand in a dataset more than once: the same file, a copy of it, or the same thing taken again.

Copies (saved anew, resized, brightened, turned, mirrored) are found by perceptual hash and confirmed on the pixels;
photos of the same thing (a moved camera, a crop) by the cosine of their embeddings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regrade.datasets.hygiene.cosine_search import Progress, close_pairs, quietly
from regrade.datasets.hygiene.hash_search import close_hashes
from regrade.datasets.hygiene.perceptual_hash import SIDE, phash

MAX_BITS = 10
"""Bits of 64 in which the hashes of copies may differ. JPEG at quality 30, half the size and ±30% brightness stay
below 7 in 95% of bench photos; of all their pairs, fewer than 1 in 10,000 come as close in one of eight views."""
MIN_CORRELATION = 0.95
"""Of the grey values of two copies, which unlike photos with close hashes do not reach."""
MIN_COSINE = 0.90
"""Of the centred embeddings of two photos of the same thing."""
MIN_PHOTOS_TO_CENTRE = 50
"""Below this many photos their mean embedding says more of themselves than of photos in general."""

Number = TypeVar("Number", np.uint8, np.float32)
Kind = Literal["same file", "copy", "same thing"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What copies of a photo share. `hashes` is uint64 (8,): the pHash of each turned and mirrored view, as taken
    first; `grey` is float32 (32, 32), mean 0, norm 1."""

    sha256: str
    hashes: NDArray[np.uint64]
    grey: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two photos, by index with `a < b`, that show too much of the same. `likeness` is the correlation of copies,
    the cosine of photos of the same thing, 1 of the same file."""

    a: int
    b: int
    kind: Kind
    likeness: float


def fingerprint(rgb: NDArray[np.uint8], sha256: str) -> Fingerprint:
    """The fingerprint of an upright photo, uint8 (h, w, 3)."""
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    pixels = np.asarray(small)
    hashes = np.array([phash(view) for view in _views(pixels)], dtype=np.uint64)
    grey = pixels.astype(np.float32) - pixels.mean(dtype=np.float32)
    return Fingerprint(sha256, hashes, grey / max(float(np.linalg.norm(grey)), 1e-6))


def _views(pixels: NDArray[Number]) -> list[NDArray[Number]]:
    """The eight ways to turn and mirror a square picture; the first is the picture itself."""
    return [_view(pixels, k) for k in range(8)]


def _view(pixels: NDArray[Number], number: int) -> NDArray[Number]:
    turned = np.rot90(pixels, number // 2)
    return turned[:, ::-1] if number % 2 else turned


def find_pairs(
    prints: Sequence[Fingerprint], embeddings: NDArray[np.float32] | None = None, progress: Progress = quietly
) -> list[DuplicatePair]:
    """All pairs of photos that show the same, each once, as its strongest kind, by index.

    `embeddings`, float32 (n, D), one a photo, adds the pairs of the same thing; they are not used for fewer than 50
    photos. On one core, hashes of 10,000 photos take 3 s and those of 50,000 half a minute, embeddings of 50,000 some
    20 s; memory grows with the photos and the pairs, not with their square.
    """
    found: dict[tuple[int, int], DuplicatePair] = {}
    if embeddings is not None and len(prints) >= MIN_PHOTOS_TO_CENTRE:
        found.update(_by_embedding(embeddings, progress))
    found.update(_by_hash(prints, progress))
    first: dict[str, int] = {}
    for i, one in enumerate(prints):
        j = first.setdefault(one.sha256, i)
        if j < i:
            found[j, i] = DuplicatePair(j, i, "same file", 1.0)
    return [found[key] for key in sorted(found)]


def _by_hash(prints: Sequence[Fingerprint], progress: Progress) -> dict[tuple[int, int], DuplicatePair]:
    if not prints:
        return {}
    hashes = np.stack([p.hashes for p in prints])
    found: dict[tuple[int, int], DuplicatePair] = {}
    for view in progress(range(hashes.shape[1]), "Comparing hashes"):
        for a, b in close_hashes(hashes[:, 0], hashes[:, view], MAX_BITS).tolist():
            if (likeness := _correlation(prints[a], prints[b], view)) >= MIN_CORRELATION:
                found[a, b] = DuplicatePair(
                    a, b, "copy", max(likeness, found[a, b].likeness if (a, b) in found else 0.0)
                )
    return found


def _correlation(a: Fingerprint, b: Fingerprint, view: int) -> float:
    return float(np.vdot(a.grey, _view(b.grey, view)))


def centred(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Embeddings less their mean, at norm 1: what makes a photo unlike the others. float32 (n, D)."""
    rows: NDArray[np.float32] = (embeddings - embeddings.mean(axis=0)).astype(np.float32, copy=False)
    # In place: of many photos each copy is hundreds of megabytes.
    rows /= np.maximum(np.sqrt(np.einsum("nd,nd->n", rows, rows)), 1e-6)[:, None]
    return rows


def _by_embedding(embeddings: NDArray[np.float32], progress: Progress) -> dict[tuple[int, int], DuplicatePair]:
    found = (part.tolist() for part in close_pairs(centred(embeddings), MIN_COSINE, progress))
    return {(a, b): DuplicatePair(a, b, "same thing", cosine) for a, b, cosine in zip(*found, strict=True)}
