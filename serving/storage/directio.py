"""Files written past the page cache (O_DIRECT, open(2)), for their owner alone.

A photo is written once and, as a rule, not read again soon. Through the page cache its every page is allocated, copied
to and written back, which costs more processor time than handing it to the disk: `benchmarks/plain_paths.py`.
"""

import errno
import mmap
import os
import threading
from pathlib import Path
from typing import Final

from regrade.serving.storage import private

BLOCK: Final = 4096
"""What addresses, lengths and positions must be multiples of, on every file system there is."""
CHUNK: Final = 2 * 1024 * 1024
SMALLEST: Final = 64 * 1024
"""Files below this are written through the cache; a synchronous write would wait longer than it saves."""


class _Scratch(threading.local):
    """A piece of aligned memory for each thread; anonymous maps begin at a page."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, CHUNK)


_scratch: Final = _Scratch()


def write_new(path: Path, data: bytes) -> int:
    """Make the file `path`, which must not exist, write `data` to it, and return its open descriptor, not yet synced.

    File systems that have no direct writes get ordinary ones. Raises OSError, and has then left no descriptor open;
    a file it may have left.
    """
    if len(data) >= SMALLEST and hasattr(os, "O_DIRECT"):
        try:
            return _written(path, os.O_DIRECT, data)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            path.unlink(missing_ok=True)
    return _written(path, 0, data)


def _written(path: Path, flag: int, data: bytes) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | flag, private.FILE)
    try:
        if flag:
            _write_blocks(descriptor, data)
        else:
            _write(descriptor, memoryview(data))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write_blocks(descriptor: int, data: bytes) -> None:
    view, memory = memoryview(data), _scratch.memory
    with memoryview(memory) as aligned:
        for at in range(0, len(view), CHUNK):
            chunk = view[at : at + CHUNK]
            aligned[: len(chunk)] = chunk
            _write(descriptor, aligned[: -(-len(chunk) // BLOCK) * BLOCK])
    os.ftruncate(descriptor, len(view))  # off what filled the last block


def _write(descriptor: int, rest: memoryview) -> None:
    """All of `rest`: a single write may be cut short, by a signal or at 2 GB."""
    while rest:
        rest = rest[os.write(descriptor, rest) :]
