"""The parts of the OpenAPI description that FastAPI cannot see: bodies that routes read themselves, problems."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from regrade.serving.base.problems import KINDS, MEDIA_TYPE, TYPE_PREFIX
from regrade.serving.http.routes import catalogue, counts
from regrade.serving.http.routes.accounts import people, stations
from regrade.serving.http.routes.api import bench, inspections, models, reviews, revisions
from regrade.serving.http.routes.common import problems
from regrade.serving.http.routes.events import webhooks
from regrade.serving.http.routes.inference import infer
from regrade.serving.http.schemas import ProblemOut
from regrade.serving.rubric.in_force import InForce
from regrade.serving.runtime import Runtime

_REF = "#/components/schemas/{model}"

ALWAYS = (400, 408, 415, 422, 431, 500, 501, 503)
"""Statuses of problems that any request may be answered with: it is no HTTP, too slow, compressed, has parameters that
there are not, too long a head, meets a fault of ours or an unknown transfer coding, or too many others."""
_HEADERS = {
    "401": {"WWW-Authenticate": "Which kind of key is wanted."},
    "415": {"Accept-Encoding": "`identity`, where the content was compressed."},
    "429": {"Retry-After": "Seconds after which to come back."},
    "503": {"Retry-After": "Seconds after which to come back, where it is known."},
    "507": {"Retry-After": "Seconds after which to come back."},
}
_ITEM = "/v1/inspections/{inspection_id}"
_MADE: dict[str, Any] = {
    "read": (_ITEM, "get", {"parameters": {"inspection_id": "$response.body#/id"}}),
    "photo": (f"{_ITEM}/photos/{{index}}", "get", {"parameters": {"inspection_id": "$response.body#/id", "index": 0}}),
    "evidence": (f"{_ITEM}/evidence", "get", {"parameters": {"inspection_id": "$response.body#/id"}}),
    "audit": (f"{_ITEM}/audit", "get", {"parameters": {"inspection_id": "$response.body#/id"}}),
}
_CLAIMED = {"parameters": {"inspection_id": "$response.body#/inspection/id"}}
_DECISION = {"lease": "$response.body#/lease/token", "condition": "used"}
_DECIDED = {"parameters": {"inspection_id": "$response.body#/id"}}
_LINKS: dict[tuple[str, str, str], dict[str, Any]] = {
    ("/v1/inspections", "post", "201"): _MADE,
    ("/v1/inspections", "post", "200"): _MADE,
    ("/v1/reviews/claim", "post", "200"): {
        "decide": ("/v1/reviews/{inspection_id}", "post", {**_CLAIMED, "requestBody": _DECISION}),
    },
    ("/v1/reviews/{inspection_id}", "post", "200"): {
        "undo": ("/v1/reviews/{inspection_id}/undo", "post", _DECIDED),
    },
}


def describe(app: FastAPI, root_path: str) -> None:
    """Make `app`, which is served under `root_path`, serve its whole description at /openapi.json."""

    told_of: InForce | None = None

    def openapi() -> dict[str, Any]:
        nonlocal told_of
        runtime: Runtime | None = getattr(app.state, "runtime", None)
        judges = runtime.graders.judges if runtime is not None and runtime.warm else None
        if judges is not None and app.openapi_schema is not None and told_of is judges.in_force:
            return app.openapi_schema
        schema = _build(app, root_path)
        if judges is not None:
            _name_the_known(schema["components"]["schemas"], judges.grader.categories, judges.in_force)
            app.openapi_schema, told_of = schema, judges.in_force
        return schema

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
    rooms = (inspections, revisions, counts, bench, reviews, models, catalogue, stations, people, infer, webhooks)
    bodies = (*(body for room in rooms for body in room.BODIES), ProblemOut)
    _, extra = models_json_schema([(body, "validation") for body in bodies], ref_template=_REF)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(extra.get("$defs", {}))
    for name, path in schema["paths"].items():
        for operation in path.values():
            _complete(operation["responses"])
            if name == "/v2" or name.startswith("/v2/"):
                _in_the_protocols_form(operation["responses"])
            for parameter in operation.get("parameters", ()):
                _without_null(parameter["schema"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _link(schema["paths"])
    for described in schemas.values():
        for one in described.get("properties", {}).values():
            _in_one_type(one)
    return schema


def _without_null(schema: dict[str, Any]) -> None:
    """In an address a parameter is left out, never null."""
    if "anyOf" in schema:
        variants = schema.pop("anyOf")
        schema |= variants[0]


def _in_one_type(schema: dict[str, Any]) -> None:
    """What may be null as one type with two names, and not as a choice of two types: shorter, and the same."""
    variants = schema.get("anyOf", ())
    if len(variants) == 2 and variants[1] == {"type": "null"} and "type" in variants[0]:
        schema |= variants[0] | {"type": [variants[0]["type"], "null"]}
        del schema["anyOf"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]


def _name_the_known(schemas: dict[str, Any], categories: Sequence[str], in_force: InForce) -> None:
    """Say which categories, defects and currencies there are here."""
    schemas["Item"]["properties"]["category"]["enum"] = [*categories, None]
    schemas["CategoryIn"]["properties"]["category"]["enum"] = list(categories)
    schemas["DefectIn"]["properties"]["type"]["enum"] = list(in_force.defects)
    schemas["DeclaredValue"]["properties"]["currency"]["enum"] = sorted(in_force.policy.currencies)


def _complete(responses: dict[str, Any]) -> None:
    """Add what every route may answer, and the headers that tell what to do."""
    for status, answer in problems(*ALWAYS).items():
        described = responses.setdefault(str(status), {"description": answer["description"]})
        # FastAPI has a form of its own for 422.
        if "HTTPValidationError" in str(described):
            described |= answer
        described["content"] = {**described.get("content", {}), **answer["content"]}
    for status, names in _HEADERS.items():
        if status in responses:
            headers = {name: {"description": said, "schema": {"type": "string"}} for name, said in names.items()}
            responses[status]["headers"] = headers | responses[status].get("headers", {})


def _in_the_protocols_form(responses: dict[str, Any]) -> None:
    """Problems of the Open Inference Protocol have a form of their own (`Problem.response`)."""
    for answer in responses.values():
        content = answer.get("content", {})
        if content.pop(MEDIA_TYPE, None) is not None:
            other, told = content.get("application/json"), {"$ref": _REF.format(model="InferenceErrorOut")}
            schema = told if other is None else {"anyOf": [other["schema"], told]}
            content["application/json"] = {"schema": schema}


def _link(paths: dict[str, Any]) -> None:
    """Say what can be done next with what an answer holds (OpenAPI 3.1, Link Object)."""
    for (path, method, status), targets in _LINKS.items():
        links = paths[path][method]["responses"][status].setdefault("links", {})
        for name, (to, to_method, link) in targets.items():
            links[name] = {"operationId": paths[to][to_method]["operationId"], **link}


def _description() -> str:
    rows = "\n".join(f"| `{slug}` | {status} | {title} |" for slug, (status, title) in KINDS.items())
    return (
        "Errors are problem documents (RFC 9457). Their `type` is "
        f"`{TYPE_PREFIX}` followed by one of these:\n\n| type | status | meaning |\n|---|---|---|\n{rows}"
    )
