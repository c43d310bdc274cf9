"""BentoML with ONNX Runtime INT8: `python bentoml_ort.py --port 9001`.

As BentoML's documentation has it: `workers` processes, one a core; the endpoint is a plain `def`, which BentoML runs in
its thread pool. Its adaptive batching is off, for the detector's input holds one photo.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
from grading import PeerGrader
from options import options


@bentoml.service(
    workers=int(os.environ.get("PEER_WORKERS", "2")), traffic={"timeout": 120}, logging={"access": {"enabled": False}}
)
class Grading:
    """One item a request."""

    def __init__(self) -> None:
        self.grader = PeerGrader()

    @bentoml.api(route="/v1/inspections")  # type: ignore[untyped-decorator]
    def grade(self, photos: list[Path], item: dict[str, Any]) -> dict[str, Any]:
        return self.grader.grade([photo.read_bytes() for photo in photos], item["category"])


if __name__ == "__main__":
    given = options(__doc__)
    os.environ["PEER_WORKERS"] = str(given.workers)
    here = Path(__file__).parent
    command = ["serve", "bentoml_ort:Grading", "--working-dir", str(here), "--port", str(given.port)]
    os.execv(sys.executable, [sys.executable, "-m", "bentoml", *command, "--host", "127.0.0.1"])
