"""FastAPI with torch, eager, FP32: `python fastapi_torch.py --port 9001`.

One worker process per core and one torch thread in each; see `fastapi_ort.py`.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Form, UploadFile
from grading import CATEGORY, PeerGrader
from options import options
from torch_networks import TorchNetworks

from regrade.models.bundle import load_bundle, shipped_root


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.grader = PeerGrader(TorchNetworks(load_bundle(shipped_root(), CATEGORY)))
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/inspections")
def grade(photos: list[UploadFile], item: Annotated[str, Form()]) -> dict[str, Any]:
    grader: PeerGrader = app.state.grader
    return grader.grade([photo.file.read() for photo in photos], json.loads(item)["category"])


if __name__ == "__main__":
    import uvicorn

    given = options(__doc__)
    # A worker that is loading must not be taken for a dead one.
    uvicorn.run(
        "fastapi_torch:app",
        port=given.port,
        workers=given.workers,
        log_level="warning",
        timeout_worker_healthcheck=120,
    )
