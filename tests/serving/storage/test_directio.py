"""Photos are written past the page cache where the file system can do that, and none is a byte off."""

import errno
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from regrade.serving.storage.directio import BLOCK, CHUNK, SMALLEST, write_new


@pytest.mark.parametrize(
    "size", [0, 1, SMALLEST - 1, SMALLEST, SMALLEST + 1, CHUNK - 1, CHUNK, CHUNK + BLOCK, 2 * CHUNK + 77]
)
def test_what_is_written_is_what_was_given(tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    os.close(write_new(tmp_path / "photo", data))
    assert (tmp_path / "photo").read_bytes() == data


def test_a_smaller_file_gets_nothing_of_the_one_before(tmp_path: Path) -> None:
    for name, data in (("first", b"x" * CHUNK), ("second", b"y" * (SMALLEST + 5))):
        os.close(write_new(tmp_path / name, data))
    assert (tmp_path / "second").read_bytes() == b"y" * (SMALLEST + 5)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "photo", bytes(SMALLEST))
    assert (tmp_path / "photo").read_bytes() == b"kept"


@pytest.mark.parametrize("refused", ["open", "write"])
def test_a_file_system_without_direct_writes_gets_ordinary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    really_open, really_write, direct = os.open, os.write, set()

    def opened(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = really_open(path, flags, mode)
        if flags & os.O_DIRECT:
            if refused == "open":  # as Linux does: the file is there by now
                os.close(descriptor)
                raise OSError(errno.EINVAL, "Invalid argument")
            direct.add(descriptor)
        return descriptor

    def written(descriptor: int, data: bytes) -> int:
        if descriptor in direct:
            direct.discard(descriptor)
            raise OSError(errno.EINVAL, "Invalid argument")
        return really_write(descriptor, data)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "write", written)
    os.close(write_new(tmp_path / "photo", b"z" * SMALLEST))
    assert (tmp_path / "photo").read_bytes() == b"z" * SMALLEST


def opened_files() -> Iterator[str]:
    """What this process's descriptors are of; services of earlier tests may be closing theirs."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(descriptor.readlink())


def test_a_full_disk_is_told_and_leaves_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_new(tmp_path / "photo", bytes(SMALLEST))
    assert not [name for name in opened_files() if name.startswith(str(tmp_path))]
