import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from regrade.models.errors import RegradeError
from regrade.serving.access.keys import KeyStore
from regrade.serving.base.settings import Settings
from regrade.serving.cli.main import build_app
from regrade.serving.installation.data_dir import open_database
from tests.commands import run_command

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: object) -> str:
    """What the command prints on standard output; its errors are raised."""
    return run_command(*arguments).stdout


def keys_in(data_dir: Path) -> KeyStore:
    return KeyStore(open_database(Settings(_env_file=None, data_dir=data_dir)))


def test_a_new_key_is_all_that_is_printed(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("regrade")
    printed = subprocess.run(
        [command, "keys", "create", "--data-dir", "data", "--role", "reviewer", "--name", "Ann"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    key = keys_in(tmp_path / "data").authenticate(printed.removesuffix("\n"))
    assert key is not None
    assert (key.role, key.name) == ("reviewer", "Ann")


def test_an_unknown_role_lists_the_legal_ones() -> None:
    with pytest.raises(RegradeError, match="station, reviewer, engineer, admin"):
        run("keys", "create", "--data-dir", "data", "--role", "boss")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101])
def test_an_unprintable_name_is_refused(name: str) -> None:
    with pytest.raises(RegradeError, match="1 to 100 printable"):
        run("keys", "create", "--data-dir", "data", "--role", "admin", "--name", name)


def test_keys_are_listed_without_their_secrets() -> None:
    token = run("keys", "create", "--data-dir", "data", "--role", "station", "--name", "bench 3").strip()
    listed = run("keys", "list", "--data-dir", "data")
    assert token.split("_")[1] in listed
    assert "bench 3" in listed
    assert token.split("_", 2)[2] not in listed


def test_names_with_brackets_are_text_in_every_list() -> None:
    odd = "n[/x] [red]me"
    for kind in ("keys", "people"):
        name = ("--name", odd) if kind == "keys" else (odd,)
        verb = "create" if kind == "keys" else "add"
        run(kind, verb, *name, "--data-dir", "data", "--role", "seller", "--seller", "s[/y]")
    run("stations", "add", odd, "--data-dir", "data")
    for kind in ("keys", "people", "stations"):
        listed = "".join(run(kind, "list", "--data-dir", "data").split())
        assert "n[/x]" in listed, kind


def test_a_revoked_key_says_so_and_cannot_be_revoked_again() -> None:
    key_id = run("keys", "create", "--data-dir", "data", "--role", "station").split("_")[1]
    run("keys", "revoke", key_id, "--data-dir", "data")
    with pytest.raises(RegradeError, match=key_id):
        run("keys", "revoke", key_id, "--data-dir", "data")


def test_a_key_made_while_the_service_runs_works_at_once(service: Any) -> None:
    token = run("keys", "create", "--data-dir", service.settings.data_dir, "--role", "station").strip()
    assert service.with_key(token).get("/v1/inspections").status_code == 200


def test_verify_reports_a_sound_store(service: Any, photo: bytes) -> None:
    service.post([photo])
    assert "1 inspections with 1 different photos" in run("store", "verify", "--data-dir", service.settings.data_dir)


def test_verify_fails_for_a_missing_photo(service: Any, photo: bytes) -> None:
    service.post([photo])
    service.files()[0].unlink()
    result = CliRunner().invoke(build_app(), ["store", "verify", "--data-dir", str(service.settings.data_dir)])
    assert result.exit_code == 1
    assert f"missing photo: {hashlib.sha256(photo).hexdigest()}" in result.stdout


def test_verify_says_which_returns_have_lost_a_photo(service: Any, photo: bytes) -> None:
    ids = [service.post([photo], {"rma": rma}).json()["id"] for rma in ("RMA-7", "RMA-8")]
    service.files()[0].write_bytes(b"other")
    result = CliRunner().invoke(build_app(), ["store", "verify", "--data-dir", str(service.settings.data_dir)])
    for inspection, rma in zip(ids, ("RMA-7", "RMA-8"), strict=True):
        assert f"photo 0 of inspection {inspection}, RMA {rma}\n" in result.stdout


@pytest.mark.parametrize("arguments", [("list",), ("revoke", "abc")])
def test_keys_of_no_installation_make_none(arguments: tuple[str, ...]) -> None:
    with pytest.raises(RegradeError, match="There is no installation in nowhere"):
        run("keys", *arguments, "--data-dir", "nowhere")
    assert not Path("nowhere").exists()


def test_what_is_kept_is_for_its_owner_alone(serve: Any, tmp_path: Path) -> None:
    data = tmp_path / "new"
    serve(data)
    assert data.stat().st_mode & 0o777 == 0o700
    kept = [*data.glob("regrade.db*"), *(data / "keys").iterdir()]
    assert len(kept) >= 2
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_fixing_wants_the_service_to_be_off(service: Any) -> None:
    with pytest.raises(RegradeError, match="already using"):
        run("store", "verify", "--fix", "--data-dir", service.settings.data_dir)


def test_fixing_removes_what_nobody_needs(service: Any, photo: bytes) -> None:
    service.post([photo])
    killed = service.runtime.photos.staging / "of a process that was killed"
    killed.mkdir()
    (killed / "half").write_bytes(b"left")
    service.stop()
    assert "removed 0 orphans and 1 leftovers" in run(
        "store", "verify", "--fix", "--data-dir", service.settings.data_dir
    )
    assert len(service.files()) == 1


def test_verify_of_no_directory_says_so() -> None:
    with pytest.raises(RegradeError, match="There is no data directory"):
        run("store", "verify", "--data-dir", "nowhere")


def test_help_lists_every_setting() -> None:
    text = " ".join(run("serve", "--help").split())
    for name in Settings.model_fields:
        assert f"REGRADE_{name.upper()}" in text


def test_serving_with_unsafe_settings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_MAX_PHOTOS", "0")
    with pytest.raises(RegradeError, match="REGRADE_MAX_PHOTOS"):
        run("serve", "--data-dir", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_models_are_listed(grader: Any) -> None:
    table = run("models", "list")
    for bundle in grader.describe():
        assert bundle.category in table
        assert bundle.version in table
    assert {one["category"] for one in json.loads(run("models", "list", "--json"))} == {*grader.categories, "_router"}


def test_a_service_that_cannot_start_says_why_in_one_line(service: Any) -> None:
    command = [
        Path(sys.executable).with_name("regrade"),
        "serve",
        "--port",
        "0",
        "--data-dir",
        service.settings.data_dir,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "already using the data directory" in done.stderr
    assert "Traceback" not in done.stderr
