"""LitServe with ONNX Runtime INT8: `python litserve_ort.py --port 9001`.

As LitServe's documentation has it for CPU-bound work: `workers_per_device` inference processes, one a core. Its
dynamic batching is off: the detector's input holds one photo, and a batch of requests would be worked off by one of
the workers while the other waits.
"""

import json
from typing import Any

import litserve as ls
from fastapi import Request
from grading import PeerGrader
from options import options


class GradeAPI(ls.LitAPI):  # type: ignore[misc]
    """One item a request."""

    def setup(self, device: str) -> None:
        self.grader = PeerGrader()

    def decode_request(self, request: Request) -> tuple[list[bytes], str]:
        form: Any = request  # LitServe hands the parsed form on
        photos = [photo.file.read() for photo in form.getlist("photos")]
        return photos, json.loads(form["item"])["category"]

    def predict(self, inputs: tuple[list[bytes], str]) -> dict[str, Any]:
        return self.grader.grade(*inputs)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    given = options(__doc__)
    api = GradeAPI(api_path="/v1/inspections")
    server = ls.LitServer(api, accelerator="cpu", devices=1, workers_per_device=given.workers, timeout=120)
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False, log_level="warning")
