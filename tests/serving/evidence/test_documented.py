"""`serving/EVIDENCE.md` says how evidence is checked with other people's code: it works as it stands there."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = (Path(__file__).parents[3] / "serving" / "EVIDENCE.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)


@pytest.fixture
def folder(site: Any, tmp_path: Path) -> Path:
    """A folder with what somebody is given who is to check it."""
    inspection = site.add()
    site.decide()
    (tmp_path / "evidence.json").write_text(json.dumps(site.evidence(inspection).bundle))
    (tmp_path / "key.pem").write_text(site.signer.public_key.pem)
    return tmp_path


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", EXAMPLE], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_stock_library_checks_it_in_ten_lines(folder: Path) -> None:
    done = run(folder)
    assert done.returncode == 0, done.stderr
    told = [line.split()[1:] for line in done.stdout.splitlines()]
    assert told == [["graded", "needs_review"], ["reviewed", "reviewed"]]


@pytest.mark.parametrize("change", ["jws", "order", "left out"])
def test_a_stock_library_finds_what_was_changed(folder: Path, change: str) -> None:
    file = folder / "evidence.json"
    bundle = json.loads(file.read_text())
    first, second = bundle["steps"]
    changed = {"jws": [first.replace(".eyJ", ".eyK"), second], "order": [second, first], "left out": [second]}
    file.write_text(json.dumps({**bundle, "steps": changed[change]}))
    assert run(folder).returncode == 1


def test_every_kind_of_step_is_described(old_site: Any) -> None:
    old_site.open()
    old_site.add()
    for row in old_site.all("SELECT DISTINCT kind FROM evidence_steps"):
        assert f"| `{row.kind}` |" in DOCUMENT
