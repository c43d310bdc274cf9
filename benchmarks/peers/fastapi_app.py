"""What the FastAPI peers share.

As FastAPI's documentation has it: one worker process per core, and a plain `def` endpoint, which FastAPI runs in its
thread pool, so that the event loop goes on taking uploads in meanwhile.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Form, UploadFile
from grading import PeerGrader
from options import options


def app_of(load: Callable[[], PeerGrader]) -> FastAPI:
    """An application whose workers grade with what `load` gives, each with its own, loaded when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.grader = load()
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/inspections")
    def grade(photos: list[UploadFile], item: Annotated[str, Form()]) -> dict[str, Any]:
        grader: PeerGrader = app.state.grader
        return grader.grade([photo.file.read() for photo in photos], json.loads(item)["category"])

    return app


def run(app: str, doc: str | None) -> None:
    """Serve `app`, as `module:name`, as the command line says; `doc` is its help."""
    import uvicorn

    given = options(doc)
    # A worker that is loading must not be taken for a dead one.
    uvicorn.run(app, port=given.port, workers=given.workers, log_level="warning", timeout_worker_healthcheck=120)
