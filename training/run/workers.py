"""How pictures are made on every core."""

from multiprocessing import get_context
from typing import Final

SPAWNED: Final = get_context("spawn")
"""Fresh processes. A forked one inherits the locks of threads that it has not got, those of torch and ONNX Runtime, and
may wait for them for ever."""
