"""Tensors of the protocol: a datatype, a shape, and elements that are as many as the shape says."""

import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from regrade.serving.base.errors import TensorError

BYTES: Final = "BYTES"
DATATYPES: Final = frozenset(
    ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", BYTES)
)
NUMBERS: Final[dict[str, np.dtype[Any]]] = {"UINT8": np.dtype("<u1"), "INT32": np.dtype("<i4"), "FP32": np.dtype("<f4")}
"""Those that models here take or give, beside BYTES, as they lie in binary data."""
MOST_DIMENSIONS: Final = 8
MOST_ELEMENTS: Final = 2**40
_LENGTH: Final = struct.Struct("<I")

Elements = NDArray[Any] | tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array: `elements` are of shape `shape`, or for BYTES the texts or files in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    elements: Elements


def shape_of(given: object, name: str) -> tuple[int, ...]:
    """`given` as a shape whose product is a number that can be counted with. Raises `TensorError`."""
    if not isinstance(given, list) or len(given) > MOST_DIMENSIONS:
        raise TensorError(f"The shape of {name!r} must be a list of at most {MOST_DIMENSIONS} whole numbers.")
    if any(type(side) is not int or side < 0 for side in given):
        raise TensorError(f"The shape of {name!r} must hold whole numbers from 0 up, and nothing else.")
    if math.prod(given) > MOST_ELEMENTS:
        raise TensorError(f"The shape of {name!r} is of more elements than any request can hold.")
    return tuple(given)


def from_binary(name: str, datatype: str, shape: tuple[int, ...], data: memoryview) -> Tensor:
    """A tensor of its raw bytes: little-endian, row-major, BYTES each with its length before it in 4 bytes.

    What it holds is its own: `data` may be used again afterwards. Raises `TensorError`.
    """
    count = math.prod(shape)
    if datatype == BYTES:
        return Tensor(name, datatype, shape, _split(name, count, data))
    dtype = NUMBERS[datatype]
    if len(data) != count * dtype.itemsize:
        raise TensorError(
            f"{name!r} is {datatype} of shape {list(shape)}, which is {count * dtype.itemsize} bytes; "
            f"binary_data_size says {len(data)}."
        )
    return Tensor(name, datatype, shape, np.frombuffer(data, dtype).reshape(shape).copy())


def to_binary(tensor: Tensor) -> bytes:
    """The raw bytes of a tensor, as `from_binary` reads them."""
    if isinstance(tensor.elements, tuple):
        return b"".join(part for one in tensor.elements for part in (_LENGTH.pack(len(one)), one))
    return np.ascontiguousarray(tensor.elements, NUMBERS[tensor.datatype]).tobytes()


def numbers_of(name: str, datatype: str, shape: tuple[int, ...], data: list[Any]) -> Tensor:
    """A tensor of numbers from JSON, flat in row-major order or nested as its shape is. Raises `TensorError`."""
    dtype = NUMBERS[datatype]
    uneven = TensorError(f"The data of {name!r} is nested unevenly. Send it flat, or nested as its shape is.")
    flat, sides = data, [len(data)]
    while flat and isinstance(flat[0], list):
        side = len(flat[0])
        if any(not isinstance(one, list) or len(one) != side for one in flat):
            raise uneven
        flat, sides = [element for one in flat for element in one], [*sides, side]
    if any(isinstance(element, list) for element in flat):
        raise uneven
    if len(flat) != math.prod(shape) or tuple(sides) not in ((len(flat),), shape):
        raise TensorError(f"{name!r} says shape {list(shape)}; its data is of shape {sides}.")
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    # Before NumPy sees them: among texts it would make each as long as the longest.
    if any(type(element) is not int or not low <= element <= high for element in flat):
        raise TensorError(f"{name!r} is {datatype}: each element must be a whole number of {low}–{high}.")
    return Tensor(name, datatype, shape, np.array(flat, dtype).reshape(shape))


def texts_of(name: str, shape: tuple[int, ...], data: list[Any]) -> tuple[str, ...]:
    """The elements of a BYTES tensor in JSON, flat or nested as its shape is. Raises `TensorError`."""
    flat = data
    for side in shape[1:]:
        if not flat or isinstance(flat[0], str):
            break
        if any(not isinstance(one, list) or len(one) != side for one in flat):
            raise TensorError(f"The data of {name!r} is not nested as its shape {list(shape)} is.")
        flat = [text for one in flat for text in one]
    if any(not isinstance(text, str) for text in flat):
        raise TensorError(f"{name!r} is BYTES: in JSON each element must be a text.")
    if len(flat) != math.prod(shape):
        raise TensorError(f"{name!r} says shape {list(shape)}, and has {len(flat)} elements.")
    return tuple(flat)


def to_json(tensor: Tensor) -> list[Any]:
    """The elements of a tensor as JSON has them, flat. FP32 are written as short as they can be read back."""
    if isinstance(tensor.elements, tuple):
        return [one.decode("utf-8") for one in tensor.elements]
    flat = tensor.elements.ravel()
    # Not `tolist`: an FP32 of 0.9 as a double is 0.8999999761581421.
    return [float(str(one)) for one in flat] if tensor.datatype == "FP32" else [int(one) for one in flat]


def _split(name: str, count: int, data: memoryview) -> tuple[bytes, ...]:
    if count > len(data) // _LENGTH.size:
        raise TensorError(f"{name!r} says {count} elements; {len(data)} bytes cannot hold so many lengths.")
    elements, at = [], 0
    for number in range(count):
        end = at + _LENGTH.size
        size = _LENGTH.unpack_from(data, at)[0] if end <= len(data) else -1
        if size < 0 or end + size > len(data):
            raise TensorError(f"Element {number} of {name!r} goes on beyond the end of its {len(data)} bytes.")
        elements.append(bytes(data[end : end + size]))
        at = end + size
    if at < len(data):
        raise TensorError(f"After the {count} elements of {name!r} there are {len(data) - at} bytes that are of none.")
    return tuple(elements)
