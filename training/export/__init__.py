"""From PyTorch to ONNX, FP32 and INT8, and the proof that both give the same. May import `run`, `metrics`, `data`."""
