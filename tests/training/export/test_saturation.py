"""No sum of a shipped INT8 network can saturate on any CPU: shown of every weight tensor, and of what CPUs add."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from regrade.models.networks.runtime import Model
from regrade.models.registry.bundle import shipped_root
from regrade.models.registry.store import BundleStore
from regrade.training.export.saturation import PAIR_LIMIT, mark, pairs, worst_sums

EMULATOR = shutil.which("qemu-x86_64")


def int8_of(versions: Iterable[tuple[str, str]]) -> set[Path]:
    """The INT8 networks of these bundles."""
    store = BundleStore(base=shipped_root())
    bundles = [store.load(category, version) for category, version in versions]
    return {bundle.backbone_path("int8") for bundle in bundles}


ACTIVE = int8_of(BundleStore(base=shipped_root()).active_versions().items())
EARLIER = int8_of(BundleStore(base=shipped_root()).names()) - ACTIVE
"""Kept to go back to, as they were: exact, slower kernels run them without VNNI."""
RUN = """
import site, sys
for folder in filter(lambda path: path.endswith("site-packages"), list(sys.path)):
    site.addsitedir(folder)
import json, numpy, onnxruntime
wrong = []
for path in sys.argv[1:]:
    network = onnxruntime.InferenceSession(path)
    (given,) = network.get_inputs()
    found = network.run(None, {given.name: numpy.full(given.shape, 255, numpy.uint8)})[0]
    wrong.append([int(i) for i in numpy.flatnonzero((found[0] != 200).any(axis=(1, 2)))])
print(json.dumps(wrong))
"""


def convolution(weights: np.ndarray, bias: np.ndarray | None = None, *, group: int = 1) -> onnx.ModelProto:
    """A QDQ graph of one convolution with these int8 weights, whose activations are bytes."""
    one, zero = np.float32(1), np.uint8(0)
    bias = np.zeros(len(weights), np.int32) if bias is None else bias
    constants = {"one": one, "zero": zero, "w": weights, "b": bias, "sum": np.float32(255 * 254 / 200)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "one", "zero"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "one"], ["wf"]),
        helper.make_node("DequantizeLinear", ["b", "one"], ["bf"]),
        helper.make_node("Conv", ["xf", "wf", "bf"], ["yf"], name="conv", group=group),
        helper.make_node("QuantizeLinear", ["yf", "sum", "zero"], ["y"]),
    ]
    channels = weights.shape[1] * group
    given = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, channels, 8, 8])
    made = helper.make_tensor_value_info("y", TensorProto.UINT8, None)
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "one", [given], [made], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def two_at_a_time(channels: int, side: int) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Every pair of a kernel's terms, and a convolution with an output for each in which these two are the largest."""
    terms = channels * side * side
    chosen = list(combinations(range(terms), 2))
    weights = np.zeros((len(chosen), terms), np.int8)
    for row, pair in zip(weights, chosen, strict=True):
        row[list(pair)] = 127
    return chosen, weights.reshape(-1, channels, side, side)


@pytest.mark.parametrize("network", sorted(ACTIVE), ids=lambda path: path.stem[:8])
def test_no_sum_of_a_shipped_network_can_saturate(network: Path) -> None:
    sums = worst_sums(onnx.load(str(network)))
    assert len(sums) > 40
    assert max(one.pair for one in sums) <= 32767
    assert max(one.total for one in sums) <= 2**31 - 1
    assert Model(network).sums_fit  # and it says so


@pytest.mark.parametrize("network", sorted(EARLIER), ids=lambda path: path.stem[:8])
def test_a_network_whose_sums_can_saturate_does_not_say_so(network: Path) -> None:
    assert not all(one.fit for one in worst_sums(onnx.load(str(network))))
    assert not Model(network).sums_fit


def test_pairs_are_added_as_the_kernels_add_them() -> None:
    assert pairs(4, 1, 1) == ((0, 1), (2, 3))
    assert (0, 9) in pairs(3, 3, 3)  # red and green of the first pixel, where channels come last
    assert (0, 1) in pairs(3, 3, 3)  # red of two pixels, where they come first
    assert pairs(1, 1, 1) == ()


@pytest.mark.skipif(EMULATOR is None, reason="wants qemu-x86_64 (Debian: qemu-user) to emulate a CPU without VNNI")
def test_an_emulated_cpu_without_vnni_saturates_at_these_pairs_only_and_at_none_of_depthwise_sums(
    tmp_path: Path,
) -> None:
    kernels = [(18, 1), (3, 3), (1, 3)]
    chosen, weights = zip(*(two_at_a_time(*kernel) for kernel in kernels), strict=True)
    apart = [two_at_a_time(1, side)[1] for side in (3, 5)]
    models = [convolution(w) for w in weights] + [convolution(w, group=len(w)) for w in apart]
    wrong = emulated(models, tmp_path)
    for (channels, side), terms, outputs in zip(kernels, chosen, wrong, strict=False):
        assert outputs
        assert {terms[i] for i in outputs} <= set(pairs(channels, side, side))
    assert wrong[len(kernels) :] == [[], []]


def test_the_largest_pair_that_fits_is_told_from_the_next() -> None:
    fits = np.array([[64, 64, 127, -127]], np.int8).reshape(1, 4, 1, 1)
    over = np.array([[64, 65, 0, 0]], np.int8).reshape(1, 4, 1, 1)
    assert PAIR_LIMIT == 128
    assert worst_sums(convolution(fits))[0].pair == 32640
    assert worst_sums(convolution(over))[0].pair == 32895
    assert not worst_sums(convolution(over))[0].fit


def test_a_bias_beyond_32_bits_does_not_fit() -> None:
    weights = np.full((1, 2, 1, 1), 1, np.int8)
    assert not worst_sums(convolution(weights, np.array([2**31 - 1], np.int32)))[0].fit


def test_what_can_saturate_is_not_marked() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        mark(convolution(np.full((1, 2, 1, 1), 127, np.int8)))


def test_operators_that_nobody_has_looked_at_are_refused() -> None:
    model = convolution(np.ones((1, 2, 1, 1), np.int8))
    model.graph.node[3].op_type = "ConvTranspose"
    with pytest.raises(ValueError, match="ConvTranspose"):
        worst_sums(model)


def emulated(models: list[onnx.ModelProto], folder: Path) -> list[list[int]]:
    """Of each of `models`, the outputs that are not what they should be on a Haswell."""
    assert EMULATOR is not None
    paths = [str(folder / f"{number}.onnx") for number in range(len(models))]
    for model, path in zip(models, paths, strict=True):
        onnx.save(model, path)
    command = [EMULATOR, "-cpu", "Haswell", str(Path(sys.executable).resolve()), "-c", RUN, *paths]
    where = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240, env=os.environ | where)
    found: list[list[int]] = json.loads(done.stdout)
    return found
