"""What the service tells those who adapt heads by its decisions, and what it writes down of it."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from regrade.labeling.versions import decisions
from regrade.serving.cli.data import audit

COMMAND = "from regrade.serving.cli.main import main; main()"


def test_money_is_what_the_policy_in_force_says(service: Any) -> None:
    told = decisions.recoveries(service.settings.data_dir, "packaging")
    assert told is not None
    assert told["currency"] == "USD"
    assert told["recoveries"]["unopened"]["relist"] > told["recoveries"]["damaged"]["relist"]


@pytest.mark.slow
def test_a_run_beside_the_service_leaves_a_line_in_the_audit_trail_for_each_category(service: Any) -> None:
    where = str(service.settings.data_dir)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", COMMAND, "adapt", "--all", "--json", "--data-dir", where]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert {one["kind"] for one in json.loads(done.stdout)} == {"too_few"}
    shown = typer.Typer()
    shown.callback()(lambda: None)
    audit.register(shown)
    printed = CliRunner().invoke(shown, ["audit", "--json", "--data-dir", where], catch_exceptions=False).stdout
    lines = [line for line in map(json.loads, printed.splitlines()) if line["action"] == "adapt"]
    assert [line["detail"]["category"] for line in lines] == ["apparel", "electronics", "footwear", "packaging"]


def test_the_command_needs_no_library_of_training() -> None:
    blocked = ("onnx", "scipy", "sklearn", "torch", "cv2", "imagehash")
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
    code += "import regrade.labeling.adapt.adapting, regrade.labeling.adapt.cli"
    subprocess.run([sys.executable, "-c", code], timeout=120, check=True)
