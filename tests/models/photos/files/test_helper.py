"""What may take long is decoded in a process that is ended in time, makes the same pixels, and leaves nothing."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import psutil
import pytest
from odd_photos import encoded, many_scans, picture, png_of

from regrade.models.errors import PhotoError
from regrade.models.photos.files import helper
from regrade.models.photos.files.pixels import decode
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo, survey

pytestmark = pytest.mark.slow

SLOW = many_scans(4000, 4000, 63, in_order=True)
"""Half a second of decoding in 3 KB, for it has no more scans than it may."""


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    helper.close()
    yield
    helper.close()


def in_helper(data: bytes, media_type: str, side: int = 395, seconds: float = 20) -> np.ndarray:
    return helper.decode(data, media_type, side, seconds).rgb


def processes(parent: int) -> list[int]:
    """The helpers among the children of a process."""
    children = psutil.Process(parent).children()
    return [child.pid for child in children if b"helper_main" in Path(f"/proc/{child.pid}/cmdline").read_bytes()]


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + 20
    with suppress(FileNotFoundError, ProcessLookupError):
        while "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
            assert time.monotonic() < end, "the helper lives on"
            time.sleep(0.02)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_helper_makes_the_same_pixels(kind: str) -> None:
    data, media_type = encoded(picture(900, 700), kind), f"image/{kind.lower()}"
    found = survey(data)
    assert found is not None
    assert (in_helper(data, media_type) == decode(data, media_type, found, 395).rgb).all()


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_helper_that_has_just_begun_reads_every_kind(kind: str) -> None:
    pillow_heif.register_heif_opener()
    assert open_photo(encoded(picture(), kind)).width == 400


def test_a_helper_refuses_in_the_same_words() -> None:
    data = encoded(picture())
    with pytest.raises(PhotoError, match="ends before its last pixel") as caught:
        in_helper(data[: len(data) // 2] + b"\xff\xd9", "image/jpeg")
    assert caught.value.code == "truncated"


def test_what_takes_too_long_is_cut_off_refused_and_logged_by_its_hash(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "regrade"), pytest.raises(PhotoError, match=r"0\.05 s") as caught:
        open_photo(SLOW, 7, replace(DEFAULT_LIMITS, seconds=0.05), sha256="5ee")
    assert (caught.value.code, caught.value.photo) == ("too_slow", 7)
    assert "5ee" in caplog.text


def test_the_next_photo_finds_another_helper() -> None:
    with pytest.raises(PhotoError, match=r"0\.05 s"):
        in_helper(SLOW, "image/jpeg", seconds=0.05)
    assert in_helper(encoded(picture()), "image/jpeg").shape == (300, 400, 3)


def test_a_helper_is_kept_for_the_next_photo() -> None:
    for _ in range(3):
        in_helper(encoded(picture()), "image/jpeg")
    assert len(processes(os.getpid())) == 1


def test_many_at_once_do_not_mix_their_photos_up() -> None:
    photos = [png_of(64, 64, b"".join(b"\0" + bytes([n]) * 192 for _ in range(64))) for n in range(1, 13)]
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda data: int(in_helper(data, "image/png")[5, 5, 0]), photos))
    assert seen == list(range(1, 13))


def test_a_helper_that_was_killed_costs_one_photo() -> None:
    in_helper(encoded(picture()), "image/jpeg")
    for pid in processes(os.getpid()):
        os.kill(pid, signal.SIGKILL)
        wait_until_gone(pid)
    with pytest.raises(PhotoError) as caught:
        in_helper(encoded(picture()), "image/jpeg")
    assert caught.value.code == "unreadable"
    assert in_helper(encoded(picture()), "image/jpeg").shape == (300, 400, 3)


def test_a_helper_knows_no_password_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_DATABASE_URL", "postgresql://regrade:s3cret@db/regrade")
    in_helper(encoded(picture()), "image/jpeg")
    for pid in processes(os.getpid()):
        assert b"s3cret" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_helper_holds_no_file_of_ours(tmp_path: Path) -> None:
    with (tmp_path / "ours").open("wb") as ours:
        os.set_inheritable(ours.fileno(), True)
        in_helper(encoded(picture()), "image/jpeg")
        for pid in processes(os.getpid()):
            links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
            assert not any(str(tmp_path) in link or "socket" in link for link in links)


def test_a_helper_may_use_no_more_than_its_memory() -> None:
    in_helper(encoded(picture()), "image/jpeg")
    (pid,) = processes(os.getpid())
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert str(3 * 2**30) in next(line for line in limits.splitlines() if "address space" in line)


SCRIPT = """
import sys, time
from regrade.models.photos.files import helper
from pathlib import Path
helper.decode(Path(sys.argv[1]).read_bytes(), "image/jpeg", 395, 20)
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("end", ["by itself", "killed"])
def test_a_helper_ends_with_the_process_that_started_it(tmp_path: Path, end: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(picture()))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "photo.jpg"), "0.2" if end == "by itself" else "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (pid,) = processes(process.pid)
        if end == "killed":
            process.kill()
        process.wait(30)
        wait_until_gone(pid)


def test_a_fork_has_helpers_of_its_own() -> None:
    in_helper(encoded(picture()), "image/jpeg")
    child = os.fork()
    if child == 0:
        ok = in_helper(encoded(picture()), "image/jpeg").shape == (300, 400, 3)
        helper.close()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert in_helper(encoded(picture()), "image/jpeg").shape == (300, 400, 3)
