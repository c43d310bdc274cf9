"""What the loaded bundles say of themselves."""

from fastapi import APIRouter

from regrade.serving.routes.common import ReaderDep, RuntimeDep, problems
from regrade.serving.schemas import BundleOut, CategoryModelsOut, ModelsOut

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="List the models", responses=problems(401, 403, 503))
async def list_models(runtime: RuntimeDep, key: ReaderDep) -> ModelsOut:
    """Every category with its bundles: versions, which one is active, metrics and model card."""
    bundles = await runtime.call(runtime.grader.describe)
    categories = []
    for name in sorted({bundle.category for bundle in bundles}):
        own = [bundle for bundle in bundles if bundle.category == name]
        versions = [
            BundleOut(
                version=bundle.version,
                active=bundle.active,
                conditions=list(bundle.conditions),
                defect_types=list(bundle.defect_types),
                auto_threshold=bundle.auto_threshold,
                metrics=dict(bundle.metrics),
                card=bundle.card,
            )
            for bundle in own
        ]
        active = next((bundle.version for bundle in own if bundle.active), None)
        categories.append(CategoryModelsOut(category=name, active=active, versions=versions))
    return ModelsOut(categories=categories)
