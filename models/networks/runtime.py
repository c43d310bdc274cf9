"""ONNX Runtime sessions: one thread each, shared between the workers, no spinning."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

# Must be set before the import: ONNX Runtime would otherwise collect usage and send it out of the warehouse.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from regrade.models.errors import BundleError

ort.disable_telemetry_events()

Arrays = tuple[NDArray[Any], ...]

NO_SATURATION: Final = "regrade.no_saturation"
"""Metadata of an INT8 network that says that none of its sums leaves 16 bits on a CPU without VNNI: proven of its
weights by `regrade.training.export.saturation`, so that the fast kernels are exact for it everywhere."""


class Model:
    """One ONNX file (its path or its bytes), ready to run. Thread-safe: `run` releases the GIL and keeps no state."""

    def __init__(self, source: Path | bytes, *, widen: bool | None = None) -> None:
        """Load `source`. Where a CPU's fast INT8 kernels may saturate, `widen` takes exact, slower ones: always, never,
        or (None) unless the network says that its sums fit all the same (`NO_SATURATION`).

        Raises `BundleError` for what ONNX Runtime cannot load.
        """
        self._session = _session(source, widen=widen is not False)
        self.sums_fit = NO_SATURATION in self._session.get_modelmeta().custom_metadata_map
        if widen is None and self.sums_fit:
            self._session = _session(source, widen=False)
        self._inputs = tuple(i.name for i in self._session.get_inputs())
        self.shapes = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())

    def run(self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> Arrays:
        """The named `outputs` (all, in graph order, when None) for `feeds`, input name → array.

        Feeds that the graph has no input for are left out: a head without defects does not ask for the map.
        """
        asked = {name: feeds[name] for name in self._inputs}
        result = self._session.run(list(outputs) if outputs else None, asked)
        return tuple(cast(list[NDArray[Any]], result))


def _session(source: Path | bytes, *, widen: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # Parallelism comes from running photos side by side; threads inside one photo would fight over cores.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without VNNI, products of U8 and S8 saturate: this makes their sums exact there, and is slow everywhere.
    options.add_session_config_entry("session.x64quantprecision", "1" if widen else "0")
    try:
        return ort.InferenceSession(
            source if isinstance(source, bytes) else str(source), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime raises bare C++ exceptions of many types
        named = "the network" if isinstance(source, bytes) else source
        raise BundleError(f"{named} cannot be loaded by ONNX Runtime: {error}") from error


def as_float(array: NDArray[Any]) -> NDArray[np.float64]:
    """`array` in float64, in which all decisions after the networks are computed."""
    return np.asarray(array, dtype=np.float64)
