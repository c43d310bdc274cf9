"""The linear head in a bundle's `head.onnx`, read and replaced in place.

A head is one `Gemm` whose initialisers `class_w` (k, D) and `class_b` (k,) are raw float32. New numbers of the same
shape take as many bytes, so they are put where the old ones lay: no length in the file changes, nothing else is
touched, and no library that writes ONNX is needed. Protocol buffers wire format:
https://protobuf.dev/programming-guides/encoding/; field numbers are those of `onnx.proto3`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import BundleError
from regrade.models.networks.runtime import Model

Floats = NDArray[np.float64]
WEIGHTS: Final = "class_w"
BIAS: Final = "class_b"
_GRAPH, _INITIALIZER = 7, 5
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_FLOAT: Final = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Linear:
    """logits = features @ weights.T + bias: weights (k, D) and bias (k,) on raw features."""

    weights: Floats
    bias: Floats

    def logits(self, features: NDArray[np.floating]) -> Floats:
        """(n, D) → (n, k)."""
        out: Floats = np.asarray(features, dtype=np.float64) @ self.weights.T + self.bias
        return out


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where the numbers of a float32 initialiser lie in the file."""

    shape: tuple[int, ...]
    start: int
    end: int


def read_head(data: bytes) -> Linear:
    """The linear head in the ONNX file `data`. Raises `BundleError` where it has none of this form."""
    weights, bias = (_array(data, tensor) for tensor in _places(data))
    return Linear(weights, bias)


def with_head(data: bytes, head: Linear) -> bytes:
    """The ONNX file `data` with `head`, of the same shape, in place of its own.

    Raises `BundleError` where `data` has another form, and where ONNX Runtime would not make of the result what `head`
    does: what is installed has been run once.
    """
    new = bytearray(data)
    for tensor, values in zip(_places(data), (head.weights, head.bias), strict=True):
        if values.shape != tensor.shape or not np.isfinite(values).all():
            raise BundleError(f"a head of {tensor.shape} cannot take {values.shape}, or numbers that are not finite")
        new[tensor.start : tensor.end] = values.astype("<f4").tobytes()
    made = bytes(new)
    _refuse_other_outputs(made, head)
    return made


def _refuse_other_outputs(made: bytes, head: Linear) -> None:
    rows = np.random.default_rng(0).standard_normal((4, head.weights.shape[1])).astype(np.float32)
    model = Model(made)
    # Only the classes are asked for; what else the graph takes may be of any content, but not of any shape.
    shapes = {name: [one if isinstance(one, int) else 1 for one in shape[1:]] for name, shape in model.shapes.items()}
    feeds = {name: np.zeros((len(rows), *shape), dtype=np.float32) for name, shape in shapes.items()}
    feeds["features"] = rows
    try:
        (found,) = model.run(feeds, ("class_logits",))
    except Exception as error:  # ONNX Runtime raises bare C++ exceptions of many types
        raise BundleError(f"the new head does not run: {error}") from error
    wanted = Linear(head.weights.astype(np.float32).astype(np.float64), head.bias).logits(rows)
    if not np.allclose(found, wanted, rtol=1e-3, atol=1e-3 * (1.0 + float(np.abs(wanted).max()))):
        raise BundleError("the new head does not give what was fitted")


def _places(data: bytes) -> tuple[_Tensor, _Tensor]:
    found: dict[str, _Tensor] = {}
    try:
        for field, start, end in _fields(data, 0, len(data)):
            if field == _GRAPH:
                for inner, first, last in _fields(data, start, end):
                    if inner == _INITIALIZER and (named := _tensor(data, first, last)) is not None:
                        found[named[0]] = named[1]
        weights, bias = found[WEIGHTS], found[BIAS]
    except (KeyError, IndexError, ValueError) as error:
        raise BundleError(
            f"the bundle's head is no linear one of this release ({error!r}); it cannot be adapted"
        ) from None
    if len(weights.shape) != 2 or bias.shape != weights.shape[:1]:
        raise BundleError(f"the bundle's head has weights {weights.shape} and bias {bias.shape}; it cannot be adapted")
    return weights, bias


def _array(data: bytes, tensor: _Tensor) -> Floats:
    raw = np.frombuffer(data[tensor.start : tensor.end], dtype="<f4")
    return raw.reshape(tensor.shape).astype(np.float64)


def _tensor(data: bytes, start: int, end: int) -> tuple[str, _Tensor] | None:
    """Name and place of an initialiser; None for one that is not raw float32."""
    name, kind, shape, raw = "", 0, [], (0, 0)
    for field, first, last in _fields(data, start, end):
        if field == _NAME:
            name = data[first:last].decode()
        elif field == _DATA_TYPE:
            kind = _varint(data, first)[0]
        elif field == _DIMS:
            at = first
            while at < last:
                size, at = _varint(data, at)
                shape.append(size)
        elif field == _RAW_DATA:
            raw = first, last
    if kind != _FLOAT or raw[1] - raw[0] != 4 * int(np.prod(shape)):
        return None
    return name, _Tensor(tuple(shape), *raw)


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field's value in a message that lies from `start` to `end`."""
    at = start
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            first, at = at, _varint(data, at)[1]
        elif kind == _BYTES:
            size, first = _varint(data, at)
            at = first + size
        elif kind in (_FIXED64, _FIXED32):
            first, at = at, at + (8 if kind == _FIXED64 else 4)
        else:
            raise ValueError(f"wire type {kind}")
        if at > end:
            raise ValueError("a field that ends beyond its message")
        yield tag >> 3, first, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
