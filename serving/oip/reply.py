"""An answer with tensors, written as it was asked for: JSON, and behind it those in binary."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regrade.serving.base.errors import TensorError
from regrade.serving.oip.request import InferRequest
from regrade.serving.oip.tensors import Tensor, to_binary, to_json


@dataclass(frozen=True, slots=True)
class Reply:
    """A body; `json_size` is how much of it is JSON, None where all is."""

    body: bytes
    json_size: int | None


def refuse_unknown_outputs(request: InferRequest, names: Sequence[str]) -> None:
    """Raise `TensorError` where an output is asked for that is none of `names`."""
    for output in request.outputs:
        if output.name not in names:
            raise TensorError(f"There is no output {output.name!r}. There are: {', '.join(names)}.")


def write_reply(request: InferRequest, model: str, version: str, tensors: Mapping[str, Tensor]) -> Reply:
    """The answer of a `model` in a `version`: the outputs that were asked for, in that order, all where none was."""
    binary = request.binary_output
    said = {output.name: output.binary for output in request.outputs} or dict.fromkeys(tensors)
    described, raw = [], []
    for name, own in said.items():
        tensor = tensors[name]
        told: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if binary if own is None else own:
            raw.append(to_binary(tensor))
            told["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            told["data"] = to_json(tensor)
        described.append(told)
    named = {"model_name": model, "model_version": version}
    root = named | ({} if request.id is None else {"id": request.id}) | {"outputs": described}
    text = json.dumps(root, ensure_ascii=False, allow_nan=False).encode()
    return Reply(b"".join([text, *raw]), len(text) if raw else None)
