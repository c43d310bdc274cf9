"""What stock clients ask before they send anything: the server, its models, and whether one is ready."""

from importlib.metadata import version as installed
from typing import Any

from fastapi import APIRouter, Response

from regrade.serving.http.routes.common import ReaderDep, Responses, RuntimeDep, problems
from regrade.serving.http.routes.inference.schemas import ModelMetadataOut, ModelReadyOut, ServerMetadataOut
from regrade.serving.oip.model import EXTENSIONS, described, find_model
from regrade.serving.runtime import Runtime

router = APIRouter(prefix="/v2", tags=["inference"])

_MODEL = "/models/{name}"
_VERSION = "/models/{name}/versions/{version}"
_READY: Responses = {503: {"model": ModelReadyOut, "description": "Not now"}}


@router.get("", summary="Describe the inference server", responses=problems(401, 403))
async def server(key: ReaderDep) -> ServerMetadataOut:
    """The server's name and version, and which extensions of the protocol it knows."""
    return ServerMetadataOut(name="regrade", version=installed("regrade"), extensions=list(EXTENSIONS))


@router.get(_MODEL, summary="Describe a model", responses=problems(401, 403, 404))
async def model(name: str, runtime: RuntimeDep, key: ReaderDep) -> ModelMetadataOut:
    """A category by its name, or `_router`, which predicts the category and judges by that one's bundle.

    Inputs and outputs with their datatypes and shapes, the parameters of a request, and the version that is loaded.
    """
    return _metadata(runtime, name, None)


@router.get(_VERSION, summary="Describe a model's version", responses=problems(401, 403, 404))
async def model_version(name: str, version: str, runtime: RuntimeDep, key: ReaderDep) -> ModelMetadataOut:
    """The same for a version, which is there as long as it is the active one."""
    return _metadata(runtime, name, version)


@router.get(f"{_MODEL}/ready", summary="Is a model ready?", responses=problems(401, 403, 404, also=_READY))
async def ready(name: str, runtime: RuntimeDep, key: ReaderDep, response: Response) -> ModelReadyOut:
    """200 where it can be asked now."""
    return await _ready(runtime, name, None, response)


@router.get(f"{_VERSION}/ready", summary="Is a version ready?", responses=problems(401, 403, 404, also=_READY))
async def version_ready(
    name: str, version: str, runtime: RuntimeDep, key: ReaderDep, response: Response
) -> ModelReadyOut:
    """200 where it is the active one and can be asked now, 404 where another is."""
    return await _ready(runtime, name, version, response)


def _metadata(runtime: Runtime, name: str, version: str | None) -> ModelMetadataOut:
    told: dict[str, Any] = described(find_model(runtime.grader, name, version))
    return ModelMetadataOut.model_validate(told)


async def _ready(runtime: Runtime, name: str, version: str | None, response: Response) -> ModelReadyOut:
    find_model(runtime.grader, name, version)
    await runtime.look()
    response.status_code = 200 if runtime.ready else 503
    return ModelReadyOut(name=name, ready=runtime.ready)
