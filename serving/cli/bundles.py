"""Which bundles a command line means."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from regrade.models.category.schema import Category
    from regrade.models.promise.held_out import HeldOut
    from regrade.models.registry.store import BundleStore


def store_named(data_dir: Path | None, bundles: Path | None) -> "BundleStore":
    """The folder `bundles` as it is, where nothing else is named; else the bundles of the service on `data_dir`."""
    from regrade.models.registry.store import named_store
    from regrade.serving.base.settings import load_settings

    if bundles is not None:
        return named_store(data_dir, bundles)
    return load_settings(data_dir=data_dir).bundle_store


def tables_here(data_dir: Path | None = None) -> "dict[str, HeldOut]":
    """The tables that promises rest on, of the bundles of the service on `data_dir`; none where they cannot be read."""
    from regrade.models.errors import BundleError

    try:
        return store_named(data_dir, None).held_out()
    except BundleError:
        return {}


def categories_here(data_dir: Path | None = None) -> "dict[str, Category]":
    """What the bundles of the service on `data_dir` say of their categories; where they cannot be read, nothing, and it
    is said so."""
    from regrade.models.errors import BundleError

    try:
        return store_named(data_dir, None).definitions()
    except BundleError as error:
        typer.echo(f"note: checked without what bundles say of their categories: {error}", err=True)
        return {}
