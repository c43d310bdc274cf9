"""A head's numbers are replaced in its file; ONNX Runtime then gives what the new ones do, and all else stays."""

import numpy as np
import pytest

from regrade.models.adaptation.head_file import Linear, read_head, with_head
from regrade.models.errors import BundleError
from regrade.models.networks.runtime import Model
from regrade.models.registry.bundle import Bundle, load_bundle, shipped_root


@pytest.fixture(scope="module", params=["packaging", "electronics", "footwear", "apparel"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return load_bundle(shipped_root(), request.param)


def features(head: Linear) -> np.ndarray:
    return np.random.default_rng(1).gamma(0.5, 1.0, (8, head.weights.shape[1])).astype(np.float32)


def logits(data: bytes, rows: np.ndarray) -> np.ndarray:
    model = Model(data)
    feeds = {"features": rows}
    if "map" in model.shapes:
        feeds["map"] = np.zeros((len(rows), model.shapes["map"][1], 1, 1), np.float32)
    found: np.ndarray = model.run(feeds, ("class_logits",))[0]
    return found


def test_what_is_read_is_what_onnx_runtime_computes(bundle: Bundle) -> None:
    data = bundle.head_path.read_bytes()
    head = read_head(data)
    rows = features(head)
    np.testing.assert_allclose(logits(data, rows), head.logits(rows), rtol=1e-3, atol=1e-3)


def test_what_is_written_is_what_onnx_runtime_computes(bundle: Bundle) -> None:
    data = bundle.head_path.read_bytes()
    head = read_head(data)
    new = Linear(head.weights * 0.5 + 0.01, head.bias - 1.0)
    made, rows = with_head(data, new), features(head)
    np.testing.assert_allclose(logits(made, rows), new.logits(rows), rtol=1e-3, atol=1e-3)
    assert len(made) == len(data)
    assert with_head(made, head) == data


def test_a_head_of_another_shape_or_without_finite_numbers_is_refused(bundle: Bundle) -> None:
    data = bundle.head_path.read_bytes()
    head = read_head(data)
    for wrong in (Linear(head.weights[:, 1:], head.bias), Linear(head.weights * np.nan, head.bias)):
        with pytest.raises(BundleError, match="cannot take"):
            with_head(data, wrong)


@pytest.mark.parametrize("data", [b"", b"\x3a\x05abc", b"no network at all", b"\xff" * 40])
def test_what_is_no_linear_head_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="cannot be adapted"):
        read_head(data)
