"""The memory that a process has held."""

import os
import subprocess
import sys

import psutil
import pytest

from regrade.serving.telemetry.process_memory import peak_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells")
def test_the_peak_is_no_less_than_what_is_held_now() -> None:
    now = psutil.Process().memory_info().rss
    peak = peak_bytes(os.getpid())
    assert peak is not None
    assert 0.9 * now < peak < 100 * now  # the kernel counts in batches


def test_nothing_is_told_of_a_process_that_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert peak_bytes(gone.pid) is None
