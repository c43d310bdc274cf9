"""ONNX files out of torch modules, and what their quantisation reads."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader
from torch import nn

from regrade.models.networks.runtime import NO_SATURATION

OPSET: Final = 18


def onnx_of(
    module: nn.Module,
    example: torch.Tensor,
    outputs: Sequence[str],
    dynamic: tuple[Mapping[int, Any], ...] | None = None,
) -> bytes:
    """`module` as an ONNX file with input `pixels`, shaped like `example` but for the axes in `dynamic`, and these
    outputs."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "module.onnx"
        torch.onnx.export(
            module.eval(),
            (example,),
            str(path),
            input_names=["pixels"],
            output_names=list(outputs),
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return stripped(onnx.load(str(path)))


class PixelReader(CalibrationDataReader):  # type: ignore[misc]
    """Photos to calibrate a quantisation on, each uint8 (side, side, 3), one at a time."""

    def __init__(self, inputs: Sequence[NDArray[np.uint8]]) -> None:
        self._rows: Iterator[NDArray[np.uint8]] = iter(inputs)

    def get_next(self) -> dict[str, Any] | None:
        row = next(self._rows, None)
        return None if row is None else {"pixels": row[np.newaxis]}


def stripped(model: onnx.ModelProto) -> bytes:
    """Without the exporter's notes, which hold the paths of the machine it ran on."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for values in (model.graph.value_info, model.graph.input, model.graph.output, model.graph.initializer):
        for value in values:
            del value.metadata_props[:]
    kept = [entry for entry in model.metadata_props if entry.key == NO_SATURATION]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    del model.graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
