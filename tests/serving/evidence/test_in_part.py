"""Evidence of which what is personal is withheld, as sellers are given it."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from regrade.serving.cli.main import build_app
from regrade.serving.evidence.read import read_evidence


def test_the_command_checks_a_bundle_in_part_and_says_that_it_is_one(site: Any, tmp_path: Path) -> None:
    inspection = site.add()
    site.decide()
    found = read_evidence(site.database, site.signer, inspection, disclosed={"rma", "seller"})
    file, key = tmp_path / "evidence.json", tmp_path / "key.pem"
    key.write_text(site.signer.public_key.pem)
    file.write_text(json.dumps(found.bundle))
    told = CliRunner().invoke(build_app(), ["evidence", "verify", str(file), "--key", str(key)])
    assert (told.exit_code, "SOUND: inspection" in told.stdout, "In part: " in told.stdout) == (0, True, True)
    assert "reviewed by key " in told.stdout
    file.write_text(json.dumps({name: value for name, value in found.bundle.items() if name != "audience"}))
    told = CliRunner().invoke(build_app(), ["evidence", "verify", str(file), "--key", str(key)])
    assert (told.exit_code, "withheld-field" in told.stdout) == (1, True)
