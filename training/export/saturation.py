"""Which INT8 products CPUs without VNNI add in 16 bits, and the weights at which no such sum can saturate.

`vpmaddubsw` multiplies unsigned activations with signed weights and adds two neighbouring products into int16, which
ends at 32,767. In ONNX Runtime's matrix kernels for x86-64 the neighbours are terms 2i and 2i + 1 of an output's sum,
which goes over (row, column, input channel) as images are kept channels last; over (input channel, row, column) where
they are not, so neither order may saturate. Depthwise convolutions are added in 32 bits and need no limit.
`tests/training/export/test_saturation.py` runs pairs of the largest weights on an emulated Haswell to show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from regrade.models.networks.runtime import NO_SATURATION

LARGEST_ACTIVATION: Final = 255
PAIR_LIMIT: Final = np.iinfo(np.int16).max // LARGEST_ACTIVATION
"""128: what two neighbouring weights of one sign may come to. Weights of different signs never saturate."""
ADDED_OPERATORS: Final = frozenset({"Conv"})
"""Operators with quantised weights that are understood here."""


@dataclass(frozen=True, slots=True)
class WorstSums:
    """The largest magnitudes that the sums of one convolution can have: of a pair of products, against int16's 32,767,
    and of all products with the bias, against int32's 2,147,483,647."""

    name: str
    pair: int
    total: int

    @property
    def fit(self) -> bool:
        """Whether nothing can saturate or wrap around."""
        return self.pair <= np.iinfo(np.int16).max and self.total <= np.iinfo(np.int32).max


def is_depthwise(node: onnx.NodeProto, outputs: int) -> bool:
    """Whether each channel is convolved for itself."""
    groups = [a.i for a in node.attribute if a.name == "group"]
    return groups == [outputs] and outputs > 1


@lru_cache(maxsize=256)
def pairs(inputs: int, rows: int, columns: int) -> tuple[tuple[int, int], ...]:
    """The terms that are added in 16 bits, in either order, where a convolution is not depthwise: indices into the
    kernel of one output channel, flattened from (inputs, rows, columns)."""
    terms = np.arange(inputs * rows * columns).reshape(inputs, rows * columns)
    orders = (terms.T.ravel().tolist(), terms.ravel().tolist())
    return tuple(sorted({(min(p), max(p)) for order in orders for p in zip(order[::2], order[1::2], strict=False)}))


def worst_sums(model: onnx.ModelProto) -> list[WorstSums]:
    """What the sums of every quantised convolution of `model` (QDQ) can come to, whatever the photo.

    Raises ValueError for quantised weights of other operators, of which this does not know how they are added.
    """
    return [_worst(layer) for layer in quantised(model)]


def mark(model: onnx.ModelProto) -> None:
    """Write into `model` that none of its sums saturates, which lets the fast kernels run it everywhere.

    Raises ValueError where one can.
    """
    if unfit := [sums for sums in worst_sums(model) if not sums.fit]:
        raise ValueError(f"sums that do not fit: {unfit}")
    entry = model.metadata_props.add()
    entry.key, entry.value = NO_SATURATION, "1"


@dataclass(frozen=True, slots=True)
class QuantisedConvolution:
    """A convolution between DequantizeLinear nodes: its node, int8 weights (outputs, inputs, rows, columns), and int32
    bias (outputs,)."""

    node: onnx.NodeProto
    weights: NDArray[np.int8]
    bias: NDArray[np.int32]


def quantised(model: onnx.ModelProto) -> Iterator[QuantisedConvolution]:
    """The convolutions of `model` that run in INT8; see `worst_sums` for what it raises."""
    constants = {i.name: i for i in model.graph.initializer}
    rounded = {
        node.output[0]: numpy_helper.to_array(constants[node.input[0]])
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    for node in model.graph.node:
        if node.op_type in ADDED_OPERATORS and len(node.input) > 1 and node.input[1] in rounded:
            bias = rounded.get(node.input[2]) if len(node.input) > 2 else np.zeros(1, np.int32)
            if rounded[node.input[1]].dtype != np.int8 or bias is None:
                raise ValueError(f"{node.name}: weights are not int8, or only the bias is in floats")
            yield QuantisedConvolution(node, rounded[node.input[1]], bias)
        elif found := [i for i in node.input if i in rounded and rounded[i].ndim > 1]:
            raise ValueError(f"{node.name}: nobody has said how {node.op_type} adds {found}")


def _worst(layer: QuantisedConvolution) -> WorstSums:
    flat = layer.weights.reshape(len(layer.weights), -1).astype(np.int64)
    apart = is_depthwise(layer.node, len(flat))
    index = np.array(() if apart else pairs(*layer.weights.shape[1:]), dtype=np.intp).reshape(-1, 2)
    two = flat[:, index]
    # An activation may be 0, so that of two different signs the larger one alone is the worst.
    pair = np.maximum(np.maximum(two, 0).sum(axis=2), -np.minimum(two, 0).sum(axis=2)).max(initial=0)
    # The zero point of the activations is taken off afterwards: it may be as large as they are.
    total = (2 * LARGEST_ACTIVATION * np.abs(flat).sum(axis=1) + np.abs(layer.bias.astype(np.int64))).max()
    return WorstSums(layer.node.name, int(pair) * LARGEST_ACTIVATION, int(total))
