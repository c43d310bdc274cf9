"""`regrade webhooks`: made, listed, turned, sent again and removed at this machine's command line."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from regrade.serving.cli.main import build_app
from regrade.serving.storage import private


@pytest.fixture
def regrade(tmp_path: Path, migrated: Path) -> Any:
    """Runs a command on an installation."""
    folder = tmp_path / "data"
    folder.mkdir(private.FOLDER)
    shutil.copy(migrated, folder / "regrade.db")

    def run(*words: str, fails: bool = False) -> str:
        result = CliRunner().invoke(build_app(), ["webhooks", *words, "--data-dir", str(folder)])
        assert (result.exit_code != 0) is fails, result.output
        return str(result.exception) if fails else result.output

    return run


def test_a_webhook_is_made_and_its_secret_shown_once(regrade: Any) -> None:
    made, secret = regrade("add", "https://wms.example.com/hooks", "--event", "inspection.decided").split()
    assert secret.startswith("whsec_")
    listed = regrade("list")
    assert made[:8] in listed
    assert "inspection.decided" in listed
    assert secret not in listed
    assert regrade("rotate", made).strip() != secret
    assert "Paused" in regrade("pause", made)
    assert "paused" in regrade("list")
    assert "Resumed" in regrade("resume", made)
    assert regrade("replay", made, "--since", "2026-01-01") == "0 events are looked through again.\n"
    assert regrade("deliveries", made) == ""
    assert "Removed" in regrade("remove", made)
    assert made[:8] not in regrade("list")


def test_what_cannot_be_is_refused_in_words(regrade: Any) -> None:
    assert "public address" in regrade("add", "https://127.0.0.1/", fails=True)
    assert "Legal values" in regrade("add", "https://a.example", "--event", "lost", fails=True)
    assert "There is no webhook x" in regrade("rotate", "x", fails=True)
    assert "There is no webhook x" in regrade("retry", "x", "7", fails=True)


def test_an_adapter_is_listed_printed_and_used_once_all_it_needs_is_there(
    regrade: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [line.split()[0] for line in regrade("adapter").splitlines()] == ["aftership", "loop"]
    assert "grade_a" in regrade("adapter", "loop")
    assert "There is no adapter 'lop'" in regrade("add", "--adapter", "lop", fails=True)
    assert "loop.secret" in regrade("add", "--adapter", "loop", fails=True)
    (tmp_path / "data" / "keys" / "loop.secret").write_text("key\n")
    assert "REGRADE_PUBLIC_URL" in regrade("add", "--adapter", "loop", fails=True)
    monkeypatch.setenv("REGRADE_PUBLIC_URL", "https://grade.example.com")
    made = regrade("add", "--adapter", "loop").strip()
    (listed,) = regrade("list").splitlines()
    assert made in listed
    assert "https://api.loopreturns.com/api/v1" in listed
    assert "adapter=loop" in listed
    assert "key" not in listed
    assert "word: a gap" in regrade("add", "--adapter", "aftership", fails=True)
    assert "Name the address" in regrade("add", fails=True)
