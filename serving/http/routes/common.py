"""What routes share: who is calling, in which language, and a JSON body read within bounds."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from regrade.serving.access.keys import ROLES, STAFF, ApiKey, Role
from regrade.serving.base.errors import UploadAborted
from regrade.serving.base.i18n import pick, text
from regrade.serving.base.json_text import read_model
from regrade.serving.base.problems import MEDIA_TYPE, Problem, ProblemError
from regrade.serving.connections.table import trust
from regrade.serving.http.middleware import asked_method
from regrade.serving.http.routes.queries import refuse_unknown
from regrade.serving.runtime import Runtime
from regrade.serving.storage.scope import see_only

MAX_JSON_BYTES = 256 * 1024

M = TypeVar("M", bound=BaseModel)

_bearer = HTTPBearer(auto_error=False, description="A key made with `regrade keys create --role ROLE`.")


# Dependencies are coroutines even where they wait for nothing: FastAPI sends plain functions to another thread.
async def runtime_of(request: Request) -> Runtime:
    """The running service."""
    runtime: Runtime = request.app.state.runtime
    return runtime


RuntimeDep = Annotated[Runtime, Depends(runtime_of)]


def language_of(request: Request) -> str:
    """The language that the caller reads, of those that there are."""
    return in_use(request, pick(request.headers.get("accept-language")))


def in_use(request: Request, lang: str) -> str:
    """`lang` with the names of the categories in force."""
    runtime: Runtime | None = getattr(request.app.state, "runtime", None)
    return lang if runtime is None else runtime.in_force.language(lang)


async def _answer_in(request: Request, response: Response) -> str:
    lang = language_of(request)
    response.headers["Content-Language"] = lang
    response.headers["Vary"] = "Accept-Language"
    return lang


LanguageDep = Annotated[str, Depends(_answer_in)]
"""The caller's language; the answer says that it is in it."""


def caller(*roles: Role) -> Callable[..., Coroutine[Any, Any, ApiKey]]:
    """A dependency: the caller's key, which must have one of `roles` or be an admin's.

    It is settled before anything of the body is read: only headers are looked at.
    """

    async def check(
        request: Request,
        runtime: RuntimeDep,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> ApiKey:
        key = None
        if credentials is not None:
            key = await runtime.find_key(credentials.credentials)
            if key is None:
                runtime.metrics.failed_logins.labels("api").inc()
        if key is None:
            detail = text("problem.unauthenticated", language_of(request))
            raise ProblemError(Problem("unauthenticated", detail, {}, {"WWW-Authenticate": 'Bearer realm="regrade"'}))
        trust(request.scope)
        see_only(key.sees)
        if not key.may(*roles):
            needed = sorted({*roles, "admin"})
            asked = f"{asked_method(request.scope)} {request.url.path}"
            params = {"role": key.role, "asked": asked, "needed": ", ".join(needed)}
            detail = text("problem.forbidden", language_of(request), **params)
            raise ProblemError(Problem("forbidden", detail, {"role": key.role, "needed": needed}))
        await refuse_unknown(request)
        return key

    return check


ReaderDep = Annotated[ApiKey, Depends(caller(*STAFF))]
"""Anybody who works here."""
SellerOrReaderDep = Annotated[ApiKey, Depends(caller(*ROLES))]
"""The same or a seller, who is shown their own alone: the database sees to it, and `sellers.out` to what of it."""


async def read_bytes(request: Request, most: int) -> bytes:
    """The body. Raises `ProblemError` for one of more than `most` bytes, and `UploadAborted` where it does not end."""
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > most:
                limit = f"{most // 1024} KB"
                raise ProblemError(Problem("body-too-large", f"The request is larger than {limit}. Shorten it."))
    except ClientDisconnect:
        raise UploadAborted("The client went away before the request was complete; nothing was done.") from None
    return bytes(data)


async def read_json(request: Request, model: type[M]) -> M:
    """The JSON body as `model`. Raises `InvalidFieldsError`, and `ProblemError` for a body that is too long.

    Routes call this themselves: FastAPI would read a body parameter before it asks who is calling.
    """
    return read_model(await read_bytes(request, MAX_JSON_BYTES), model, "request")


Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int, also: Responses | None = None) -> Responses:
    """The OpenAPI description of the problems that a route may answer, and of the answers in `also`."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    described: Responses = {status: {"description": _TITLES[status], "content": content} for status in statuses}
    return described | (also or {})


def json_body(*models: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a JSON body that the route reads itself; of several `models` it is one."""
    schemas = [{"$ref": f"#/components/schemas/{model.__name__}"} for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_TITLES = {
    400: "Malformed request",
    401: "No valid API key",
    403: "The key's role does not allow this",
    404: "Not found",
    408: "The request took too long",
    409: "Conflict with an earlier request",
    410: "Erased",
    413: "Too large",
    415: "Not an accepted type",
    422: "Something in the request is wrong; `errors` or `photo` says what",
    431: "The head is too long",
    429: "Too many requests; see Retry-After",
    500: "A fault of ours; `incident` says which, in the log",
    501: "Unknown transfer coding",
    503: "Busy, starting or ending; see Retry-After",
    507: "No room to store it; see Retry-After",
}
