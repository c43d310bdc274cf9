"""Takes over, once, what older releases wrote into the folder of the package.

Until 2026-11-28 an activation rewrote ACTIVE in `models/bundles` of the installed code, logged it there, and training
installed bundles there. All of it is copied to the site's own folder at the first start, so that what grades stays the
same and no upgrade can undo it. The package's folder is only read.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from regrade.models.errors import BundleError
from regrade.models.files import is_private, write_atomically
from regrade.models.registry.activations import LOG_NAME, Activation, read_log
from regrade.models.registry.bundle import PREVIOUS, SHIPPED, read_pointer
from regrade.models.registry.files import copy_once, point
from regrade.models.registry.store import BundleStore, is_shipped

MARKER: Final = "adopted.json"
"""In the site's own folder, once it has taken over what there was."""

log = logging.getLogger("regrade")


@dataclass(frozen=True, slots=True)
class Shipped:
    """What a release ships of one category: its default, and all its versions."""

    active: str
    versions: tuple[str, ...]


def shipped_bundles() -> Mapping[str, Shipped]:
    """What this release ships, by category: older releases changed the folder itself, which therefore cannot tell."""
    entries = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return {name: Shipped(entry["active"], tuple(entry["versions"])) for name, entry in entries.items()}


def adopted(store: BundleStore) -> bool:
    """Whether there is nothing to take over any more."""
    return not is_shipped(store.base) or store.site is None or (store.site / MARKER).exists()


def adopt(store: BundleStore, shipped: Mapping[str, Shipped]) -> None:
    """Copy what an older release wrote into `store.base` to `store.site`: bundles, choices, log.

    The caller has the lock; a crash in between repeats it. Raises OSError where it cannot be written.
    """
    if store.site is None or store.base is None:
        return
    known = {(name, version) for name, entry in shipped.items() for version in entry.versions}
    for category, version in BundleStore(site=store.base).names():
        if (category, version) not in known:
            _take(store.base, store.site, category, version)
    for category, (version, before) in _choices(store.base, shipped).items():
        if store.chosen(category) is None:
            if _sealed_anew(store, category, version):
                log.info(
                    "%s %s grades as %s, the same networks, from now on", category, version, store.active(category)
                )
                continue
            for one in (before, version):
                if one is not None:
                    _take(store.base, store.site, category, one)
            point(store.site, category, version, before)
            log.info("%s %s stays active, as it was chosen; %s says so from now on", category, version, store.site)
    _copy_log(store.base, store.site)
    told = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "from": str(store.base)}
    write_atomically(store.site / MARKER, (json.dumps(told) + "\n").encode(), private=is_private(store.site))


def _choices(base: Path, shipped: Mapping[str, Shipped]) -> dict[str, tuple[str, str | None]]:
    """Category → the version that somebody had made active in `base`, and the one before it.

    An ACTIVE that the release did not ship tells. Where an upgrade of the package has put back the shipped one, the
    log, which no upgrade removes, still does.
    """
    last = {one.category: one for one in read_log(base)}
    found = {}
    for category in sorted({*last, *(path.parent.name for path in base.glob("*/ACTIVE"))}):
        active = read_pointer(base, category)
        if active is not None and (category not in shipped or active != shipped[category].active):
            found[category] = active, _other(_previous(base, category), active)
        elif category in last:
            found[category] = last[category].after, _before(last[category])
    return found


def _previous(base: Path, category: str) -> str | None:
    try:
        return read_pointer(base, category, PREVIOUS)
    except BundleError:
        return None


def _before(change: Activation) -> str | None:
    return _other(change.before, change.after)


def _other(before: str | None, active: str) -> str | None:
    return None if before == active else before


def _sealed_anew(store: BundleStore, category: str, version: str) -> bool:
    """Whether the release has the bundle no more, as its default is the same one under another version."""
    default = store.default(category)
    if default is None or version in BundleStore(site=store.base).versions(category):
        return False
    try:
        metrics = BundleStore(site=store.base).load(category, default).metrics
    except BundleError:
        return False
    origins = (metrics.get("resealed_from"), metrics.get("requantized_from"))
    return any(origin is not None and origin["version"] == version for origin in origins)


def _take(base: Path, site: Path, category: str, version: str) -> None:
    try:
        copy_once(base, site, category, version)
    except BundleError as error:
        log.warning("%s %s could not be taken over from %s: %s", category, version, base, error)


def _copy_log(base: Path, site: Path) -> None:
    if (base / LOG_NAME).is_file() and not (site / LOG_NAME).exists():
        write_atomically(site / LOG_NAME, (base / LOG_NAME).read_bytes(), private=is_private(site))
