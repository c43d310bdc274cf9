"""Golden photos come out as the bundles say they should, or FP32 runs and says why."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from regrade.models.errors import BundleError
from regrade.models.golden import FILE, compare, outputs, photos, proven, stored
from regrade.models.grader import Grader
from regrade.models.registry.bundle import SHARED, sha256, shipped_root


@pytest.fixture(scope="module")
def grader() -> Grader:
    return Grader.load()


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """The release's active bundles, where packaging's golden INT8 features are those of another photo."""
    root = copied(tmp_path)
    rewrite(root, lambda entry: entry["int8"]["carton.jpg"].update(features=entry["int8"]["shirt.jpg"]["features"]))
    return root


def copied(folder: Path) -> Path:
    for name in ("_router", "packaging"):
        active = (shipped_root() / name / "ACTIVE").read_text("utf-8").strip()
        shutil.copytree(shipped_root() / name / active, folder / name / active)
        (folder / name / "ACTIVE").write_text(active, encoding="utf-8")
    (folder / SHARED).symlink_to(shipped_root() / SHARED)
    return folder


def rewrite(root: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    """Change the golden file of packaging, and the manifest with it."""
    (folder,) = (path.parent for path in root.glob("packaging/*/manifest.json"))
    entry = json.loads((folder / FILE).read_text("utf-8"))
    change(entry)
    (folder / FILE).write_text(json.dumps(entry), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["files"][FILE] = sha256((folder / FILE).read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def load(root: Path) -> Callable[[str], Grader]:
    return lambda precision: Grader.load(root, precision=precision)


def test_shipped_bundles_see_golden_photos_as_they_say(grader: Grader) -> None:
    found = compare(grader)
    assert set(found.bundles) == {"_router", *grader.categories}
    assert found.passed
    assert found.cosine > 0.999


def test_int8_sees_golden_photos_almost_as_fp32_does(grader: Grader) -> None:
    for bundle in grader.bundles.values():
        rounded, exact = stored(bundle, "int8"), stored(bundle, "fp32")
        for name in rounded:
            a, b = rounded[name].features.astype(float), exact[name].features.astype(float)
            assert a @ b / (a @ a * (b @ b)) ** 0.5 > 0.99


def test_golden_photos_pass_the_quality_gate(grader: Grader) -> None:
    assert len(photos()) == 3
    assert all(grader.look(photo).quality.ok for photo in photos().values())


def test_fp32_runs_where_a_golden_photo_comes_out_wrong(spoilt: Path) -> None:
    used = proven(load(spoilt), "int8")
    assert (used.arithmetic.precision, used.arithmetic.fallen_back) == ("fp32", True)
    assert "golden photos come out wrong, features at cosine 0." in str(used.arithmetic)
    assert used.golden is not None
    assert not used.golden.passed
    assert set(used.kernels().values()) == {"fp32"}


def test_what_comes_out_right_is_run_as_it_was_asked_for(tmp_path: Path) -> None:
    used = proven(load(copied(tmp_path)), "int8")
    assert used.arithmetic.precision == "int8"
    assert used.golden is not None
    assert used.golden.passed


def test_bundles_that_say_nothing_are_compared_with_nothing(tmp_path: Path) -> None:
    root = copied(tmp_path)
    rewrite(root, dict.clear)
    assert compare(Grader.load(root)).bundles == ("_router",)


def test_a_golden_file_that_is_not_understood_is_named(tmp_path: Path) -> None:
    root = copied(tmp_path)
    rewrite(root, lambda entry: entry["int8"]["carton.jpg"].pop("features"))
    with pytest.raises(BundleError, match=r"golden\.json is not understood"):
        compare(Grader.load(root))


def test_outputs_survive_being_written(grader: Grader) -> None:
    one = outputs(grader, ["packaging"])["carton.jpg"]["packaging"]
    again = type(one).from_json(json.loads(json.dumps(one.to_json())))
    assert (again.features == one.features).all()
    assert again.probabilities == pytest.approx(one.probabilities, abs=1e-5)
