"""What all rooms' tests share: each process computes on one thread, for there is a process for each core."""

import os
import sys
from pathlib import Path

# For benchmarks/odd_photos.py, which tests of several rooms use.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

# Before NumPy or torch is imported. With threads of their own the workers would wait for each other, spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# The same examples in every run, and no deadline: a machine that is busy with other work is no fault of what is tested.
settings.register_profile("regrade", deadline=None, derandomize=True)
settings.load_profile("regrade")
