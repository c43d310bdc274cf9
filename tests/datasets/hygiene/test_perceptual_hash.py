import hashlib

import numpy as np
import pytest

from regrade.datasets.hygiene.perceptual_hash import SIDE, phash


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, "905df6a4c35db14a"), (1, "b7382d32c2aa94f9"), (2, "92dc016d5bc5167d"), (3, "b2390d3af147e85a")],
)
def test_noise_hashes_as_in_imagehash(seed: int, expected: str) -> None:
    """Expected is what `imagehash.phash` of ImageHash 4.3.2 says of the same picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    assert phash(pixels).tobytes().hex() == expected


def test_pictures_without_detail_hash_alike_at_every_brightness() -> None:
    assert len({int(phash(np.full((SIDE, SIDE), level, dtype=np.uint8))) for level in (1, 77, 128, 255)}) == 1


def test_a_hash_does_not_heed_how_the_pixels_lie_in_memory() -> None:
    digest = np.frombuffer(hashlib.sha256(b"x").digest() * 32, dtype=np.uint8).reshape(SIDE, SIDE)
    assert phash(digest.T) == phash(np.ascontiguousarray(digest.T))
    assert phash(digest.T) != phash(digest)
