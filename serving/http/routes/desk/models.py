"""`/desk/models`: which bundles grade, which are on trial, what is shown of them, and who chooses."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from regrade.models.errors import RegradeError
from regrade.serving.access.sessions import Session
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.base.problems import spoken_problem
from regrade.serving.candidates.overview import states
from regrade.serving.http import model_steps as steps
from regrade.serving.http.routes.common import RuntimeDep
from regrade.serving.http.routes.desk.access import DeskLanguageDep, at_page, read_own_form, see
from regrade.serving.http.routes.desk.item_words import stamp
from regrade.serving.http.routes.desk.model_words import views
from regrade.serving.http.routes.desk.templates import DESK, desk_page
from regrade.serving.runtime import Runtime

router = APIRouter(include_in_schema=False)

EngineerDep = Annotated[Session, Depends(at_page("engineer"))]

PAGE: Final = f"{DESK}/models"
ACTS: Final = ("shadow", "end", "activate")
MOST_REASON: Final = 500


@router.get("/models")
async def short(request: Request) -> Response:
    """The short address of the page."""
    return see(request, PAGE)


@router.get(PAGE)
async def models(request: Request, session: EngineerDep, runtime: RuntimeDep, lang: DeskLanguageDep) -> Response:
    """Every category: what grades, what is on trial, in figures and in words, and what can be done."""
    return await _page(request, session, runtime, lang)


@router.post(f"{PAGE}/{{category}}/{{act}}")
async def change(
    category: str, act: str, request: Request, session: EngineerDep, runtime: RuntimeDep, lang: DeskLanguageDep
) -> Response:
    """Start or end a trial, or activate a version, as the form of the page says; then the page again."""
    fields = await read_own_form(request, session, lang)
    version, reason = fields.get("version", "")[:64], fields.get("reason", "").strip()[:MOST_REASON]
    try:
        if act not in ACTS:
            raise NotFoundError(Message("problem.no_model_step", {"act": act[:40], "known": ", ".join(ACTS)}))
        if act == "shadow":
            await steps.try_out(runtime, category, version, session.key, reason)
        elif act == "end":
            await steps.end_trial(runtime, category, session.key)
        else:
            await steps.activate(runtime, category, version, session.key, reason)
    except RegradeError as error:
        problem = spoken_problem(error, lang)
        return await _page(request, session, runtime, lang, status=problem.status, fault=problem.detail)
    return see(request, f"{PAGE}#{category}")


async def _page(
    request: Request, session: Session, runtime: Runtime, lang: str, status: int = 200, fault: str | None = None
) -> Response:
    grader, policy = runtime.grader, runtime.in_force.policy
    found = await runtime.call(states, runtime.graders.store, grader, policy, runtime.database, runtime.candidates)
    return desk_page(
        request,
        "models.html",
        lang,
        session,
        status=status,
        fault=fault,
        categories=await runtime.call(views, found, policy.currency, lang),
        promotion=runtime.settings.promotion,
        stamp=stamp,
    )
