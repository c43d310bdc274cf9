"""The detector's word on all photos, kept exactly as it was given."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from regrade.datasets.manifest import read_manifest
from regrade.models.networks.runtime import Model
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.training.calibrate.detector_evidence import detect_all, detect_on_pictures
from regrade.training.fit import networks
from regrade.training.run.run import Run, RunConfig

PHOTOS = sorted((Path(__file__).parents[3] / "serving" / "examples" / "photos").glob("*.jpg"))[:3]


@pytest.fixture
def run(tiny_dataset: Path, tmp_path: Path) -> Iterator[Run]:
    """A run that has taken over the shipped networks."""
    config = RunConfig(category="packaging", data=tiny_dataset, out=tmp_path / "bundles", version="2026.1.1")
    with Run.create(tmp_path / "run", config) as run:
        networks.copy_active(run, load_bundle(shipped_root(), "apparel"))
        yield run


def refuse(*_: object) -> NoReturn:
    raise AssertionError("the detector was asked again")


def test_boxes_on_pictures_are_the_detectors_own_whether_kept_or_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = networks.runtime_detector(run)
    pixels = [np.asarray(Image.open(path).convert("RGB")) for path in PHOTOS]
    own = [detector.detect(rgb, rgb.shape[1], rgb.shape[0]) for rgb in pixels]
    assert any(own)
    first = detect_on_pictures(run, PHOTOS)
    monkeypatch.setattr(Model, "run", refuse)
    assert list(first.found) == own
    assert detect_on_pictures(run, PHOTOS) == first
    with pytest.raises(AssertionError, match="asked again"):
        detect_on_pictures(run, PHOTOS[:2])


def test_photos_are_looked_at_once_by_each_detector(
    run: Run, tiny_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = read_manifest(tiny_dataset)[:4]
    first = detect_all(run, records)
    with monkeypatch.context() as patch:
        patch.setattr(Model, "run", refuse)
        assert detect_all(run, records) == first
    before = load_bundle(shipped_root(), "apparel").detector_path("int8")
    assert before is not None
    run.write_bytes(networks.DETECTOR_FP32, before.read_bytes())
    other = detect_all(run, records)
    assert len(other.found) == 4
    assert other != first


def test_no_photo_is_no_box(run: Run) -> None:
    assert list(detect_on_pictures(run, []).found) == []
    assert list(detect_on_pictures(run, []).found) == []
