"""Is the service alive, is it ready, is it well? No key is needed to ask."""

import os
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from regrade.serving.routes.common import RuntimeDep
from regrade.serving.runtime import Runtime
from regrade.serving.schemas import HealthOut

router = APIRouter(tags=["operations"])


@router.get("/v2/health/live", summary="Is the process alive?")
async def live() -> dict[str, bool]:
    """Always true when it is answered."""
    return {"live": True}


@router.get("/v2/health/ready", summary="Can items be graded?", responses={503: {"description": "Not yet"}})
async def ready(runtime: RuntimeDep, response: Response) -> dict[str, bool]:
    """503 until the models are loaded and warm, and again from the moment at which the service is told to end."""
    response.status_code = 200 if runtime.ready else 503
    return {"ready": runtime.ready}


@router.get("/healthz", summary="Is everything well?", responses={503: {"model": HealthOut}})
async def healthz(runtime: RuntimeDep, response: Response) -> HealthOut:
    """The version, and each part that a grade needs: 200 when all are well."""
    checks = {
        "models": "ok" if runtime.warm else "failing" if runtime.failure else "starting",
        "database": await runtime.call(_database, runtime),
        "photos": "ok" if os.access(runtime.photos.staging, os.W_OK) else "failing",
    }
    status: Literal["ok", "starting", "failing"] = "ok"
    if "failing" in checks.values():
        status = "failing"
    elif "starting" in checks.values():
        status = "starting"
    response.status_code = 200 if status == "ok" else 503
    return HealthOut(status=status, version=version("regrade"), checks=checks)


def _database(runtime: Runtime) -> str:
    try:
        runtime.database.ping()
    except SQLAlchemyError:
        return "failing"
    return "ok"
