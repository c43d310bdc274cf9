"""Randomness that belongs to a photo, so that what is drawn on it depends on no other."""

import hashlib

import numpy as np

from regrade.datasets.manifest import Record


def seeded(record: Record, way: str) -> np.random.Generator:
    """A generator that is the same for the same photo and way of using it, wherever and whenever it runs."""
    digest = hashlib.sha256(f"{record.sha256}/{way}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
