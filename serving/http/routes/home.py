"""`/`: where to go from here, for a person or a program; and what a browser is shown where there is nothing."""

from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from regrade.serving.base.problems import Problem
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, desk_language_of
from regrade.serving.http.routes.desk.templates import desk_page

router = APIRouter(include_in_schema=False)

LINKS: Final = {
    "station": "/station",
    "desk": "/desk",
    "docs": "/docs",
    "health": "/healthz",
    "openapi": "/openapi.json",
    "inspections": "/v1/inspections",
}
VARY: Final = "Accept, Accept-Language, Cookie"
_PAGES: Final = ("station", "desk", "docs", "health")
"""Those of `LINKS` that a person opens."""


@router.get("/")
async def home(request: Request, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """A page with links for a browser; the same links as JSON for whoever does not ask for HTML."""
    if wants_page(request):
        links = [(name, LINKS[name]) for name in _PAGES]
        answer: Response = desk_page(request, "home.html", lang, None, links=links, ready=runtime.ready)
    else:
        root = request.scope["root_path"]
        links_below = {name: f"{root}{path}" for name, path in LINKS.items()}
        answer = JSONResponse({"name": "regrade", "version": version("regrade"), "links": links_below})
    answer.headers["Vary"] = VARY
    return answer


async def missing_page(request: Request, problem: Problem) -> Response:
    """The answer to a browser that asked for something that there is not: what `problem` says, and where to go."""
    lang = await desk_language_of(request)
    answer = desk_page(request, "missing.html", lang, None, status=problem.status, path=request.url.path[:200])
    answer.headers["Vary"] = VARY
    return answer


def wants_page(request: Request) -> bool:
    """Whether the client would rather have HTML than JSON (RFC 9110 section 12.5.1), as browsers that open a page.

    What takes anything, as most programs do, gets JSON.
    """
    weights = dict(map(_weight, request.headers.get("accept", "").lower().split(",")))
    page = max(weights.get("text/html", 0.0), weights.get("application/xhtml+xml", 0.0))
    data = max(weights.get("application/json", 0.0), weights.get("application/problem+json", 0.0))
    return page > data or (page == data > 0 and next(iter(weights)) in ("text/html", "application/xhtml+xml"))


def _weight(written: str) -> tuple[str, float]:
    """Media range and q value of a part of `Accept`; a q value that is none counts as 0."""
    kind, *parameters = (piece.strip() for piece in written.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0
