"""What decisions of a service were made by: the categories of its bundles."""

from pathlib import Path

from regrade.datasets.category import Category, load_categories
from regrade.models.errors import BundleError
from regrade.models.registry.store import site_store


def definitions(data_dir: Path, folder: Path | None) -> dict[str, Category]:
    """The categories defined in `folder`; without one, those that the bundles of the service on `data_dir` are sealed
    with, and the shipped ones that it has no bundle of. Raises `DatasetError` as `load_categories` does."""
    known = load_categories(folder)
    if folder is not None:
        return known
    try:
        sealed = site_store(data_dir).definitions()
    except BundleError:
        return known
    return {**known, **{name: one for name, one in sealed.items() if one.version}}
