"""`regrade stations` and `regrade people`: a site that is set up without a browser."""

from pathlib import Path

import pytest

from regrade.models.errors import RegradeError
from regrade.serving.access.entrance import Entrance
from regrade.serving.base.settings import Settings
from regrade.serving.installation.data_dir import open_database
from tests.commands import run_command

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def entrance() -> Entrance:
    return Entrance.open(open_database(Settings(_env_file=None)), Path("data"))


def run(*arguments: object) -> str:
    return run_command(*arguments).stdout


def test_a_station_is_made_paired_renamed_and_revoked() -> None:
    assert "Made LA-07." in run("stations", "add", "LA-07")
    code = run("stations", "pair", "la-07", "--qr").strip()
    token, station = entrance().stations.pair(code, "192.0.2.7", "")
    assert (token[:3], station.name) == ("rg_", "LA-07")
    run("stations", "rename", "LA-07", "LA-70")
    assert "paired" in run("stations", "list")
    run("stations", "revoke", "LA-70")
    assert "revoked" in run("stations", "list")


def test_a_person_is_made_invited_and_disabled() -> None:
    run("people", "add", "Ann Li", "--role", "reviewer", "--expires", "2030-01-01")
    code = run("people", "invite", "ann li").strip()
    assert entrance().sign_in.invited(code).name == "Ann Li"
    assert "Ann Li is disabled." in run("people", "revoke", "Ann Li")
    assert "Ann Li is new." in run("people", "enable", "Ann Li")
    assert "2030-01-01" in run("people", "list")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("stations", "add", "x" * 65), "at most 64"),
        (("stations", "pair", "nothing"), "no station nothing"),
        (("people", "add", "Ann", "--role", "station"), "Unknown role"),
        (("people", "invite", "Ann"), "no person Ann"),
    ],
)
def test_what_cannot_be_is_said(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(RegradeError, match=said):
        run(*command)
