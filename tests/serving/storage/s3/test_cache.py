"""Copies of photos kept here: never more than they may be, never others than the photos, and of no weight if lost."""

import os
import time
from pathlib import Path

import pytest

from regrade.serving.storage.s3.cache import PhotoCache
from tests.serving.storage.s3.conftest import digest


def photo(number: int, size: int = 1000) -> tuple[str, bytes]:
    data = number.to_bytes(4, "big") * (size // 4)
    return digest(data), data


def size_of(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("??/*"))


def unused(cache: PhotoCache, sha256: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(cache.path(sha256), (then, then))


def test_a_copy_is_read_back(tmp_path: Path) -> None:
    cache = PhotoCache(tmp_path, 10_000)
    cache.put(*photo(1))
    assert cache.get(photo(1)[0]) == photo(1)[1]
    assert cache.get(photo(2)[0]) is None


def test_a_damaged_copy_is_none(tmp_path: Path) -> None:
    cache = PhotoCache(tmp_path, 10_000)
    cache.put(*photo(1))
    cache.path(photo(1)[0]).write_bytes(b"half")
    assert cache.get(photo(1)[0]) is None
    assert not cache.path(photo(1)[0]).exists()


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = PhotoCache(tmp_path, 6_000)
    for number in range(5):
        cache.put(*photo(number))
        unused(cache, photo(number)[0], 1000 - number)
    assert cache.get(photo(0)[0]) is not None  # used now
    cache.put(*photo(5))
    there = [number for number in range(6) if cache.path(photo(number)[0]).exists()]
    assert there == [0, 2, 3, 4, 5]


def test_two_processes_keep_to_one_bound(tmp_path: Path) -> None:
    one, other = PhotoCache(tmp_path, 20_000), PhotoCache(tmp_path, 20_000)
    for number in range(60):
        (one, other)[number % 2].put(*photo(number))
        assert size_of(tmp_path) <= 20_000


def test_what_a_killed_process_left_counts_and_goes(tmp_path: Path) -> None:
    cache = PhotoCache(tmp_path, 5_000)
    cache.put(*photo(1))
    torn = cache.path(photo(1)[0]).with_name("torn.tmp")
    torn.write_bytes(bytes(4_000))
    os.utime(torn, (1, 1))
    PhotoCache(tmp_path, 5_000).put(*photo(2))
    assert not torn.exists()
    assert cache.get(photo(1)[0]) is not None


@pytest.mark.parametrize("most", [0, 500])
def test_what_finds_no_room_is_not_kept(tmp_path: Path, most: int) -> None:
    PhotoCache(tmp_path, most).put(*photo(1))
    assert size_of(tmp_path) == 0


def test_a_forgotten_photo_leaves_nothing(tmp_path: Path) -> None:
    cache = PhotoCache(tmp_path, 10_000)
    cache.put(*photo(1))
    cache.path(photo(1)[0]).with_name(f"{photo(1)[0]}.abc.tmp").write_bytes(b"half of it")
    cache.forget(photo(1)[0])
    assert size_of(tmp_path) == 0


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = PhotoCache(tmp_path / "file", 10_000)
    cache.put(*photo(1))
    cache.put(*photo(2))
    assert [one.message.startswith("photos cannot be kept") for one in caplog.records] == [True]
