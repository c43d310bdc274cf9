"""`regrade doctor` says what runs here and why, and exits with 1 where something stands in the way."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.models.registry.bundle import shipped_root
from regrade.serving.cli import doctor
from regrade.serving.cli.checks.clock import look_at_clock


def examined(*arguments: object) -> tuple[int, dict[str, Any]]:
    app = typer.Typer()
    app.callback()(lambda: None)
    doctor.register(app)
    done = CliRunner().invoke(app, ["doctor", "--json", *map(str, arguments)])
    return done.exit_code, {check["name"]: check for check in json.loads(done.stdout)}


def test_all_is_well_on_a_fresh_machine(tmp_path: Path) -> None:
    code, found = examined("--data-dir", tmp_path / "data")
    assert code == 0
    of_the_machine = {found.pop(name)["state"] for name in ("clock", "a photo")}  # its time server, its speed
    assert "failing" not in of_the_machine
    assert {check["state"] for check in found.values()} == {"ok"}
    assert {
        "cpu",
        "arithmetic",
        "backbone",
        "detector",
        "golden photos",
        "data directory",
        "disk",
        "database",
    } <= set(found)
    assert found["arithmetic"]["detail"].startswith("INT8 by U8S8 kernels")
    assert "cosine" in found["golden photos"]["detail"]
    assert not (tmp_path / "data").exists()


def test_a_spoilt_bundle_that_grades_is_failing(tmp_path: Path) -> None:
    root = tmp_path / "bundles"
    shutil.copytree(shipped_root(), root)
    active = (root / "footwear" / "ACTIVE").read_text("utf-8").strip()
    (root / "footwear" / active / "head.onnx").write_bytes(b"spoilt")
    code, found = examined("--data-dir", tmp_path / "data", "--bundles", root)
    assert code == 1
    assert found[f"bundle footwear {active}"]["state"] == "failing"
    assert "head.onnx is not the file" in found["networks"]["detail"]


def test_a_folder_open_to_others_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    code, found = examined("--data-dir", folder)
    assert (code, found["data directory"]["state"]) == (0, "warning")


def test_a_full_disk_is_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGRADE_DISK_RESERVE", str(2**60))
    code, found = examined("--data-dir", tmp_path / "data")
    assert (code, found["disk"]["state"]) == (1, "failing")


def test_a_running_service_is_looked_at_where_it_is(service: Any) -> None:
    code, found = examined("--data-dir", service.settings.data_dir, "--url", service.url)
    assert code == 0
    assert found["service"]["detail"].endswith(": ok")
    assert found["service's clock"]["state"] == "ok"
    assert found["tls"]["state"] == "warning"
    assert found["database"]["detail"].startswith("sqlite, answers")


def test_a_database_that_is_none_is_failing(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(0o700)
    (tmp_path / "data" / "regrade.db").write_bytes(b"no database" * 500)
    code, found = examined("--data-dir", tmp_path / "data")
    assert (code, found["database"]["state"]) == (1, "failing")


def test_a_clock_that_has_gone_back_is_failing(tmp_path: Path) -> None:
    (tmp_path / "regrade.db").touch()
    os.utime(tmp_path / "regrade.db", (2**32, 2**32))
    assert [check.state for check in look_at_clock(tmp_path)] == ["failing"]
