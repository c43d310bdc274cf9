"""What all rooms' tests share: each process computes on one thread, for there is a process for each core."""

import os
import shutil
import sys
from collections import deque
from collections.abc import Generator
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


has_failed = pytest.StashKey[bool]()
finished: deque[Path] = deque()
"""Folders of tests that have passed and are not removed yet."""
KEPT = 40
"""So many stay: services end in the background, and must not lose their folders before."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remove what passed tests have written, a while after them: together it is more than ten gigabytes."""
    report = yield
    if report.failed:
        item.stash[has_failed] = True
    if report.when == "teardown" and not item.stash.get(has_failed, False):
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if folder is not None:
            finished.append(folder)
        while len(finished) > KEPT:
            shutil.rmtree(finished.popleft(), ignore_errors=True)
    return report
