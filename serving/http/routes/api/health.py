"""Is the service alive, is it ready, is it well? No key is needed to ask."""

from collections.abc import Sequence
from importlib.metadata import version

from fastapi import APIRouter, Depends, Response

from regrade.serving.base.health import Finding, worst
from regrade.serving.base.i18n import say
from regrade.serving.http.routes.common import LanguageDep, RuntimeDep
from regrade.serving.http.routes.queries import refuse_unknown
from regrade.serving.http.schemas import HealthOut, ReadyOut

router = APIRouter(tags=["operations"], dependencies=[Depends(refuse_unknown)])


@router.get("/v2/health/live", summary="Is the process alive?")
async def live() -> dict[str, bool]:
    """Always true when it is answered."""
    return {"live": True}


@router.get(
    "/v2/health/ready",
    summary="Can items be graded?",
    response_model_exclude_defaults=True,
    responses={503: {"description": "Not now; `reasons` says why"}},
)
async def ready(runtime: RuntimeDep, lang: LanguageDep, response: Response) -> ReadyOut:
    """503 until the models are loaded and warm, where some check fails (such as a disk that is nearly full), and from
    the moment at which the service is told to end."""
    findings = await runtime.look()
    response.status_code = 200 if runtime.ready else 503
    return ReadyOut(ready=runtime.ready, reasons=_reasons(findings, lang))


@router.get("/healthz", summary="Is everything well?", responses={503: {"model": HealthOut}})
async def healthz(runtime: RuntimeDep, lang: LanguageDep, response: Response) -> HealthOut:
    """The version, and each part that a grade needs: 200 when all are well, else 503 with the reasons."""
    findings = await runtime.look()
    status = worst(findings)
    response.status_code = 200 if status == "ok" else 503
    return HealthOut(
        status=status,
        version=version("regrade"),
        checks={finding.name: finding.state for finding in findings},
        reasons=_reasons(findings, lang),
    )


def _reasons(findings: Sequence[Finding], lang: str) -> dict[str, str]:
    return {finding.name: say(finding.words, lang) for finding in findings if finding.words is not None}
