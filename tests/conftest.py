"""What all rooms' tests share: each process computes on one thread, for there is a process for each core."""

import os
import sys
from pathlib import Path

# For benchmarks/odd_photos.py, which tests of several rooms use.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

# Before NumPy or torch is imported. With threads of their own the workers would wait for each other, spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# The same examples in every run, and no deadline: a machine that is busy with other work is no fault of what is tested.
settings.register_profile("regrade", deadline=None, derandomize=True)
settings.load_profile("regrade")

SLOW = tuple(Path(__file__).parent / name for name in ("benchmarks", "serving/pages", "training"))
"""Folders whose tests all take long: they start browsers, train networks, measure."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them `slow`."""
    for item in items:
        if any(folder in item.path.parents for folder in SLOW):
            item.add_marker(pytest.mark.slow)
