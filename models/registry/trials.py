"""Which candidate of a category is on trial, kept beside what is active: `DATA_DIR/bundles/toys/TRIAL`, replaced
atomically.

A candidate in `shadow` grades items beside the active bundle, and nobody is told. In `canary` some stations are graded
by it, and the active one runs in its shadow there. One that was `stopped` does neither any more; it stays written down
why.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from regrade.models.errors import BundleError, TrialRefusedError
from regrade.models.files import is_private, sync_folder, write_atomically
from regrade.models.registry.bundle import ROUTER, VERSION_NAME
from regrade.models.registry.files import copy_once
from regrade.models.registry.site_folder import changing
from regrade.models.registry.store import BundleStore

TRIAL: Final = "TRIAL"
Phase = Literal["shadow", "canary", "stopped"]


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate on trial against the version that is `active`. `since` is when the phase began (ISO 8601, UTC), `by`
    whoever began it, a person or a rule. `proposed` is when the rule found it fit to take over, None before."""

    category: str
    version: str
    active: str
    phase: Phase
    since: str
    by: str
    reason: str = ""
    proposed: str | None = None

    @property
    def running(self) -> bool:
        """Whether items are compared."""
        return self.phase != "stopped"

    @property
    def began(self) -> datetime:
        """`since`."""
        return datetime.fromisoformat(self.since)


def now_text() -> str:
    """This moment, as trials have it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def trial_of(store: BundleStore, category: str) -> Trial | None:
    """The trial of `category`, None where there is none. Raises `BundleError` for a file that holds something else."""
    return None if store.site is None else _read(store.site, category)


def trials(store: BundleStore) -> dict[str, Trial]:
    """All trials that can be read, by category; stopped ones too."""
    found: dict[str, Trial] = {}
    for path in sorted(store.site.glob(f"*/{TRIAL}")) if store.site is not None else ():
        try:
            trial = trial_of(store, path.parent.name)
        except BundleError:
            continue  # a trial is no reason not to grade
        if trial is not None:
            found[trial.category] = trial
    return found


def begin(store: BundleStore, category: str, version: str, *, by: str, reason: str = "") -> Trial | None:
    """Put a candidate in shadow, in place of one that is on trial; None where it already is.

    Raises `TrialRefusedError` for the version that is active, for one of other conditions than the active one's, and
    for the router; `BundleError` for a version that is missing or spoilt, and for a folder that cannot be written.
    """
    if category == ROUTER:
        raise TrialRefusedError(
            "router", "The model that tells categories apart cannot be tried in shadow: it grades nothing."
        )
    if version not in store.versions(category):
        there = ", ".join(store.versions(category)) or "none"
        raise BundleError(f"Category {category} has no version {version}; it has {there}.")
    active, new = store.load(category), store.load(category, version)
    if active.version == version:
        message = f"{category} {version} is active: it cannot be in its own shadow. Name another version."
        raise TrialRefusedError("active", message, active=active.version)
    if active.labels != new.labels:
        raise TrialRefusedError(
            "conditions",
            f"{category} {version} grades other conditions than {active.version}, which is active: they cannot be "
            "compared. Activate it by hand, or make a candidate of the same conditions.",
            active=active.version,
        )
    with changing(store) as site:
        before = _read(site, category)
        if before is not None and before.running and (before.version, before.active) == (version, active.version):
            return None
        if store.base is not None:
            copy_once(store.base, site, category, version)
        trial = Trial(category, version, active.version, "shadow", now_text(), by, reason)
        _write(site, trial)
    return trial


def change(store: BundleStore, category: str, to: Callable[[Trial], Trial | None]) -> Trial | None:
    """Replace the trial of `category` by what `to` makes of it, alone; None, and nothing changed, where there is none
    or `to` gives None. Whoever acts on what they saw checks in `to` that it is still so."""
    with changing(store) as site:
        before = _read(site, category)
        after = None if before is None else to(before)
        if after is not None:
            _write(site, after)
    return after


def stop(store: BundleStore, category: str, *, by: str, reason: str) -> Trial | None:
    """Stop the trial of `category`, and keep why; None where none is running."""

    def stopped(trial: Trial) -> Trial | None:
        return replace(trial, phase="stopped", since=now_text(), by=by, reason=reason) if trial.running else None

    return change(store, category, stopped)


def end(store: BundleStore, category: str) -> Trial | None:
    """Forget the trial of `category`; returns what it was, None where there was none."""
    if store.site is None or not (store.site / category / TRIAL).is_file():
        return None
    with changing(store) as site:
        before = None
        with suppress(BundleError):  # what cannot be read goes all the more
            before = _read(site, category)
        (site / category / TRIAL).unlink(missing_ok=True)
        sync_folder(site / category)
    return before


def _write(site: Path, trial: Trial) -> None:
    line = json.dumps(asdict(trial), ensure_ascii=False) + "\n"
    write_atomically(site / trial.category / TRIAL, line.encode(), private=is_private(site))


def _read(site: Path, category: str) -> Trial | None:
    path = site / category / TRIAL
    try:
        found = Trial(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise BundleError(
            f"{path} cannot be read ({error}). End the trial by `regrade models shadow --off`."
        ) from error
    if found.category != category or found.phase not in get_args(Phase) or not VERSION_NAME.fullmatch(found.version):
        raise BundleError(f"{path} is no trial of {category}. End it by `regrade models shadow {category} --off`.")
    return found
