"""The examples of docs/examples run as they are, each by the program that it was written for."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
COMMANDS = {"inspect.sh": ["sh"], "inspect.py": [sys.executable, "-P"], "inspect.mjs": ["node"]}


def run(service: Any, name: str, photos: list[Path], key: str) -> subprocess.CompletedProcess[str]:
    needed = {"inspect.sh": "curl", "inspect.mjs": "node"}.get(name)
    if needed is not None and shutil.which(needed) is None:
        pytest.skip(f"{needed} is not installed")
    environment = os.environ | {"REGRADE_URL": service.url, "REGRADE_KEY": key, "RMA": f"RMA-{name}"}
    command = [*COMMANDS[name], str(EXAMPLES / name), *map(str, photos)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_every_example_is_run_here() -> None:
    assert {file.name for file in EXAMPLES.iterdir() if file.is_file()} == set(COMMANDS)


@pytest.mark.slow
def test_each_has_an_item_graded_once_and_says_what_is_wrong(service: Any, photo: bytes, tmp_path: Path) -> None:
    photos = [tmp_path / "a photo.jpg", tmp_path / "2.jpg"]
    for path in photos:
        path.write_bytes(photo)
    for number, name in enumerate(COMMANDS):
        key = service.key("station", name)
        first, again = (run(service, name, photos, key) for _ in range(2))
        assert (first.returncode, first.stderr) == (0, ""), name
        told = json.loads(first.stdout)
        assert (told["item"]["rma"], len(told["photos"])) == (f"RMA-{name}", 2)
        assert json.loads(again.stdout)["id"] == told["id"]
        assert service.runtime.inspections.count() == number + 1
        refused = run(service, name, photos, "rg_wrong")
        assert refused.returncode != 0
        assert "401" in refused.stdout + refused.stderr
