"""Files that are replaced in one step, and logs that survive a torn line."""

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from regrade.models.files import append_line, create_private, write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for data in (b"old", b"new"):
        assert write_atomically(tmp_path / "made" / "x.json", data).read_bytes() == data
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["x.json"]


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "x.json", b"old")
    (tmp_path / "x.json.partial").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_half_written_file_of_an_earlier_crash_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "x.json.partial").write_bytes(b"half of a much longer te")
    assert write_atomically(tmp_path / "x.json", b"whole").read_bytes() == b"whole"


def test_a_line_after_a_torn_one_stands_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append_line(path, "one")
    with path.open("ab") as file:
        file.write(b"tor")
    append_line(path, "zwei — 二")
    assert path.read_text(encoding="utf-8").splitlines() == ["one", "tor", "zwei — 二"]


def test_a_private_file_is_for_its_owner_alone_and_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for data in (b"first", b"second"):
        create_private(path, data)
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["key"]


def test_of_several_that_make_a_private_file_at_once_the_data_of_one_stands(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: create_private(tmp_path / "key", b"%d" % n * 1000), range(8)))
    assert len((tmp_path / "key").read_bytes()) == 1000
    assert [one.name for one in tmp_path.iterdir()] == ["key"]


def test_a_private_file_is_also_made_on_a_disk_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    create_private(tmp_path / "key", b"secret")
    assert (tmp_path / "key").read_bytes() == b"secret"
