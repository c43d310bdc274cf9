"""Which bundles a command line means."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regrade.models.registry.store import BundleStore


def store_named(data_dir: Path | None, bundles: Path | None) -> "BundleStore":
    """The folder `bundles` as it is, where nothing else is named; else the bundles of the service on `data_dir`."""
    from regrade.models.registry.store import named_store
    from regrade.serving.base.settings import load_settings

    if bundles is not None:
        return named_store(data_dir, bundles)
    return load_settings(data_dir=data_dir).bundle_store
