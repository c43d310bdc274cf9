"""What the bundles say of themselves, and which of them grades."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.models.registry import changes as registry
from regrade.models.registry.store import BundleStore
from regrade.serving.access.keys import ApiKey
from regrade.serving.http.routes.common import ReaderDep, RuntimeDep, caller, json_body, problems, read_json
from regrade.serving.http.schemas import ActivationIn, ArithmeticOut, BundleOut, CategoryModelsOut, GoldenOut, ModelsOut

router = APIRouter(prefix="/v1/models", tags=["models"])

BODIES = (ActivationIn,)


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
    key: Annotated[ApiKey, Depends(caller("engineer"))],
) -> CategoryModelsOut:
    """Grades items of the category with this version from now on, after every restart and every upgrade.

    It is kept in the data directory, and loaded and warmed beside the one in use; no request fails or waits meanwhile,
    and an item is graded wholly by one of them. To activate the release's default keeps it whatever a newer release
    brings. `_router` names the model that tells categories apart.
    """
    body = await read_json(request, ActivationIn)
    size = await runtime.call(registry.bytes_to_activate, runtime.graders.store, category, body.version)
    runtime.disk.refuse(size)
    by = f"{key.name} ({key.id})"
    grader = await runtime.graders.activate(category, body.version, by=by, reason=body.reason)
    (described,) = await runtime.call(_described, grader, runtime.graders.store, (category,))
    return described


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
