"""What an installation keeps is for its owner alone, whatever the umask, and what was left open is closed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from regrade.serving.cli.data.store import verify
from regrade.serving.storage import private

pytestmark = pytest.mark.sqlite_only


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(data: Path) -> dict[str, int]:
    return {str(path.relative_to(data)): path.stat().st_mode & 0o777 for path in [data, *data.rglob("*")]}


def loosen(data: Path) -> None:
    for path in [data, *data.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_all_that_is_kept_is_for_its_owner_alone(umask: None, serve: Any, tmp_path: Path, render_photo: Any) -> None:
    data = tmp_path / "deep" / "data"
    service = serve(data)
    made = service.post([render_photo(0, size=(1600, 1200)), render_photo(1, kind="AVIF")]).json()
    for query in ("", "?width=96"):
        assert service.client.get(f"/v1/inspections/{made['id']}/photos/1{query}").status_code == 200
    found = modes(data)
    assert {name: mode for name, mode in found.items() if mode not in (0o600, 0o700)} == {}
    assert {name for name, mode in found.items() if mode == 0o700} == {name for name in found if (data / name).is_dir()}
    assert sum(name.startswith("photos/") and mode == 0o600 for name, mode in found.items()) == 2
    assert sum(name.startswith("cache/") and mode == 0o600 for name, mode in found.items()) == 2


def test_an_installation_that_was_open_is_closed_at_its_next_start(serve: Any, tmp_path: Path, photo: bytes) -> None:
    data = tmp_path / "data"
    service = serve(data)
    service.post([photo])
    service.stop()
    (data / ".private").unlink()  # as an earlier version left it
    loosen(data)
    serve(data).stop()  # which waits for what was begun beside it
    assert list(private.open_to_others(data)) == []


def test_files_are_gone_through_once_and_folders_at_every_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "photos" / "ab").mkdir(parents=True)
    (data / "photos" / "ab" / "photo").write_bytes(b"")
    loosen(data)
    private.mend(data)
    assert list(private.open_to_others(data, thoroughly=False)) == []
    assert private.mend_thoroughly(data) == 2  # the folder of the photo, and the photo
    (data / "photos" / "ab" / "photo").chmod(0o644)
    assert private.mend_thoroughly(data) == 0


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "photos").mkdir(parents=True)
    (data / "policy.yaml").write_text("")
    (data / "photos" / "link").symlink_to(data / "policy.yaml")
    loosen(data)
    private.mend(data)
    private.mend_thoroughly(data)
    assert modes(data)["policy.yaml"] == 0o644


def test_a_folder_that_everybody_may_write_to_stays_so(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    private.mend(tmp_path / "shared")
    assert (tmp_path / "shared").stat().st_mode & 0o7777 == 0o1777


def test_verify_tells_what_is_open_and_fixes_it(service: Any, photo: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    data = service.settings.data_dir
    service.post([photo])
    service.stop()
    [stored] = service.files()
    stored.chmod(0o644)
    with pytest.raises(typer.Exit):
        verify(data)
    assert f"open to others: {stored}" in capsys.readouterr().out
    verify(data, fix=True)
    verify(data)
    assert stored.stat().st_mode & 0o777 == 0o600
