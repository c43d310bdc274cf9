"""A backup that went bad says so; a restore takes all or nothing, and only into an empty folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regrade.models.errors import RegradeError
from regrade.serving.base.errors import BackupError, DataDirError
from regrade.serving.installation.backup.make import make_backup
from regrade.serving.installation.backup.repository import Repository
from regrade.serving.installation.backup.restore import restore
from tests.serving.storage.backups import newest, run, settings, verified


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["database", "key", "photo", "list", "manifest"])
@pytest.mark.parametrize("harm", [flip, Path.unlink])
def test_a_backup_that_went_bad_says_so_and_is_not_restored(
    data: Path, out: Path, tmp_path: Path, what: str, harm: Any
) -> None:
    make_backup(settings(data), out)
    manifest = newest(out)
    photo = next(iter(Repository(out, write=False).listed(manifest)))
    harmed = {
        "database": manifest.files["regrade.db"],
        "key": manifest.files["keys/sampling.key"],
        "photo": photo,
        "list": manifest.photos.listed,
    }
    one = harmed.get(what)
    snapshot = out / "snapshots" / f"{manifest.snapshot}.json"
    harm(snapshot if one is None else out / "objects" / one.sha256[:2] / one.sha256)
    assert run("backup", "verify", out, code=1)
    with pytest.raises(BackupError, match=r"damaged|missing|cannot be read|no snapshot"):
        run("restore", out, "--data-dir", tmp_path / "new")
    assert not (tmp_path / "new").exists() or list((tmp_path / "new").iterdir()) == []


def test_with_a_damaged_photo_the_rest_can_be_had(data: Path, out: Path, tmp_path: Path) -> None:
    make_backup(settings(data), out)
    photo = next(iter(Repository(out, write=False).listed(newest(out))))
    flip(out / "objects" / photo.sha256[:2] / photo.sha256)
    assert photo.sha256 in run("restore", out, "--data-dir", tmp_path / "new", "--skip-damaged", code=1)
    assert verified(tmp_path / "new").missing == (photo.sha256,)


def test_a_sound_backup_is_found_sound(data: Path, out: Path) -> None:
    make_backup(settings(data), out)
    assert "1 snapshots" in run("backup", "verify", out)


def test_a_restore_that_was_cut_short_is_not_served(data: Path, out: Path, tmp_path: Path) -> None:
    make_backup(settings(data), out)
    restore(out, tmp_path / "new")
    (tmp_path / "new" / "restore-unfinished").write_text("")
    for words in (["keys", "list"], ["serve", "--port", "0"]):
        with pytest.raises(DataDirError, match="was cut short"):
            run(*words, "--data-dir", tmp_path / "new")
    with pytest.raises(BackupError, match="was cut short"):
        restore(out, tmp_path / "new")


def test_only_an_empty_folder_is_restored_into(data: Path, out: Path, tmp_path: Path) -> None:
    make_backup(settings(data), out)
    before = sorted(data.rglob("*"))
    with pytest.raises(BackupError, match="is not empty"):
        run("restore", out, "--data-dir", data)
    assert sorted(data.rglob("*")) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError, match="is a file"):
        run("restore", out, "--data-dir", tmp_path / "file")


def test_places_that_make_no_sense_are_refused(data: Path, out: Path, tmp_path: Path) -> None:
    for nested in (data / "backups", data, data.parent):
        with pytest.raises(BackupError, match="lie in each other"):
            run("backup", nested, "--data-dir", data)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("")
    with pytest.raises(BackupError, match="neither empty nor a backup folder"):
        run("backup", tmp_path / "other", "--data-dir", data)
    for words in (("restore", tmp_path / "other", "--data-dir", out), ("backup", "verify", tmp_path / "other")):
        with pytest.raises(BackupError, match="no backup folder"):
            run(*words)
    with pytest.raises(RegradeError, match="There is no database"):
        run("backup", out, "--data-dir", tmp_path / "nowhere")


def test_a_backup_of_a_newer_version_is_refused_in_words(data: Path, out: Path, tmp_path: Path) -> None:
    make_backup(settings(data), out)
    one = newest(out)
    newer = replace(one, schema="9999", regrade="7.2.0")
    (out / "snapshots" / f"{one.snapshot}.json").write_bytes(newer.dump())
    with pytest.raises(BackupError, match=r"newer regrade, 7\.2\.0"):
        restore(out, tmp_path / "new")
    document = json.loads(newer.dump()) | {"format": "regrade-backup/2"}
    (out / "snapshots" / f"{one.snapshot}.json").write_text(json.dumps(document))
    with pytest.raises(BackupError, match="regrade-backup/2"):
        make_backup(settings(data), out)  # which would have to know what that snapshot needs
