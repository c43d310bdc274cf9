"""A bundle gets the table that promises rest on, of photos that it does not know."""

import shutil
from pathlib import Path

import pytest

from regrade.datasets.manifest import locate_manifest, read_manifest
from regrade.models.errors import DatasetError
from regrade.models.registry.bundle import load_bundle, shipped_root
from regrade.training.ship.look import look


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The shipped router and bundle of footwear."""
    made = tmp_path / "bundles"
    for name in ("_router", "footwear", "_shared"):
        shutil.copytree(shipped_root() / name, made / name)
    return made


def test_networks_head_and_calibration_stay(root: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    old = load_bundle(root, "footwear")
    data = only(tiny_dataset, "footwear", tmp_path)
    table = look(root, "footwear", "2099.1.1", data, one_alone(data))
    new = load_bundle(root, "footwear")
    assert (new.version, len(table) > 0) == ("2099.1.1", True)
    assert new.held_out is not None
    assert new.held_out.to_json() == table.to_json()
    assert (new.backbones, new.calibration) == (old.backbones, old.calibration)
    assert new.head_path.read_bytes() == old.head_path.read_bytes()
    assert new.metrics["looked_at"]["from"]["version"] == old.version
    assert "`regrade promise show`" in new.card


def test_photos_that_it_was_fitted_on_are_left_out(root: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    manifest = locate_manifest(only(tiny_dataset, "footwear", tmp_path))
    with pytest.raises(DatasetError, match="near none of"):
        look(root, "footwear", "2099.1.1", manifest, train_alone(manifest))
    assert load_bundle(root, "footwear").version != "2099.1.1"


def only(dataset: Path, category: str, scratch: Path) -> Path:
    """A copy of the dataset, whose photos are all said to be of `category`."""
    folder = scratch / "photos"
    shutil.copytree(dataset, folder)
    manifest = locate_manifest(folder)
    text = manifest.read_text(encoding="utf-8")
    for record in read_manifest(manifest):
        text = text.replace(f'"category": "{record.category}"', f'"category": "{category}"')
    manifest.write_text(text, encoding="utf-8")
    return folder


def one_alone(folder: Path) -> Path:
    """A manifest of one photo of the dataset."""
    manifest = locate_manifest(folder)
    other = manifest.with_name("one.jsonl")
    other.write_text(manifest.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    return other


def train_alone(manifest: Path) -> Path:
    """The manifest, as if all of it had been trained on."""
    other = manifest.with_name("fitted.jsonl")
    text = manifest.read_text(encoding="utf-8")
    for split in ("val", "test"):
        text = text.replace(f'"split": "{split}"', '"split": "train"')
    other.write_text(text, encoding="utf-8")
    return other
