"""FastAPI with ONNX Runtime INT8: `python fastapi_ort.py --port 9001`.

As FastAPI's documentation has it: one worker process per core, and a plain `def` endpoint, which FastAPI runs in its
thread pool, so that the event loop goes on taking uploads in meanwhile.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Form, UploadFile
from grading import PeerGrader
from options import options


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.grader = PeerGrader()
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
        "fastapi_ort:app",
        port=given.port,
        workers=given.workers,
        log_level="warning",
        timeout_worker_healthcheck=120,
    )
