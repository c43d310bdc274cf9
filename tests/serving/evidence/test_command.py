"""`regrade evidence`, and what `regrade store verify` says of evidence."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from regrade.serving.cli.main import build_app

pytestmark = pytest.mark.slow

FIRST_FORMAT = Path(__file__).parent / "files" / "first_format.json"


def run(*words: object) -> Result:
    return CliRunner().invoke(build_app(), [str(word) for word in words])


@pytest.fixture
def decided(site: Any) -> tuple[Any, str]:
    """A site with one inspection that was decided."""
    inspection = site.add()
    site.decide()
    return site, inspection


@pytest.fixture
def exported(decided: Any, tmp_path: Path) -> tuple[Any, Path, Path]:
    """The site, its evidence in a file, and its public key in another."""
    site, inspection = decided
    file, key = tmp_path / "evidence.json", tmp_path / "key.pem"
    assert run("evidence", "export", inspection, "--out", file, "--data-dir", site.data_dir).exit_code == 0
    key.write_text(run("evidence", "key", "--data-dir", site.data_dir).stdout)
    return site, file, key


def test_exported_evidence_is_verified_without_the_site(exported: Any) -> None:
    site, file, key = exported
    site.database.close()
    site.data_dir.rename(site.data_dir.with_name("elsewhere"))
    result = run("evidence", "verify", file, "--key", key)
    assert (result.exit_code, result.stdout.split(":")[0]) == (0, "SOUND")
    assert "graded used (40.0%), repackage by default@1" in result.stdout
    assert "reviewed by Ann: damaged" in result.stdout


@pytest.mark.parametrize("form", ["pem", "jwk", "base64", "jwks"])
def test_every_form_of_the_key_will_do(exported: Any, form: str) -> None:
    site, file, _ = exported
    key = run("evidence", "key", "--format", form, "--data-dir", site.data_dir).stdout.strip()
    assert run("evidence", "verify", file, "--key", key).exit_code == 0


def test_changed_evidence_is_not_sound(exported: Any) -> None:
    _, file, key = exported
    file.write_text(file.read_text().replace('"status": "reviewed"', '"status": "graded"'))
    result = run("evidence", "verify", file, "--key", key)
    assert (result.exit_code, result.stdout.split(":")[0]) == (1, "NOT SOUND")
    assert "its payload is not what its steps say" in result.stdout


def test_evidence_of_somebody_else_is_not_sound(exported: Any, make_site: Any) -> None:
    _, file, _ = exported
    other = make_site().signer.public_key.base64
    result = run("evidence", "verify", file, "--key", other)
    assert result.exit_code == 1
    assert "which is not known here" in result.stdout


def test_photos_are_compared_where_they_are_given(exported: Any, tmp_path: Path) -> None:
    site, file, key = exported
    photos = site.data_dir / "photos"
    assert run("evidence", "verify", file, "--key", key, "--photos", photos).exit_code == 0
    next(path for path in photos.rglob("*") if path.is_file()).write_bytes(b"another photo")
    result = run("evidence", "verify", file, "--key", key, "--photos", photos)
    assert (result.exit_code, "no file is photo 0" in result.stdout) == (1, True)


@pytest.mark.parametrize("wrong", ["file", "key", "photos", "nothing"])
def test_what_cannot_be_read_is_another_matter(exported: Any, tmp_path: Path, wrong: str) -> None:
    _, file, key = exported
    given = {"file": file, "key": key, "photos": tmp_path} | {wrong: tmp_path / "none"}
    (tmp_path / "none").write_text("nothing")
    if wrong == "nothing":
        given["file"] = tmp_path / "missing"
    result = run("evidence", "verify", given["file"], "--key", given["key"], "--photos", given["photos"])
    assert result.exception is not None
    assert type(result.exception).__name__ in ("BundleFormatError", "KeyFormatError", "RegradeError")


def test_old_evidence_is_verified_and_said_to_be_old() -> None:
    key = json.loads(FIRST_FORMAT.read_text())["signature"]["public_key"]
    result = run("evidence", "verify", FIRST_FORMAT, "--key", key)
    assert result.exit_code == 0
    assert "signed when it was read" in result.stdout


def test_what_the_api_answers_is_verified_as_it_is(exported: Any) -> None:
    """Members beside the signed ones are of now, and do not belong to it."""
    _, file, key = exported
    file.write_text(json.dumps({**json.loads(file.read_text()), "consistent": True, "differences": []}))
    assert run("evidence", "verify", file, "--key", key).exit_code == 0


def test_a_key_is_replaced_and_what_it_signed_stays_sound(exported: Any) -> None:
    site, file, old = exported
    assert run("evidence", "rotate", "--data-dir", site.data_dir).exit_code == 0
    new = run("evidence", "key", "--data-dir", site.data_dir).stdout
    assert new.strip() != old.read_text().strip()
    assert run("evidence", "verify", file, "--key", old).exit_code == 0
    assert run("evidence", "verify", file, "--key", new).exit_code == 1
    assert run("store", "verify", "--data-dir", site.data_dir).exit_code == 0


def test_a_store_as_it_was_signed_is_sound(decided: Any) -> None:
    site, _ = decided
    result = run("store", "verify", "--data-dir", site.data_dir)
    assert (result.exit_code, "3 signed steps, 0 findings" in result.stdout) == (0, True)


def test_a_store_that_was_changed_is_not(decided: Any) -> None:
    site, inspection = decided
    site.sql("UPDATE inspections SET rma = 'x'")
    result = run("store", "verify", "--data-dir", site.data_dir)
    assert result.exit_code == 1
    assert (
        f"tampered: changed-row: inspection {inspection}: inspection differs from what was signed: rma" in result.stdout
    )
    export = run("evidence", "export", inspection, "--data-dir", site.data_dir)
    assert (export.exit_code, "changed-row" in export.stderr) == (1, True)


def test_an_old_store_says_what_is_to_be_signed(old_site: Any) -> None:
    result = run("store", "verify", "--data-dir", old_site.data_dir)
    assert (result.exit_code, "3 inspections of before are not signed yet" in result.stdout) == (0, True)
    old_site.open()
    result = run("store", "verify", "--data-dir", old_site.data_dir)
    assert (result.exit_code, "3 inspections of before were signed later" in result.stdout) == (0, True)


def test_the_evidence_of_an_unknown_inspection_is_not_exported(site: Any) -> None:
    result = run("evidence", "export", "nothing", "--data-dir", site.data_dir)
    assert type(result.exception).__name__ == "NotFoundError"


def test_a_folder_without_an_installation_is_said_to_have_none(tmp_path: Path) -> None:
    for words in (["export", "x"], ["key"], ["rotate"]):
        assert "There is no installation" in str(run("evidence", *words, "--data-dir", tmp_path).exception)
