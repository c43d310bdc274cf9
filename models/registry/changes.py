"""Which bundle of a category is active: changed atomically, remembered for rollback, written to a log.

    DATA_DIR/bundles/
      activations.jsonl        every change, appended and synced: when, category, from, to, who, why
      toys/ACTIVE              the version that this site chose, and serving loads when it starts
      toys/PREVIOUS            the one that a rollback goes back to

Whatever the machine does in between, ACTIVE names a bundle that was checked; PREVIOUS is written before it. What
grades, and what did before, is copied to the site's own folder first: an upgrade of the package takes neither away. The
bundles that came with the package are never changed.
"""

import heapq
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regrade.models.errors import BundleError
from regrade.models.files import append_line, is_private
from regrade.models.registry.activations import LOG_NAME, Activation, read_log
from regrade.models.registry.adoption import adopted
from regrade.models.registry.bundle import PREVIOUS, Bundle, read_pointer
from regrade.models.registry.diff import Difference, differences
from regrade.models.registry.files import bytes_to_copy, copy_once, install_bundle, point, unpoint
from regrade.models.registry.site_folder import changing
from regrade.models.registry.store import BundleStore, is_shipped


@dataclass(frozen=True, slots=True)
class Entry:
    """One version on disk. `own`: whether the site has it, and not only the release. `bundle` is None where it must not
    be loaded; `fault` says why."""

    category: str
    version: str
    active: bool
    previous: bool
    own: bool
    bundle: Bundle | None
    fault: str | None


def activate(
    store: BundleStore, category: str, version: str, *, by: str | None = None, reason: str = ""
) -> Activation | None:
    """Make `version` the site's choice after a check of every file of it; None where it already is.

    To choose what is only the default keeps it whatever a newer release brings; the activation then has the same
    `before` and `after`. `by` None takes the login name. Raises `BundleError` for a version that is missing or spoilt,
    naming those there are, and for a folder that cannot be written.
    """
    _known(store, category, version)
    with changing(store) as site:
        return _switch(store, site, category, version, by, reason)


def bytes_to_activate(store: BundleStore, category: str, version: str) -> int:
    """How much `activate` would copy to the site's own folder; 0 for a bundle that is not there."""
    if store.site is None or store.base is None or version not in store.versions(category):
        return 0
    needed = {version, store.active_versions().get(category, version)}
    return sum(bytes_to_copy(store.base, store.site, category, one) for one in needed)


def rollback(store: BundleStore, category: str, *, by: str | None = None, reason: str = "rollback") -> Activation:
    """Make the version before the active one active; doing it twice comes back. Raises `BundleError` where there is
    none, or where it is spoilt."""
    with changing(store) as site:
        target = previous_version(store, category)
        if target is None:
            active = store.active(category)
            others = ", ".join(v for v in store.versions(category) if v != active)
            raise BundleError(
                f"Category {category} has no version to go back to: nothing was active before {active}. Activate one "
                f"by name; there are: {others or 'no others'}."
            )
        _known(store, category, target)
        done = _switch(store, site, category, target, by, reason)
    if done is None:
        raise BundleError(f"{site / category / PREVIOUS} names the active version. Activate one by name.")
    return done


def reset(store: BundleStore, category: str, *, by: str | None = None, reason: str = "reset") -> Activation | None:
    """Forget the site's choice: the release's default grades again, and newer ones after an upgrade.

    None where there is no choice. Raises `BundleError` where the release has no such category, or its bundle is spoilt.
    """
    default = store.default(category)
    if default is None:
        raise BundleError(
            f"There is no default of {category!r} to go by under {store.base or store}. Activate a version."
        )
    with changing(store) as site:
        chosen = store.chosen(category)
        if chosen is None:
            return None
        BundleStore(site=store.base).load(category, default)
        unpoint(site, category, before=chosen)
        done = Activation.now(category, chosen, default, by, reason)
        append_line(site / LOG_NAME, done.to_line(), private=is_private(site))
    return done


def install(store: BundleStore, source: Path, category: str, version: str) -> Path:
    """Copy a bundle from the folder `source` to the site's own, not active; returns its folder.

    Raises `BundleError` if it is spoilt, or if the site or the release has a bundle of that name.
    """
    if version in store.versions(category):
        raise BundleError(f"Bundle {category}/{version} exists and is immutable. Give a new --version.")
    BundleStore(site=source).load(category, version)
    with changing(store, fresh=True) as site:
        return install_bundle(source, site, category, version)


def previous_version(store: BundleStore, category: str) -> str | None:
    """The version that a rollback would go back to, None where there is none."""
    active = store.active(category)
    named = None if store.site is None else _pointer(store.site, category, PREVIOUS)
    if named not in (None, active):
        return named
    # A change that was cut short between the two files left both the same, and an upgrade changes a default without
    # them; the log knows what was before.
    back = [a.before for a in history(store, category) if a.after == active and a.before not in (None, active)]
    if back:
        return back[-1]
    shipped = None if store.base is None else _pointer(store.base, category, PREVIOUS)
    return shipped if shipped != active else None


def history(store: BundleStore, category: str | None = None) -> tuple[Activation, ...]:
    """The changes that the log holds, oldest first, those of before it was the site's own included."""
    own = () if store.site is None else read_log(store.site)
    older = () if store.base is None or (is_shipped(store.base) and adopted(store)) else read_log(store.base)
    both = heapq.merge(older, own, key=lambda one: one.at)
    return tuple(one for one in both if category in (None, one.category))


def inventory(store: BundleStore) -> tuple[Entry, ...]:
    """Every version of every category, the router's last; spoilt ones too, with what is wrong."""
    if not store.names():
        store.categories()  # says so where it is no folder of bundles at all
    active = store.active_versions()
    before = {category: previous_version(store, category) for category in active}
    entries = []
    for category, version in sorted(store.names(), key=lambda pair: (pair[0].startswith("_"), pair)):
        found, fault = _checked(store, category, version)
        is_active, is_previous = version == active.get(category), version == before.get(category)
        own = store.has_own(category, version)
        entries.append(Entry(category, version, is_active, is_previous, own, found, fault))
    return tuple(entries)


def diff(store: BundleStore, category: str, a: str, b: str) -> tuple[Difference, ...]:
    """What differs between two versions. Raises `BundleError` for one that is missing or spoilt."""
    return differences(_known(store, category, a), _known(store, category, b))


def _known(store: BundleStore, category: str, version: str) -> Bundle:
    if version not in store.versions(category):
        known = sorted({name for name, _ in store.names()})
        if category not in known:
            raise BundleError(f"No bundle of {category} under {store}; there are {', '.join(known) or 'none at all'}.")
        raise BundleError(
            f"Category {category} has no version {version}; it has {', '.join(store.versions(category))}."
        )
    return store.load(category, version)


def _checked(store: BundleStore, category: str, version: str) -> tuple[Bundle | None, str | None]:
    try:
        return store.load(category, version), None
    except BundleError as error:
        return None, str(error)


def _switch(
    store: BundleStore, site: Path, category: str, version: str, by: str | None, reason: str
) -> Activation | None:
    if store.chosen(category) == version:
        store.load(category, version)
        return None
    if store.clashes(category, version):
        raise BundleError(store.clash(category, version))
    before = store.active_versions().get(category)
    if store.base is not None:
        if before is not None:
            # What is gone or spoilt cannot be kept, and may be why another is activated.
            with suppress(BundleError):
                copy_once(store.base, site, category, before)
        copy_once(store.base, site, category, version)
        BundleStore(site=site).load(category, version)
    done = Activation.now(category, before, version, by, reason)
    point(site, category, version, before if before != version else None)
    append_line(site / LOG_NAME, done.to_line(), private=is_private(site))
    return done


def _pointer(root: Path, category: str, name: str) -> str | None:
    try:
        return read_pointer(root, category, name)
    except BundleError:
        return None
