"""INT8 weights that are added exactly on every CPU: those of a quantised network, chosen anew layer by layer.

ONNX Runtime's quantiser rounds each weight to the nearest of 255 steps, whatever that does to the outputs, and to sums
that saturate without VNNI. Here its graph, with its ranges of activations, is walked beside the exact one over the same
photos, and every convolution's weights and bias are fitted to what the exact network has there (`rounding`), within
what 16 bits hold (`saturation`).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from regrade.training.export.rounding import Rounded, Samples, fit
from regrade.training.export.saturation import is_depthwise, mark, quantised
from regrade.training.export.walk import Walk

PLACES: Final = 300
"""Places of a photo at which a convolution is looked at: neighbours say much the same."""
_LARGEST_BIAS: Final = 2.0**30


def refit(exact: onnx.ModelProto, rounded: onnx.ModelProto, inputs: Sequence[NDArray[np.uint8]]) -> None:
    """Choose all weights of `rounded` anew, the QDQ graph that was made of `exact`, on `inputs`, each uint8 (side,
    side, 3), and note in it that no sum saturates. Nodes have the same names in both."""
    photos = [pixels[np.newaxis] for pixels in inputs]
    layers = {layer.node.name: layer.node for layer in quantised(rounded)}
    original = {node.name: node for node in exact.graph.node}
    made_by = {name: node for node in rounded.graph.node for name in node.output}
    stored = {i.name: i for i in rounded.graph.initializer}
    reference, walk = Walk(exact, photos, kept=tuple(layers)), Walk(rounded, photos)
    rng = np.random.default_rng(0)
    for node in walk.nodes():
        if node.name not in layers:
            continue
        twin = original[node.name]
        outputs = reference.take(twin)
        kernel = reference.constants[twin.input[1]]
        seen = samples(node, kernel.shape, walk.values[node.input[0]], outputs, rng)
        found = fit(kernel, seen, is_depthwise(node, len(kernel)))
        scale = float(walk.constants[made_by[node.input[0]].input[1]])
        for changed, values in zip(node.input[1:], _constants(found, scale), strict=True):
            whole, step = made_by[changed].input[:2]
            for name, value in zip((whole, step), values, strict=True):
                stored[name].CopyFrom(numpy_helper.from_array(value, name))
            walk.constants[changed] = _times(*values)
    mark(rounded)


def samples(
    node: onnx.NodeProto,
    shape: Sequence[int],
    inputs: Sequence[NDArray[np.float32]],
    outputs: Sequence[NDArray[np.float32]],
    rng: np.random.Generator,
) -> Samples:
    """What a convolution with a kernel of this `shape` sees, (1, channels, h, w) a photo, and should give, here and
    there."""
    about: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    top, left, bottom, right = about.get("pads", (0, 0, 0, 0))
    down, along = about.get("strides", (1, 1))
    seen, wanted = [], []
    for x, y in zip(inputs, outputs, strict=True):
        padded = np.pad(x[0], ((0, 0), (top, bottom), (left, right)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(shape[2:]), axis=(1, 2))[:, ::down, ::along]
        _, rows, columns = windows.shape[:3]
        at = rng.permutation(rows * columns)[:PLACES]
        taken = windows[:, at // columns, at % columns]
        seen.append(taken.reshape(len(taken), len(at), -1).transpose(0, 2, 1))
        wanted.append(y[0].reshape(y.shape[1], -1)[:, at])
    return Samples(np.concatenate(seen, axis=2), np.concatenate(wanted, axis=1))


def _constants(found: Rounded, activation: float) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...]]:
    """Weights with their scale, and bias with its own, as the graph stores them. `activation` is the inputs' step."""
    # A channel with next to no weights would have a step so small that its bias is beyond 32 bits.
    scale = np.maximum(found.scale, np.abs(found.bias) / (activation * _LARGEST_BIAS)).astype(np.float32)
    whole = np.round(found.weights * (found.scale / scale).reshape(-1, 1, 1, 1)).astype(np.int8)
    step = scale * np.float32(activation)
    return (whole, scale), (np.round(found.bias / step).astype(np.int32), step)


def _times(whole: NDArray[Any], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = (whole * scale.reshape(-1, *[1] * (whole.ndim - 1)).astype(np.float64)).astype(
        np.float32
    )
    return out
