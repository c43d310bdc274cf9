"""Training: fit, evaluate, calibrate, export, quantise, register."""

import os

# As in `regrade.models.networks.runtime`, before anything here imports ONNX Runtime: it must not report home.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
