"""The probe that ships is the one that its builder describes."""

import onnx

from regrade.models.networks.arithmetic import PROBE
from regrade.training.export.saturation_probe import build


def test_the_probe_that_ships_is_what_is_built() -> None:
    assert onnx.load(PROBE) == onnx.load_from_string(build())
