"""Notices when another release of the package changes the versions that grade where a site has not chosen.

`DATA_DIR/bundles/defaults.json` holds the release's defaults at the last start, by category.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from regrade.models.files import append_line, is_private, write_atomically
from regrade.models.registry.activations import LOG_NAME, Activation
from regrade.models.registry.site_folder import changing
from regrade.models.registry.store import BundleStore

DEFAULTS: Final = "defaults.json"


def follow_defaults(store: BundleStore) -> tuple[str, ...]:
    """Note the release's defaults, and say in a line each what has changed since they were noted last.

    Where the site has chosen nothing, that changes what grades, and goes into the log of activations too. The first
    time nothing is said. Raises `BundleError` where it cannot be written.
    """
    if store.site is None or store.base is None:
        return ()
    now = BundleStore(site=store.base).active_versions()
    before = _noted(store.site)
    if now == before:
        return ()
    with changing(store) as site:
        told = () if before is None else tuple(_followed(store, site, before, now))
        text = json.dumps(now, indent=1, sort_keys=True) + "\n"
        write_atomically(site / DEFAULTS, text.encode(), private=is_private(site))
    return told


def _followed(store: BundleStore, site: Path, before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """Says what changed between two sets of defaults, and logs where that changed what grades."""
    for category in sorted({*before, *now}):
        old, new, chosen = before.get(category), now.get(category), store.chosen(category)
        if old == new:
            continue
        if chosen is not None:
            yield f"{category} stays {chosen}, which this site chose; the release's default is {new}, before {old}"
        elif new is None:
            yield f"{category} is not graded any more: this release has no bundle of it, and this site chose none"
        else:
            why = "the release's default, as this site has chosen none"
            done = Activation.now(category, old, new, "regrade", why)
            append_line(site / LOG_NAME, done.to_line(), private=is_private(site))
            yield f"{category} is graded with {new} from now on, before {old}: {why}"


def _noted(site: Path) -> dict[str, str] | None:
    """The defaults that were noted last, None where none were or the file is spoilt."""
    try:
        found = json.loads((site / DEFAULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
