"""FastAPI with torch, eager, FP32: `python fastapi_torch.py --port 9001`.

One worker process per core and one torch thread in each; see `fastapi_ort.py`.
"""

import json
from typing import Annotated, Any

from fastapi import FastAPI, Form, UploadFile
from grading import CATEGORY, PeerGrader
from options import options
from torch_networks import TorchNetworks

from regrade.models.bundle import load_bundle, shipped_root

app = FastAPI()
grader = PeerGrader(TorchNetworks(load_bundle(shipped_root(), CATEGORY)))


@app.post("/v1/inspections")
def grade(photos: list[UploadFile], item: Annotated[str, Form()]) -> dict[str, Any]:
    return grader.grade([photo.file.read() for photo in photos], json.loads(item)["category"])


if __name__ == "__main__":
    import uvicorn

    given = options(__doc__)
    uvicorn.run("fastapi_torch:app", port=given.port, workers=given.workers, log_level="warning")
