"""What all rooms' tests share: each process computes on one thread, for there is a process for each core."""

import os

# Before NumPy or torch is imported. With threads of their own the workers would wait for each other, spinning.
os.environ.setdefault("OMP_NUM_THREADS", "1")
