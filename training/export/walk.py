"""An ONNX graph run node by node over some photos, so that a constant can be changed before it is first used."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]


class Walk:
    """Runs `model` in the order of its nodes on `inputs`, one array a photo for its input `pixels`.

    `values` holds what is still needed, a list of one array a photo for each tensor; `constants` what is the same for
    all photos. Outputs of the nodes named in `kept` stay until they have been taken.
    """

    def __init__(self, model: onnx.ModelProto, inputs: Sequence[Array], kept: Sequence[str] = ()) -> None:
        self._model, self._photos = model, len(inputs)
        self.constants: dict[str, Array] = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self.values: dict[str, list[Array]] = {"pixels": list(inputs)}
        self._uses = Counter(name for node in model.graph.node for name in node.input)
        self._uses.update(name for node in model.graph.node if node.name in kept for name in node.output)
        self._left = iter(model.graph.node)
        self._ran: set[str] = set()

    def nodes(self) -> Iterator[onnx.NodeProto]:
        """The nodes that are left, each before it is run: it runs when the next one is asked for."""
        for node in self._left:
            yield node
            self._step(node)

    def take(self, node: onnx.NodeProto) -> list[Array]:
        """The first output of a node in `kept`, for which all nodes up to it are run; once only."""
        while node.name not in self._ran:
            self._step(next(self._left))
        found = self.values[node.output[0]]
        self._release(node.output)
        return found

    def _step(self, node: onnx.NodeProto) -> None:
        names = [name for name in node.output if name]
        varying = [name for name in dict.fromkeys(node.input) if name in self.values]
        if node.op_type == "DequantizeLinear" and not varying:
            self.constants[names[0]] = self._dequantised(node)
        else:
            session = self._session(node, varying)
            feeds = [{name: self.values[name][photo] for name in varying} for photo in range(self._photos)]
            rows = [session.run(names, feed) for feed in feeds] if varying else [session.run(names, {})]
            for k, name in enumerate(names):
                if varying:
                    self.values[name] = [row[k] for row in rows]
                else:
                    self.constants[name] = rows[0][k]
        self._ran.add(node.name)
        self._release(node.input)

    def _dequantised(self, node: onnx.NodeProto) -> Array:
        whole, scale = self.constants[node.input[0]], self.constants[node.input[1]]
        scale = scale.reshape(-1, *[1] * (whole.ndim - 1)) if scale.ndim and whole.ndim else scale
        return (whole.astype(np.float64) * scale).astype(np.float32)

    def _session(self, node: onnx.NodeProto, varying: Sequence[str]) -> ort.InferenceSession:
        fixed = [
            numpy_helper.from_array(np.ascontiguousarray(self.constants[name]), name)
            for name in dict.fromkeys(node.input)
            if name and name not in varying
        ]
        given = [helper.make_tensor_value_info(name, self._type(name), None) for name in varying]
        made = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "node", given, made, fixed)
        single = helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        # Threads that wait for a node of microseconds would spin longer than they work.
        options.intra_op_num_threads = 1
        return ort.InferenceSession(single.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _type(self, name: str) -> TensorProto.DataType:
        return helper.np_dtype_to_tensor_dtype(self.values[name][0].dtype)

    def _release(self, names: Iterable[str]) -> None:
        for name in names:
            self._uses[name] -= 1
            if self._uses[name] <= 0:
                self.values.pop(name, None)
