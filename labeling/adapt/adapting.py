"""A category from what was decided to its outcome: a candidate that is installed, or the reason why there is none."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regrade.labeling.adapt.candidate import Origin, adapted_from, card, install_candidate, note
from regrade.labeling.adapt.decided import Decided, as_numbers, read_decided
from regrade.labeling.adapt.outcomes import Outcome, keep, last_outcomes
from regrade.labeling.versions.decisions import note_adaptation, recoveries
from regrade.labeling.versions.definitions import definitions
from regrade.models.adaptation.adapt import Adapted, TooFewError, adapt, money_of
from regrade.models.adaptation.choice import Prior
from regrade.models.adaptation.feature_cache import FOLDER, FeatureCache, Progress
from regrade.models.adaptation.head_file import read_head
from regrade.models.errors import BundleError, DatasetError
from regrade.models.files import locked, make_folders
from regrade.models.registry.bundle import Bundle
from regrade.models.registry.store import BundleStore


@dataclass(frozen=True, slots=True)
class Site:
    """A service's data directory and the bundles that it grades by."""

    data_dir: Path
    store: BundleStore

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """A folder to work in, for one adaptation at a time; what an interrupted one has left is cleared first."""
        folder = self.data_dir / FOLDER
        make_folders(folder, private=True)
        with locked(folder):
            for left in folder.glob("candidate.*"):
                shutil.rmtree(left, ignore_errors=True)
            yield folder


def adapt_site(
    site: Site,
    categories: Sequence[str] | None,
    *,
    dry_run: bool = False,
    again: bool = False,
    progress: Progress = iter,
) -> list[Outcome]:
    """Adapt the heads of `categories`, None meaning all that grade; what comes out of each.

    With `dry_run` nothing is installed or written down. `again` takes up decisions that were taken up before. Raises
    `BundleError` for a category that no bundle is active of, `DatasetError` where there is no installation.
    """
    known = site.store.categories()
    for name in categories or ():
        if name not in known:
            raise BundleError(
                f"No bundle of {name!r} is active under {site.store}; there are {', '.join(known) or 'none'}. Train or "
                "install one, then adapt it."
            )
    with site.alone() as folder:
        decided = read_decided(site.data_dir, definitions(site.data_dir, None))
        found = []
        for name in known if categories is None else categories:
            outcome = _adapt(site, folder, name, decided.get(name, Decided((), {})), dry_run, again, progress)
            if not dry_run and outcome.kind != "nothing_new":
                keep(site.data_dir, outcome)
                told = {
                    "category": name,
                    "outcome": outcome.kind,
                    "dataset": outcome.dataset,
                    "version": outcome.version,
                }
                note_adaptation(site.data_dir, told)
            found.append(outcome)
        return found


def _adapt(
    site: Site, folder: Path, name: str, decided: Decided, dry_run: bool, again: bool, progress: Progress
) -> Outcome:
    active = site.store.load(name)
    if not decided.records:
        return Outcome(
            name, "too_few", decided.version, active.sha256, "nothing has been decided yet that can be learnt from"
        )
    last = last_outcomes(site.data_dir).get(name, {})
    if not again and (last.get("dataset"), last.get("active")) == (decided.version, active.sha256):
        told = f"nothing new was decided since the last time, which came to: {last.get('told')}"
        return Outcome(name, "nothing_new", decided.version, active.sha256, told, last.get("version"))
    prior = prior_of(site.store, active)
    money, currency = _money(site, active)
    origin = Origin(prior, active, decided, currency)
    features = FeatureCache(folder).of(prior, decided.files, progress)
    try:
        made = adapted(origin, features, money)
    except TooFewError as few:
        told = (
            f"{few.groups} items were decided that can be learnt from; it takes {few.least}, some of which judge what "
            "comes out"
        )
        return Outcome(name, "too_few", decided.version, active.sha256, told)
    details = {**note(origin, made), "card": card(origin, made)}

    def outcome(kind: str, told: str, version: str | None = None) -> Outcome:
        return Outcome(name, kind, decided.version, active.sha256, told, version, details)  # type: ignore[arg-type]

    if made.choice.kept:
        return outcome("kept", f"the head stays: {made.fitted_groups} items do not bear moving it")
    if made.judgement.worse:
        return outcome(
            "worse", f"the newest {made.judged_groups} items speak against what came out; it was not installed"
        )
    if dry_run:
        return outcome("installed", f"{origin.version} would be installed", None)
    if origin.version not in site.store.versions(name):
        install_candidate(site.store, folder, origin, made)
    activate = f"regrade models activate {name} {origin.version}"
    return outcome("installed", f"{origin.version} is installed, and not active: {activate}", origin.version)


def adapted(origin: Origin, features: Mapping[str, NDArray[np.float32]], money: NDArray[np.float64] | None) -> Adapted:
    """The head of `origin.prior` adapted to what was decided. Raises `TooFewError`, and `BundleError` for a head of a
    form that cannot be adapted."""
    photos, votes = as_numbers(origin.decided, origin.prior, features)
    before = adapted_from(origin.active)
    since = float("-inf") if before is None else datetime.fromisoformat(before["fitted_until"]).timestamp()
    calibration = origin.prior.calibration
    return adapt(
        photos, votes, _head(origin.prior), calibration, _head(origin.active), origin.prior.labels, money, since
    )


def prior_of(store: BundleStore, active: Bundle) -> Bundle:
    """The bundle whose head is moved: that which was trained. An adapted one starts from where it started, with all
    decisions there are: what was erased since is then forgotten, and nothing counts twice."""
    before = adapted_from(active)
    if before is None:
        return active
    try:
        found = store.load(active.category, before["prior"]["version"])
    except (BundleError, KeyError) as error:
        raise BundleError(
            f"{active.category} {active.version} was adapted from a bundle that is gone ({error}). Install it again, "
            "or activate one that was trained."
        ) from error
    if found.sha256 != before["prior"]["manifest_sha256"]:
        raise BundleError(f"{found.category} {found.version} is not the bundle that {active.version} was adapted from.")
    return found


def _head(bundle: Bundle) -> Prior:
    return Prior(read_head(bundle.head_path.read_bytes()), bundle.calibration.temperature)


def _money(site: Site, active: Bundle) -> tuple[NDArray[np.float64] | None, str | None]:
    """What each action brings in by condition under the policy in force; None where nobody says."""
    told = recoveries(site.data_dir, active.category)
    return (None, None) if told is None else (money_of(active.labels, told["recoveries"]), str(told["currency"]))


def installation(data_dir: Path, store: BundleStore) -> Site:
    """The site on `data_dir`. Raises `DatasetError` where there is no such folder."""
    if not data_dir.is_dir():
        raise DatasetError(f"{data_dir}: no such folder; give the --data-dir that the service keeps its state in")
    return Site(data_dir, store)
