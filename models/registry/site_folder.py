"""A site's own folder of bundles, as it is changed: one change at a time, and never that of the package."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from regrade.models.errors import BundleError
from regrade.models.files import locked, make_folders
from regrade.models.registry.activations import login
from regrade.models.registry.adoption import adopt, adopted, shipped_bundles
from regrade.models.registry.store import BundleStore, is_shipped


def prepare(store: BundleStore) -> None:
    """Make the site's own folder, and take over what an older release left in that of the package. Repeating it does
    nothing. Raises `BundleError` where it cannot be written."""
    with changing(store):
        pass


@contextmanager
def changing(store: BundleStore, *, fresh: bool = False) -> Iterator[Path]:
    """The site's own folder, to be changed; one change at a time. The kernel ends the lock with the process.

    The folder is made where it belongs to a data directory, or is `fresh`.
    """
    site = store.site
    if site is None or is_shipped(site):
        raise BundleError(
            "The bundles that come with the package are never changed. Name the data directory of a service with "
            "--data-dir: what it grades with is kept there."
        )
    try:
        if store.base is not None or fresh:
            make_folders(site, private=store.base is not None)
        lock = ExitStack()
        lock.enter_context(locked(site))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(f"{site} is not a folder of bundles. Train one with `regrade train`.") from error
    except OSError as error:
        raise BundleError(_unwritable(site, error)) from error
    try:
        if not adopted(store):
            adopt(store, shipped_bundles())
        yield site
    except OSError as error:
        raise BundleError(_unwritable(site, error)) from error
    finally:
        lock.close()


def _unwritable(site: Path, error: OSError) -> str:
    return f"{site} cannot be changed: {error.strerror}. It must be writable for {login()}, on a disk with room."
