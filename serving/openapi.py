"""The parts of the OpenAPI description that FastAPI cannot see: bodies that routes read themselves, problems."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from regrade.serving.problems import KINDS, TYPE_PREFIX
from regrade.serving.routes import inspections, models, reviews
from regrade.serving.schemas import ProblemOut

_REF = "#/components/schemas/{model}"


def describe(app: FastAPI, root_path: str) -> None:
    """Make `app`, which is served under `root_path`, serve its whole description at /openapi.json."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _build(app, root_path)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _build(app: FastAPI, root_path: str) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=_description(),
        routes=app.routes,
        servers=[{"url": root_path or "/"}],
    )
    bodies = (*inspections.BODIES, *reviews.BODIES, *models.BODIES, ProblemOut)
    _, extra = models_json_schema([(body, "validation") for body in bodies], ref_template=_REF)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(extra.get("$defs", {}))
    for path in schema["paths"].values():
        for operation in path.values():
            # FastAPI adds its own 422 form to every route with parameters; ours are problems.
            answer = operation["responses"].get("422")
            if answer is not None and "HTTPValidationError" in str(answer):
                answer["content"] = {"application/problem+json": {"schema": {"$ref": _REF.format(model="ProblemOut")}}}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return schema


def _description() -> str:
    rows = "\n".join(f"| `{slug}` | {status} | {title} |" for slug, (status, title) in KINDS.items())
    return (
        "Errors are problem documents (RFC 9457). Their `type` is "
        f"`{TYPE_PREFIX}` followed by one of these:\n\n| type | status | meaning |\n|---|---|---|\n{rows}"
    )
