"""What the bundles say of themselves, and which of them grades."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.registry import trials
from regrade.models.registry.store import BundleStore
from regrade.models.registry.trials import Trial
from regrade.serving.access.keys import ApiKey
from regrade.serving.base.errors import NotFoundError
from regrade.serving.base.i18n import Message
from regrade.serving.http import model_steps as steps
from regrade.serving.http.routes.common import ReaderDep, RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.schemas import (
    ActivationIn,
    ArithmeticOut,
    BundleOut,
    CategoryModelsOut,
    GoldenOut,
    ModelsOut,
    TrialIn,
    TrialOut,
)

router = APIRouter(prefix="/v1/models", tags=["models"])

BODIES = (ActivationIn, TrialIn)

EngineerDep = Annotated[ApiKey, Depends(caller("engineer"))]


@router.get("", summary="List the models", responses=problems(401, 403, 503))
async def list_models(runtime: RuntimeDep, key: ReaderDep) -> ModelsOut:
    """Every category with its bundles: versions, which one grades, metrics and model card; what is wrong with a
    spoilt one. Also by which arithmetic the networks are run on this machine."""
    grader = runtime.grader
    categories = await runtime.call(_described, grader, runtime.graders.store, grader.categories)
    return ModelsOut(categories=categories, arithmetic=_arithmetic(grader))


@router.post(
    "/{category}/activate",
    summary="Activate a version",
    openapi_extra=json_body(ActivationIn),
    responses=problems(401, 403, 404, 409, 413, 422, 503, 507),
)
async def activate(
    category: str,
    request: Request,
    runtime: RuntimeDep,
    key: EngineerDep,
) -> CategoryModelsOut:
    """Grades items of the category with this version from now on, after every restart and every upgrade.

    It is kept in the data directory, and loaded and warmed beside the one in use; no request fails or waits meanwhile,
    and an item is graded wholly by one of them. To activate the release's default keeps it whatever a newer release
    brings. `_router` names the model that tells categories apart.
    """
    body = await read_json(request, ActivationIn)
    grader = await steps.activate(runtime, category, body.version, key, body.reason)
    (described,) = await runtime.call(_described, grader, runtime.graders.store, (category,))
    return described


@router.post(
    "/{category}/shadow",
    summary="Try a version in shadow",
    openapi_extra=json_body(TrialIn),
    responses=problems(401, 403, 404, 409, 413, 422, 503, 507),
)
async def try_out(category: str, request: Request, runtime: RuntimeDep, key: EngineerDep) -> TrialOut:
    """Lets an installed version judge the items of the category beside the active one from now on, after every restart.

    What it would have said is kept, and compared with what people decide; neither stations nor reviewers are told, and
    no answer waits for it. It takes the place of a version that is on trial; the same one again changes nothing.
    """
    body = await read_json(request, TrialIn)
    return _trial(await steps.try_out(runtime, category, body.version, key, body.reason))


@router.get("/{category}/shadow", summary="Read a trial", responses=problems(401, 403, 404))
async def read_trial(category: str, runtime: RuntimeDep, key: EngineerDep) -> TrialOut:
    """The version of the category that is on trial, or was stopped."""
    trial = await runtime.call(trials.trial_of, runtime.graders.store, category)
    if trial is None:
        raise NotFoundError(Message("problem.no_trial", {"category": category}))
    return _trial(trial)


@router.delete(
    "/{category}/shadow", summary="End a trial", status_code=204, responses=problems(401, 403, 404, 503, 507)
)
async def end_trial(category: str, runtime: RuntimeDep, key: EngineerDep) -> Response:
    """Ends the trial of the category; what was compared stays. Where none is, nothing changes."""
    await steps.end_trial(runtime, category, key)
    return Response(status_code=204)


def _trial(trial: Trial) -> TrialOut:
    return TrialOut.model_validate(trial, from_attributes=True)


def _arithmetic(grader: Grader) -> ArithmeticOut:
    used, found = grader.arithmetic, grader.golden
    golden = None
    if found is not None and found.bundles:
        golden = GoldenOut(passed=found.passed, cosine=found.cosine, shift=found.shift, bundles=sorted(found.bundles))
    return ArithmeticOut(
        precision=used.precision, kernels=used.kernels, cpu=list(used.cpu), description=str(used), golden=golden
    )


def _described(grader: Grader, store: BundleStore, categories: tuple[str, ...]) -> list[CategoryModelsOut]:
    # What this grader runs, whatever has become active on the disk since it was loaded.
    return [
        CategoryModelsOut(
            category=category,
            active=grader.versions[category],
            chosen=_named(store.chosen, category) is not None,
            default=_named(store.default, category),
            versions=[_described_one(grader, store, category, version) for version in store.versions(category)],
        )
        for category in categories
    ]


def _named(pointer: Callable[[str], str | None], category: str) -> str | None:
    try:
        return pointer(category)
    except BundleError:
        # Somebody has spoilt the file since; what is wrong is told with each version, and at the next start.
        return None


def _described_one(grader: Grader, store: BundleStore, category: str, version: str) -> BundleOut:
    active, own = grader.versions[category] == version, store.has_own(category, version)
    told = BundleOut(version=version, active=active, origin="site" if own else "release")
    try:
        bundle = store.load(category, version)
    except BundleError as error:
        return told.model_copy(update={"fault": str(error)})
    return told.model_copy(
        update={
            "conditions": list(bundle.labels),
            "defect_types": [kind.name for kind in bundle.defects],
            "auto_threshold": bundle.calibration.selective.threshold,
            "metrics": dict(bundle.metrics),
            "card": bundle.card,
        }
    )
