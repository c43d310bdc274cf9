"""The Open Inference Protocol over HTTP: which models there are, and inference."""
