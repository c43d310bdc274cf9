"""A service whose networks see golden photos otherwise than they should runs FP32, and says so everywhere."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from regrade.models.golden import FILE
from regrade.models.grader import Grader
from regrade.models.registry.bundle import load_bundle, sha256
from regrade.models.registry.store import BundleStore
from regrade.serving.grading.graders import Graders
from regrade.serving.rubric.in_force import SiteRules


@pytest.fixture
def spoilt(two_versions: Path) -> Path:
    """Bundles of which packaging's says that INT8 is surer than it can be."""
    folder = load_bundle(two_versions, "packaging").folder
    golden = json.loads((folder / FILE).read_text("utf-8"))
    golden["int8"]["carton.jpg"]["probabilities"] = {"unopened": 2.0}
    (folder / FILE).write_text(json.dumps(golden), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][FILE] = sha256((folder / FILE).read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return two_versions


@pytest.fixture
def started(spoilt: Path) -> Grader:
    """What a service starts with on them."""
    graders = Graders(BundleStore(base=spoilt), "int8", SiteRules.read())
    try:
        return asyncio.run(graders.start())
    finally:
        graders.close()


def test_it_runs_fp32_and_says_so_in_log_metrics_and_models(
    serve: Any, started: Grader, capfd: pytest.CaptureFixture[str]
) -> None:
    service = serve(grader=started)
    assert "networks: FP32 in place of INT8: golden photos come out wrong" in capfd.readouterr().err
    used = service.client.get("/v1/models").json()["arithmetic"]
    assert (used["precision"], used["kernels"], used["golden"]["passed"]) == ("fp32", "fp32", False)
    assert used["golden"]["shift"] > 0.5
    text = service.client.get("/metrics").text
    assert 'regrade_arithmetic_info{kernels="fp32",precision="fp32"} 1.0' in text
    assert "regrade_golden_photos_passed 0.0" in text


def test_it_grades_by_the_fp32_networks(started: Grader) -> None:
    bundle = started.bundles["packaging"]
    assert started.kernels()[bundle.backbones["fp32"]] == "fp32"
    assert bundle.backbones["int8"] not in started.kernels()


def test_all_is_well_with_what_is_shipped(service: Any) -> None:
    used = service.client.get("/v1/models").json()["arithmetic"]
    assert used["golden"]["passed"]
    assert used["golden"]["cosine"] > 0.99
    assert set(used["golden"]["bundles"]) == {"_router", "apparel", "electronics", "footwear", "packaging"}
    text = service.client.get("/metrics").text
    assert "regrade_golden_photos_passed 1.0" in text
    assert 'regrade_cpu_info{instructions="' in text
