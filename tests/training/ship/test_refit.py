"""A head fitted anew on kept networks: another head, the same networks, nothing promised by photos they have seen."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from regrade.models.errors import DatasetError
from regrade.models.grader import Grader
from regrade.models.networks.runtime import Model
from regrade.models.registry.bundle import active_version, load_bundle, shipped_root
from regrade.training.fit.heads import LinearHead
from regrade.training.ship.heads_onnx import with_classes
from regrade.training.ship.refit import refit


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """The shipped bundles."""
    return Path(shutil.copytree(shipped_root(), tmp_path / "bundles"))


@pytest.fixture
def others(tmp_path: Path, tiny_dataset: Path) -> Path:
    """A manifest with none of the tiny dataset's photos of packaging."""
    path = tiny_dataset / "others.jsonl"
    rows = (tiny_dataset / "bench.jsonl").read_text().splitlines()
    path.write_text("\n".join(row for row in rows if '"electronics"' in row) + "\n")
    return path


@pytest.mark.slow
def test_another_head_stands_on_the_same_networks(
    bundles: Path, tiny_dataset: Path, others: Path, tmp_path: Path
) -> None:
    old = load_bundle(bundles, "packaging")
    found = refit(bundles, "packaging", "2026.11.9", tiny_dataset / "bench.jsonl", others, tmp_path / "cache")
    new = load_bundle(bundles, "packaging")
    assert (new.version, new.backbones, new.defects) == ("2026.11.9", old.backbones, old.defects)
    assert found["calibrated_on"] == found["photos"] == 60
    assert found["held_out"]["macro_f1"]["value"] > 0.5
    assert "with a head fitted anew, on 60 photos" in new.card
    assert Grader.load(bundles).versions["packaging"] == "2026.11.9"


def test_networks_that_know_all_photos_are_not_calibrated_by_them(
    bundles: Path, tiny_dataset: Path, tmp_path: Path
) -> None:
    manifest, before = tiny_dataset / "bench.jsonl", active_version(bundles, "packaging")
    with pytest.raises(DatasetError, match="0 photos of packaging in train and val are near none"):
        refit(bundles, "packaging", "2026.11.9", manifest, manifest, tmp_path / "cache")
    assert active_version(bundles, "packaging") == before
    assert not (bundles / "packaging" / "2026.11.9").exists()


def test_other_classes_leave_what_is_said_of_defects() -> None:
    old = (load_bundle(shipped_root(), "packaging").folder / "head.onnx").read_bytes()
    shape = {i.name: tuple(i.dims) for i in onnx.load_from_string(old).graph.initializer}["class_w"]
    rng = np.random.default_rng(0)
    head = LinearHead(rng.normal(size=shape), rng.normal(size=shape[0]))
    x = rng.normal(size=(2, shape[1])).astype(np.float32)
    one = Model(with_classes(old, head))
    maps = rng.normal(size=(2, *_map_shape(old), 4, 4)).astype(np.float32)
    logits, *defects = one.run({"features": x, "map": maps})
    np.testing.assert_allclose(logits, head.logits(x), rtol=1e-3, atol=1e-3)
    for ours, theirs in zip(defects, Model(old).run({"features": x, "map": maps})[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _map_shape(head: bytes) -> tuple[int]:
    by_name = {i.name: i for i in onnx.load_from_string(head).graph.input}
    return (by_name["map"].type.tensor_type.shape.dim[1].dim_value,)
