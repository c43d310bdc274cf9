"""A bundle once more with other closer looks: what is dropped is gone, and only what was measured is promised."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from regrade.datasets.manifest import read_manifest
from regrade.models.calibration import PartsEvidence
from regrade.models.grader import Grader
from regrade.models.registry.bundle import active_version, load_bundle, shipped_root
from regrade.training.ship.recalibrate import CloserLooks, recalibrate, strangers

PARTS = PartsEvidence(share=0.6, low=0.1, high=0.9, sharpness=1.0)


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """The shipped bundles, packaging being one whose detector has a say."""
    root = tmp_path / "bundles"
    shutil.copytree(shipped_root(), root)
    (root / "packaging" / "ACTIVE").write_text("2026.11.3\n")
    return root


def test_a_photo_of_a_box_that_was_fitted_on_is_no_stranger(tiny_dataset: Path) -> None:
    records = read_manifest(tiny_dataset)
    own = [r for r in records if r.category == "packaging" and r.split == "test"]
    assert strangers(records, records, "packaging") == own
    fitted = next(r for r in records if r.category == "packaging" and r.split == "train")
    moved = [replace(r, group=fitted.group) if r.id == own[0].id else r for r in records]
    assert [r.id for r in strangers(moved, records, "packaging")] == [r.id for r in own[1:]]


def test_a_say_about_one_type_stays_and_is_asked_where_damage_is_likely() -> None:
    old = load_bundle(shipped_root(), "packaging", "2026.11.3").calibration
    new = CloserLooks(say=("tear",), detector_from=0.2).of(old)
    assert new.detector is not None
    assert (new.detector.types, new.detector_from, new.box_sources) == (("tear",), 0.2, {"tear": "map"})
    assert CloserLooks(boxes=True).of(old).box_sources == old.box_sources


def test_a_detector_without_say_or_boxes_is_not_in_the_bundle(bundles: Path, tiny_dataset: Path) -> None:
    manifest = tiny_dataset / "bench.jsonl"
    found = recalibrate(bundles, "packaging", "2026.11.9", manifest, manifest, CloserLooks(parts=PARTS))
    assert active_version(bundles, "packaging") == "2026.11.9"
    bundle = load_bundle(bundles, "packaging")
    assert (bundle.detector, bundle.calibration) == (None, found)
    assert found.parts is not None
    assert found.parts.offset != 0.0
    assert found.selective.threshold is None, "twenty photos prove nothing"
    assert "left out" in bundle.card
    assert Grader.load(bundles).versions["packaging"] == "2026.11.9"


def test_a_type_that_the_detector_never_spoke_about_is_refused() -> None:
    old = load_bundle(shipped_root(), "packaging", "2026.11.3").calibration
    with pytest.raises(ValueError, match="no say about crack"):
        CloserLooks(say=("crack",)).of(old)
