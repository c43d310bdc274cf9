"""A body that asks for inference, taken apart: JSON, and behind it the tensors that come in binary.

Whatever it says of sizes is checked against what is there before anything is made of it, and its JSON is counted before
it is read: a few bytes of JSON can be many of memory.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from regrade.serving.base.errors import TensorError
from regrade.serving.oip.tensors import BYTES, DATATYPES, NUMBERS, Tensor, from_binary, numbers_of, shape_of, texts_of

MAX_JSON_BYTES: Final = 32 * 1024 * 1024
MAX_VALUES: Final = 2_000_000
MAX_LISTS: Final = 400_000
"""Of the JSON part: enough for the pixels of a photo of 800 × 800, or for photos of 24 MB in base64."""
MOST_INPUTS: Final = 16
MOST_OUTPUTS: Final = 64
MAX_ID: Final = 256
MAX_NAME: Final = 64

_SHARED: Final = "shared_memory_region"

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """An output that is asked for; `binary` where it was said how to send it."""

    name: str
    binary: bool | None = None


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a client asks for: inputs by name, and the outputs that it wants, all of them where it names none."""

    id: str | None
    inputs: Mapping[str, Tensor]
    outputs: tuple[Output, ...]
    parameters: Parameters = field(default_factory=dict)

    @property
    def binary_output(self) -> bool:
        """Whether outputs of which nothing is said are sent in binary."""
        return flag(self.parameters, "binary_data_output", default=False)


def flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    """A parameter that is true or false. Raises `TensorError` for any other."""
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise TensorError(f"The parameter {name!r} must be true or false.")
    return value


def json_size(body: bytes | bytearray, size: int, header: str | None) -> int:
    """How much of a body of `size` bytes is JSON, by its `Inference-Header-Content-Length`: all without one.

    Raises `TensorError` for a header that is no length within the body, and for JSON that is more than is read.
    """
    length = size
    if header is not None:
        length = int(header) if header.isascii() and header.isdigit() and len(header) < 16 else 0
        if not 1 <= length <= size:
            raise TensorError(
                "Inference-Header-Content-Length must be the length of the JSON in front of the binary data: from 1 "
                f"to {size}, the length of the body."
            )
    if length > MAX_JSON_BYTES:
        raise TensorError(
            f"The JSON is {length / 2**20:.0f} MB; at most {MAX_JSON_BYTES // 2**20} are read. Send the photos as "
            "binary data (binary_data_size, and Inference-Header-Content-Length)."
        )
    lists, values = body.count(b"[", 0, length) + body.count(b"{", 0, length), body.count(b",", 0, length)
    if lists > MAX_LISTS or values > MAX_VALUES:
        raise TensorError(
            f"The JSON holds {values} values in {lists} lists; at most {MAX_VALUES} in {MAX_LISTS} are read. Send "
            "tensors of that size as binary data."
        )
    return length


def read_request(body: bytes | bytearray, size: int, length: int) -> InferRequest:
    """The request in the first `size` bytes of `body`, whose first `length` are JSON. Raises `TensorError`.

    What it holds is its own: `body` may be used again afterwards.
    """
    root = _object(_parsed(bytes(body[:length])), "The request")
    given = root.get("inputs")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_INPUTS:
        raise TensorError(f"`inputs` must be a list of 1 to {MOST_INPUTS} tensors.")
    with memoryview(body) as whole, whole[length:size] as binary:
        inputs = _inputs(given, binary)
    return InferRequest(_id(root.get("id")), inputs, _outputs(root.get("outputs")), _parameters(root, "The request"))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise TensorError("The JSON is not in UTF-8.") from None
    except RecursionError:
        raise TensorError("The JSON is nested too deep.") from None
    except ValueError as error:
        raise TensorError(f"The JSON cannot be read: {str(error)[:120]}.") from None


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise TensorError("In the JSON a name stands twice in one object. Which of the two counts?")
    return found


def _no_number(written: str) -> Any:
    raise TensorError(f"The JSON holds {written}, which is no number of JSON.")


def _id(given: object) -> str | None:
    if given is None or (isinstance(given, str) and len(given) <= MAX_ID and _sayable(given)):
        return given
    raise TensorError(f"`id` must be a text of at most {MAX_ID} characters.")


def _sayable(text: str) -> bool:
    """Whether it can be written in UTF-8: JSON can hold half of a pair of surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _object(given: object, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise TensorError(f"{what} must be a JSON object.")
    return given


def _parameters(of: Mapping[str, Any], what: str) -> Parameters:
    given = of.get("parameters")
    return {} if given is None else _object(given, f"The parameters of {what[0].lower()}{what[1:]}")


def _name(of: Mapping[str, Any], what: str) -> str:
    name = of.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not _sayable(name):
        raise TensorError(f"{what} must have a name of 1 to {MAX_NAME} characters.")
    return name


def _inputs(given: list[Any], binary: memoryview) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    at = 0
    for number, one in enumerate(given):
        what = f"Input {number}"
        described = _object(one, what)
        name, parameters = _name(described, what), _parameters(described, what)
        if name in found:
            raise TensorError(f"Two inputs are called {name!r}.")
        size = _binary_size(name, described, parameters, len(binary) - at)
        found[name] = _tensor(name, described, parameters, None if size is None else binary[at : at + size])
        at += size or 0
    if at < len(binary):
        raise TensorError(f"Behind the JSON are {len(binary)} bytes; the inputs' binary_data_size say {at}.")
    return found


def _binary_size(name: str, described: Mapping[str, Any], parameters: Parameters, left: int) -> int | None:
    """How many bytes of binary data an input has; None where its data stands in the JSON."""
    if _SHARED in parameters:
        raise TensorError(f"{name!r} lies in shared memory, of which there is none here. Send its data.")
    size = parameters.get("binary_data_size")
    if ("data" in described) == (size is not None):
        raise TensorError(f"{name!r} must come with `data`, or with binary data and its binary_data_size: one of both.")
    if size is None:
        return None
    if type(size) is not int or not 0 <= size <= left:
        raise TensorError(
            f"The binary_data_size of {name!r} must be a whole number of at most {left}, the bytes that are there. "
            "Does Inference-Header-Content-Length say where the JSON ends?"
        )
    return size


def _tensor(name: str, described: Mapping[str, Any], parameters: Parameters, raw: memoryview | None) -> Tensor:
    datatype, shape = described.get("datatype"), shape_of(described.get("shape"), name)
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise TensorError(f"The datatype of {name!r} must be one of {', '.join(sorted(DATATYPES))}.")
    if datatype != BYTES and datatype not in NUMBERS:
        raise TensorError(f"{name!r} is {datatype}, which no model here takes.")
    if raw is not None:
        return from_binary(name, datatype, shape, raw)
    data = described["data"]
    if not isinstance(data, list):
        raise TensorError(f"The data of {name!r} must be a list.")
    if datatype == BYTES:
        return Tensor(name, datatype, shape, _from_base64(name, texts_of(name, shape, data), parameters))
    if datatype == "FP32":
        raise TensorError(f"{name!r} is FP32, which no model here takes.")
    return numbers_of(name, datatype, shape, data)


def _from_base64(name: str, texts: tuple[str, ...], parameters: Parameters) -> tuple[bytes, ...]:
    """JSON holds texts, and photos are none: they come as base64 that says so, as MLServer has it."""
    if parameters.get("content_type") != "base64":
        raise TensorError(
            f"{name!r} is BYTES in JSON, which holds texts, and files are none. Send it as binary data, or in base64 "
            'with the parameter {"content_type": "base64"}.'
        )
    try:
        return tuple(base64.b64decode(text, validate=True) for text in texts)
    except (binascii.Error, ValueError):
        raise TensorError(f"The data of {name!r} is not base64 (RFC 4648, section 4).") from None


def _outputs(given: object) -> tuple[Output, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_OUTPUTS:
        raise TensorError(f"`outputs` must be a list of at most {MOST_OUTPUTS} outputs.")
    found: list[Output] = []
    for number, one in enumerate(given):
        what = f"Output {number}"
        described = _object(one, what)
        name, parameters = _name(described, what), _parameters(described, what)
        if any(name == other.name for other in found):
            raise TensorError(f"The output {name!r} is asked for twice.")
        if unknown := sorted({"classification", _SHARED} & parameters.keys()):
            raise TensorError(f"The parameter {unknown[0]!r} of the output {name!r} is of an extension not known here.")
        binary = flag(parameters, "binary_data", default=False) if "binary_data" in parameters else None
        found.append(Output(name, binary))
    return tuple(found)
