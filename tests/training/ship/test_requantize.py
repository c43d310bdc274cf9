"""Bundles are written again with new INT8 networks: all else in them stays, and golden photos come out as they say."""

import shutil
from pathlib import Path

import pytest

from regrade.datasets.manifest import Record
from regrade.models.errors import BundleError
from regrade.models.golden import FILE, compare
from regrade.models.grader import Grader
from regrade.models.registry.bundle import SHARED, active_version, load_bundle, shipped_root
from regrade.training.ship.requantize import _digest, calibration_photos, requantize

NEW = "2099.1.1"


def record(number: int, source: str, split: str = "train") -> Record:
    digest = f"{number:064x}"
    return Record(
        id=f"{source}-{number}", file=Path("x.jpg"), sha256=digest, category="footwear", item_type="shoes",
        width=640, height=480, group=f"{number}", split=split, source=source, licence="CC0-1.0",
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The shipped router and footwear."""
    folder = tmp_path / "bundles"
    for name in ("_router", "footwear"):
        version = active_version(shipped_root(), name)
        shutil.copytree(shipped_root() / name / version, folder / name / version)
        (folder / name / "ACTIVE").write_text(version, encoding="utf-8")
    shutil.copytree(shipped_root() / SHARED, folder / SHARED)
    return folder


@pytest.fixture
def work(root: Path, tmp_path: Path) -> Path:
    """Networks that an interrupted call has made: FP32 ones, by which it can be told that they were taken."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("_router", "footwear"):
        bundle = load_bundle(root, name)
        made = folder / f"{bundle.backbones['int8']}-{_digest(calibration_photos([record(1, 'a')]))}.onnx"
        made.write_bytes(bundle.backbone_path("fp32").read_bytes())
    return folder


def test_only_int8_networks_change(root: Path, work: Path) -> None:
    old = load_bundle(root, "footwear")
    assert set(requantize(root, [record(1, "a")], NEW, work, print)) == {"_router", "footwear"}
    new = load_bundle(root, "footwear")
    assert (new.version, new.backbones["int8"]) == (NEW, old.backbones["fp32"])
    assert new.backbones["fp32"] == old.backbones["fp32"]
    assert new.head_path.read_bytes() == old.head_path.read_bytes()
    assert (new.labels, new.calibration, new.definition) == (old.labels, old.calibration, old.definition)
    assert new.metrics["requantized_from"]["version"] == old.version
    assert f"heads and calibration of {old.version}" in new.card


def test_golden_photos_come_out_as_the_new_bundles_say(root: Path, work: Path) -> None:
    requantize(root, [record(1, "a")], NEW, work, print)
    assert (load_bundle(root, "footwear").folder / FILE).is_file()
    found = compare(Grader.load(root))
    assert set(found.bundles) == {"_router", "footwear"}
    assert found.passed


def test_what_was_active_is_the_previous_one(root: Path, work: Path) -> None:
    before = active_version(root, "footwear")
    requantize(root, [record(1, "a")], NEW, work, print)
    assert (root / "footwear" / "PREVIOUS").read_text("utf-8").strip() == before
    with pytest.raises(BundleError, match="immutable"):
        requantize(root, [record(1, "a")], before, work, print)


def test_photos_are_taken_from_each_source_in_turn() -> None:
    many = [record(i, "many") for i in range(300)]
    few = [record(300 + i, "few") for i in range(3)]
    chosen = calibration_photos([*many, *few, record(400, "test", "test")])
    assert len(chosen) == 128
    assert {r.source for r in chosen[:6]} == {"many", "few"}
    assert sum(r.source == "few" for r in chosen) == 3


def test_without_photos_to_calibrate_on_nothing_is_done(root: Path, work: Path) -> None:
    with pytest.raises(BundleError, match="train split"):
        requantize(root, [record(1, "a", "test")], NEW, work, print)
