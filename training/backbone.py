"""The frozen backbone as ONNX: FP32 from torch, INT8 by static quantisation on real photos."""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from regrade.datasets.manifest import Record
from regrade.models.arch.efficientnet_lite import LiteBackbone, pretrained_weights_path
from regrade.models.bundle import sha256
from regrade.training.features import view_of

OPSET = 18
CALIBRATION_PHOTOS = 128
RECIPE = "lite0 stages 4+5, u8s8 per channel, conv+clip+add, min-max"
"""Change it with anything in this file that changes the bytes that come out."""


def export_fp32(side: int) -> bytes:
    """The pretrained backbone as an ONNX file with input `pixels`, uint8 (n, side, side, 3), and outputs `features`
    and `map`."""
    backbone = LiteBackbone(pretrained_weights_path()).eval()
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "backbone.onnx"
        torch.onnx.export(
            backbone,
            (example,),
            str(path),
            input_names=["pixels"],
            output_names=["features", "map"],
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=64)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return _stripped(onnx.load(str(path)))


def quantize_int8(fp32: bytes, inputs: Sequence[NDArray[np.uint8]]) -> bytes:
    """Static QDQ INT8 of `fp32`: weights per channel, activations calibrated on `inputs`, each uint8
    (side, side, 3)."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(fp32)
        quantize_static(
            str(source),
            str(target),
            _Reader(inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Clip must be among them: only then is a ReLU6 folded into the range of the convolution before it
            # (without it the features' median cosine to FP32 fell from 0.99 to 0.87). The pooling stays in FP32.
            op_types_to_quantize=["Conv", "Clip", "Add"],
        )
        return _stripped(onnx.load(str(target)))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, inputs: Sequence[NDArray[np.uint8]]) -> None:
        self._rows: Iterator[NDArray[np.uint8]] = iter(inputs)

    def get_next(self) -> dict[str, Any] | None:
        row = next(self._rows, None)
        return None if row is None else {"pixels": row[np.newaxis]}


def _stripped(model: onnx.ModelProto) -> bytes:
    """Without the exporter's notes, which hold the paths of the machine it ran on."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for values in (model.graph.value_info, model.graph.input, model.graph.output, model.graph.initializer):
        for value in values:
            del value.metadata_props[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def prepared_backbones(
    records: Sequence[Record], side: int, cache: Path, tick: Callable[[str], None]
) -> tuple[bytes, bytes]:
    """The FP32 and the INT8 backbone, from the cache where the same recipe already made them.

    INT8 is calibrated on every k-th photo of the training split, at most `CALIBRATION_PHOTOS` of them.
    """
    chosen = [r for r in records if r.split == "train"]
    chosen = chosen[:: max(1, len(chosen) // CALIBRATION_PHOTOS)][:CALIBRATION_PHOTOS]
    weights = sha256(pretrained_weights_path().read_bytes())
    recipe = "\n".join([RECIPE, weights, str(side), torch.__version__, *(r.sha256 for r in chosen)])
    folder = cache / f"backbone-{sha256(recipe.encode())[:16]}"
    fp32_path, int8_path = folder / "fp32.onnx", folder / "int8.onnx"
    if not int8_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fp32 = export_fp32(side)
        fp32_path.write_bytes(fp32)
        tick("backbone exported")
        int8 = quantize_int8(fp32, [view_of(r, "plain", side) for r in chosen])
        # Written last and whole: its presence says that both are there.
        partial = int8_path.with_suffix(".partial")
        partial.write_bytes(int8)
        partial.replace(int8_path)
    tick("backbone quantised")
    return fp32_path.read_bytes(), int8_path.read_bytes()
