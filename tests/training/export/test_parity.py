"""Golden photos: torch, the FP32 graph and the INT8 graph say the same of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from regrade.models.arch.efficientnet_lite import lite0, pretrained_weights_path, timm_name
from regrade.models.arch.grading_backbone import GradingBackbone
from regrade.models.grader import Grader
from regrade.models.networks.runtime import Model
from regrade.models.photos.intake import open_photo
from regrade.models.photos.preprocess import model_input
from regrade.models.registry.bundle import ROUTER, load_bundle, shipped_root
from regrade.models.types import Photo
from regrade.training.data.pictures import LOCAL_TYPES
from regrade.training.export.backbone import export_fp32

PHOTOS = sorted((Path(__file__).parents[3] / "serving" / "examples" / "photos").glob("*.jpg"))

# One worker exports for all of them.
pytestmark = pytest.mark.xdist_group("parity")


@pytest.fixture(scope="module")
def golden() -> list[Photo]:
    assert PHOTOS, "the project ships its demo photos"
    return [open_photo(path.read_bytes()) for path in PHOTOS]


def stacked(photos: list[Photo], side: int) -> np.ndarray:
    return np.stack([model_input(photo.rgb, side) for photo in photos])


@pytest.fixture(scope="module")
def exported() -> tuple[GradingBackbone, Model]:
    """A backbone with heads that nobody has trained, in torch and as ONNX."""
    torch.manual_seed(0)
    backbone = GradingBackbone(LOCAL_TYPES, pretrained_weights_path()).eval()
    return backbone, Model(export_fp32(backbone, 160))


def test_torch_and_the_fp32_graph_agree(golden: list[Photo], exported: tuple[GradingBackbone, Model]) -> None:
    backbone, graph = exported
    pixels = stacked(golden[:4], 160)
    features, maps = graph.run({"pixels": pixels}, ("features", "map"))
    with torch.no_grad():
        expected, expected_maps = backbone(torch.from_numpy(pixels))
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-3)
    np.testing.assert_allclose(maps, expected_maps.numpy(), atol=1e-3)


def test_the_features_end_with_the_peak_of_each_map(golden: list[Photo]) -> None:
    bundle = load_bundle(shipped_root(), ROUTER)
    pixels = stacked(golden[:1], bundle.input_side)
    features, maps = Model(bundle.backbone_path("fp32")).run({"pixels": pixels}, ("features", "map"))
    peaks = features[:, -maps.shape[1] :]
    assert (peaks >= maps.max(axis=(2, 3)) - 1e-3).all()
    assert (peaks <= maps.max(axis=(2, 3)) + 1.6).all()


def test_int8_keeps_the_direction_of_the_features(golden: list[Photo]) -> None:
    bundle = load_bundle(shipped_root(), ROUTER)
    pixels = stacked(golden, bundle.input_side)
    exact, rounded = (Model(bundle.backbone_path(p)).run({"pixels": pixels})[0] for p in ("fp32", "int8"))
    cosine = (exact * rounded).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosine.min() > 0.9


def test_int8_and_fp32_grade_alike(golden: list[Photo]) -> None:
    exact, rounded = Grader.load(precision="fp32"), Grader.load(precision="int8")
    for photo in golden:
        a, b = exact.grade([photo]), rounded.grade([photo])
        assert a.grade is not None
        assert b.grade is not None
        distance = sum(abs(a.grade.probabilities[k] - b.grade.probabilities[k]) for k in a.grade.probabilities) / 2
        assert distance < 0.25


def test_every_name_in_the_package_has_one_in_timms_layout() -> None:
    state = torch.load(pretrained_weights_path(), map_location="cpu", weights_only=True)
    assert {timm_name(name) for name in state} == set(lite0().state_dict())
