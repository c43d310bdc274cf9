"""Reads the write-ahead log of a SQLite database without SQLite, which passes over what is damaged without a word.

SQLite takes the frames of a log up to the first whose checksum is wrong, and forgets the rest: after a crash that is
where writing was cut short. A byte that went bad looks the same to it, and takes every later commit along.

The format: https://www.sqlite.org/fileformat2.html#walformat
"""

import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

HEADER: Final = 32
FRAME_HEADER: Final = 24
MAGICS: Final = {0x377F0682: "<u4", 0x377F0683: ">u4"}
"""The first word of a log → how the words that its checksums sum up are to be read."""
_AT_ONCE: Final = 4 * 1024 * 1024
"""Bytes of a log that are looked at together."""

Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Log:
    """What SQLite would take from a log: its first `committed` frames, and of these the newest page 1, if there is one.

    `broken`: it would take less than what was once committed, and the log itself shows that. (A log cannot show that
    its last commit has gone bad, rather than never having been finished.)
    """

    frames: int
    committed: int
    first_page: bytes | None
    broken: bool


def read_log(path: Path) -> Log:
    """Look through the log `path`; one that is missing or empty holds nothing. Raises OSError.

    Nobody may write to it meanwhile.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return Log(0, 0, None, False)


def _read(file: BinaryIO) -> Log:
    header, size = file.read(HEADER), os.fstat(file.fileno()).st_size
    page_size = _page_size(header)
    if page_size is None:
        # The header is on the disk before any frame is, so without a good one there never was a frame, or it went bad.
        return Log(0, 0, None, broken=size > HEADER)
    frames = _Frames(file, header, page_size, (size - HEADER) // (FRAME_HEADER + page_size))
    first_bad = frames.first_bad()
    ends = np.flatnonzero(frames.commits[:first_bad])
    committed = int(ends[-1]) + 1 if len(ends) else 0
    ones = np.flatnonzero(frames.pages[:committed] == 1)
    first_page = frames.content(int(ones[-1])) if len(ones) else None
    return Log(frames.count, committed, first_page, _has_more(frames, first_bad))


def _page_size(header: bytes) -> int | None:
    """The page size that a log's header tells, None where the header is not one."""
    if len(header) < HEADER:
        return None
    magic, _, page_size = struct.unpack(">3I", header[:12])
    if magic not in MAGICS:
        return None
    words = np.frombuffer(header[:24], MAGICS[magic]).astype(np.uint32)[None]
    summed = _checksums(words, np.zeros((1, 2), np.uint32))[0]
    return page_size if tuple(summed) == struct.unpack(">2I", header[24:32]) else None


def _has_more(frames: "_Frames", first_bad: int) -> bool:
    """Whether what comes after the good frames is more than the one commit that a crash may have cut short.

    Each commit is synced before the next begins. So where frames of the same log follow behind the end of a commit,
    that commit was safe on the disk once. Frames of the log before, which this one overwrites, have other salts.
    """
    rest = np.flatnonzero(frames.own[first_bad:])
    ends = np.flatnonzero(frames.own[first_bad:] & frames.commits[first_bad:])
    return bool(len(ends)) and int(ends[0]) < int(rest[-1])


class _Frames:
    """The whole frames of a log. For each: the `pages` number, whether it `commits`, whether it is the log's `own`."""

    def __init__(self, file: BinaryIO, header: bytes, page_size: int, count: int) -> None:
        self.count = count
        self._file = file
        self._size = FRAME_HEADER + page_size
        heads = np.zeros((count, FRAME_HEADER // 4), np.uint32)
        sums = np.zeros((count, 2), np.uint32)
        order = MAGICS[struct.unpack(">I", header[:4])[0]]
        step = max(1, _AT_ONCE // self._size)
        for at in range(0, count, step):
            data = self._bytes(at, min(step, count - at))
            heads[at : at + step] = data[:, :FRAME_HEADER].copy().view(">u4")
            summed = np.concatenate([data[:, :8], data[:, FRAME_HEADER:]], axis=1)
            sums[at : at + step] = _sums(summed.view(order).astype(np.uint32, copy=False))
        self.pages: Words = heads[:, 0]
        self.commits = heads[:, 1] != 0
        salts = np.frombuffer(header[16:24], ">u4")
        self.own = (heads[:, 2:4] == salts).all(axis=1) & (self.pages != 0)
        told = heads[:, 4:6]
        before = np.concatenate([np.frombuffer(header[24:32], ">u4")[None].astype(np.uint32), told[:-1]])
        self._good = self.own & (_chained(before, sums, (page_size + 8) // 8) == told).all(axis=1)

    def first_bad(self) -> int:
        """The index of the first frame that SQLite would not take; their number where it takes all."""
        bad = np.flatnonzero(~self._good)
        return int(bad[0]) if len(bad) else self.count

    def content(self, index: int) -> bytes:
        """The page in a frame."""
        return self._bytes(index, 1)[0, FRAME_HEADER:].tobytes()

    def _bytes(self, index: int, count: int) -> NDArray[np.uint8]:
        self._file.seek(HEADER + index * self._size)
        return np.frombuffer(self._file.read(count * self._size), np.uint8).reshape(count, self._size)


def _checksums(words: Words, before: Words) -> Words:
    """The checksums, (N, 2), of N rows of words that follow each on the checksum in `before`, (N, 2)."""
    return _chained(before, _sums(words), words.shape[1] // 2)


def _sums(words: Words) -> Words:
    """The checksums of rows of words, (N, 2), as if each followed on zeros.

    For each pair of words (a, b), SQLite computes s += a + t; t += b + s, modulo 2**32. That is linear: after n pairs
    the state is M**n (s, t) plus the sum over the pairs of M**(n - 1 - i) (a, a + b), where M = ((1, 1), (1, 2)).
    """
    return np.asarray(words @ _weights(words.shape[1] // 2), np.uint32)


def _chained(before: Words, sums: Words, pairs: int) -> Words:
    """Checksums as if each followed on the one in `before`, given what they are after zeros."""
    return np.asarray(before @ _powers(pairs)[pairs].T + sums, np.uint32)


@cache
def _powers(pairs: int) -> Words:
    """M**0 … M**pairs modulo 2**32, (pairs + 1, 2, 2)."""
    powers = np.zeros((pairs + 1, 2, 2), np.uint32)
    step, power = np.array([[1, 1], [1, 2]], np.uint32), np.eye(2, dtype=np.uint32)
    for n in range(pairs + 1):
        powers[n] = power
        power = power @ step
    return powers


@cache
def _weights(pairs: int) -> Words:
    """What each word of a row counts in both halves of its checksum, (2 · pairs, 2)."""
    powers = _powers(pairs)[:pairs][::-1]
    first, second = powers.sum(axis=2, dtype=np.uint32), powers[:, :, 1]
    return np.stack([first, second], axis=1).reshape(2 * pairs, 2)
