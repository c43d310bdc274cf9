"""Bundles: written wholly or not at all, immutable, and never loaded when a byte is off."""

import json
import shutil
from pathlib import Path

import pytest

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.registry.bundle import (
    ROUTER,
    active_version,
    installed_categories,
    load_bundle,
    shipped_root,
    versions,
)
from regrade.models.registry.changes import activate
from regrade.models.registry.files import NewDetector, install_bundle, write_bundle
from regrade.models.registry.store import BundleStore


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the shipped bundles that a test may spoil."""
    return Path(shutil.copytree(shipped_root(), tmp_path / "bundles"))


def folder_of(root: Path, category: str = "packaging") -> Path:
    return root / category / active_version(root, category)


def copy_as(root: Path, version: str, detector: NewDetector | None = None) -> None:
    """Write the active packaging bundle anew under another version, with this detector."""
    old = load_bundle(root, "packaging")
    names = ("head.onnx", "calibration.json", "metrics.json", "card.md")
    write_bundle(
        root,
        "packaging",
        version,
        files={name: (old.folder / name).read_bytes() for name in names},
        backbones={p: old.backbone_path(p).read_bytes() for p in old.backbones},
        labels=old.labels,
        defects=old.defects,
        input_side=old.input_side,
        detector=detector,
    )


def test_the_shipped_bundles_cover_the_four_categories() -> None:
    assert installed_categories(shipped_root()) == ("apparel", "electronics", "footwear", "packaging")


def test_every_shipped_bundle_loads_and_has_a_card_with_licences() -> None:
    for category in installed_categories(shipped_root()):
        bundle = load_bundle(shipped_root(), category)
        assert bundle.labels == ("unopened", "opened", "used", "damaged")
        assert "## Data and licences" in bundle.card
        assert bundle.metrics["test"]["macro_f1"]["n"] > 0


def test_shipped_bundles_hold_no_path_of_the_machine_they_were_made_on() -> None:
    for file in shipped_root().rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"/home/" not in content
            assert b"site-packages" not in content


@pytest.mark.parametrize("name", ["head.onnx", "calibration.json", "metrics.json", "card.md"])
def test_a_changed_file_is_never_loaded(root: Path, name: str) -> None:
    file = folder_of(root) / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(BundleError, match=name):
        load_bundle(root, "packaging")


def test_a_changed_backbone_stops_the_grader(root: Path) -> None:
    backbone = load_bundle(root, ROUTER).backbone_path("int8")
    backbone.write_bytes(backbone.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match="not the file that its manifest names"):
        Grader.load(root)


def test_a_missing_file_is_named(root: Path) -> None:
    (folder_of(root) / "head.onnx").unlink()
    with pytest.raises(BundleError, match=r"head\.onnx is missing"):
        load_bundle(root, "packaging")


def test_a_manifest_of_a_later_format_is_refused(root: Path) -> None:
    path = folder_of(root) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(BundleError, match="format 99"):
        load_bundle(root, "packaging")


def test_a_bundle_moved_to_another_category_is_refused(root: Path) -> None:
    version = active_version(root, "packaging")
    shutil.rmtree(root / "footwear" / version, ignore_errors=True)
    shutil.copytree(folder_of(root), root / "footwear" / version)
    with pytest.raises(BundleError, match="another bundle"):
        load_bundle(root, "footwear", version)


def test_a_version_is_immutable(root: Path) -> None:
    with pytest.raises(BundleError, match="immutable"):
        copy_as(root, active_version(root, "packaging"))


@pytest.mark.parametrize("version", ["", "../x", "a b", ".hidden"])
def test_a_version_name_cannot_leave_its_folder(root: Path, version: str) -> None:
    with pytest.raises(BundleError, match="no version name"):
        copy_as(root, version)


def test_activation_moves_the_pointer_and_remembers_the_previous(root: Path) -> None:
    before, there = active_version(root, "packaging"), versions(root, "packaging")
    copy_as(root, "2099.1.1")
    activate(BundleStore(root), "packaging", "2099.1.1")
    assert active_version(root, "packaging") == "2099.1.1"
    assert (root / "packaging" / "PREVIOUS").read_text().strip() == before
    assert versions(root, "packaging") == (*there, "2099.1.1")


def test_a_spoilt_bundle_cannot_be_activated(root: Path) -> None:
    before = active_version(root, "packaging")
    copy_as(root, "2099.1.1")
    (root / "packaging" / "2099.1.1" / "head.onnx").write_bytes(b"spoilt")
    with pytest.raises(BundleError):
        activate(BundleStore(root), "packaging", "2099.1.1")
    assert active_version(root, "packaging") == before


def test_a_folder_without_bundles_says_how_to_train_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="regrade train all"):
        Grader.load(tmp_path)


def test_an_unknown_precision_lists_the_known(root: Path) -> None:
    with pytest.raises(BundleError, match="int8, fp32"):
        Grader.load(root, precision="int4")


def test_a_detector_is_stored_by_its_content_and_found_again(root: Path) -> None:
    copy_as(root, "2030.1", NewDetector({"int8": b"small", "fp32": b"exact"}, 640, ("tear", "crush")))
    bundle = load_bundle(root, "packaging", "2030.1")
    path = bundle.detector_path("int8")
    assert path is not None
    assert path.read_bytes() == b"small"
    assert bundle.detector is not None
    assert (bundle.detector.side, bundle.detector.classes) == (640, ("tear", "crush"))


def test_a_spoilt_detector_is_not_loaded(root: Path) -> None:
    copy_as(root, "2030.1", NewDetector({"int8": b"small"}, 640, ("tear",)))
    path = load_bundle(root, "packaging", "2030.1").detector_path("int8")
    assert path is not None
    path.write_bytes(b"other")
    with pytest.raises(BundleError, match="not the file"):
        load_bundle(root, "packaging", "2030.1")


def test_a_bundle_can_be_installed_under_another_root(root: Path, tmp_path: Path) -> None:
    version = active_version(root, "packaging")
    install_bundle(root, tmp_path / "other", "packaging", version)
    assert load_bundle(tmp_path / "other", "packaging", version).labels == load_bundle(root, "packaging").labels
    with pytest.raises(BundleError, match="immutable"):
        install_bundle(root, tmp_path / "other", "packaging", version)


def test_a_spoilt_bundle_is_not_installed(root: Path, tmp_path: Path) -> None:
    version = active_version(root, "packaging")
    (folder_of(root) / "card.md").write_text("better than it is")
    with pytest.raises(BundleError, match="not the file"):
        install_bundle(root, tmp_path / "other", "packaging", version)
    assert not (tmp_path / "other").exists()
