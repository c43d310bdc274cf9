"""The grader in use, and how another takes its place while items are being graded.

A new grader is loaded and warmed beside the old one, on a thread. What both need is shared. Then one reference is
changed: items that began with the old grader are finished by it, and it is freed with the last of them.

What is active is written to the data directory before the reference is changed. Writing can fail, changing cannot:
whatever happens, the service grades with what `ACTIVE` names, or has not answered yet. A crash in between leaves an
activation that nobody was told of, which the next start goes by, as the log of activations does.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from regrade.models.errors import BundleError, PolicyError, TrialRefusedError
from regrade.models.golden import proven
from regrade.models.grader import Grader
from regrade.models.registry import changes as registry
from regrade.models.registry import trials
from regrade.models.registry.release_defaults import follow_defaults
from regrade.models.registry.store import BundleStore
from regrade.models.registry.trials import Trial
from regrade.serving.base.errors import BusyError, NotFoundError, RubricError, SpoiltBundleError, TrialError
from regrade.serving.base.i18n import Message
from regrade.serving.grading.judges import Judges
from regrade.serving.grading.trying import Trying, load_trials
from regrade.serving.rubric.in_force import InForce, SiteRules
from regrade.serving.rubric.load import RubricFiles
from regrade.serving.storage.disk import fault_of

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("regrade")


class Graders:
    """Loads graders and holds the one that new items are graded with, and what is in force with it.

    `in_canary` says at which stations a candidate that is that far grades. Belongs to one event loop.
    """

    def __init__(
        self,
        store: BundleStore,
        precision: str,
        rules: SiteRules,
        in_canary: Callable[[str | None], bool] = lambda _: False,
    ) -> None:
        self.store = store
        self.trying = Trying()
        """The candidates on trial, as they were loaded."""
        self._in_canary = in_canary
        self._precision = precision
        self._rules = rules
        self._current: Judges | None = None
        self._before = _before_loading(store, rules)
        self._changing = asyncio.Lock()
        # One, and apart from all others: loading takes a second or two, and nothing else may wait for it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="load")

    @property
    def in_force(self) -> InForce:
        """What is in force now; until there is a grader, what will be with the active bundles."""
        return self._before if self._current is None else self._current.in_force

    def told(self, category: str) -> tuple[InForce, str | None]:
        """What is in force, and the version that grades `category`, where there is one."""
        judges = self._current
        return (self._before, None) if judges is None else (judges.in_force, judges.grader.versions.get(category))

    @property
    def current(self) -> Grader:
        """The grader for an item that begins now. Raises `BusyError` while there is none yet."""
        return self.judges.grader

    @property
    def judges(self) -> Judges:
        """Grader and rules for an item that begins now. Raises `BusyError` while there are none yet."""
        if self._current is None:
            raise BusyError("starting", Message("problem.starting"), 2)
        return self._current

    def judges_at(self, station: str | None) -> Judges:
        """Grader and rules for an item of `station` that begins now. Raises `BusyError` while there are none yet."""
        canary = self.trying.canary
        return canary if canary is not None and self._in_canary(station) else self.judges

    def other(self, category: str, version: str) -> Judges | None:
        """By what an item that `version` graded is to be judged as well, for nobody to see; None where by nothing."""
        return None if self._current is None else self.trying.other(self._current, category, version)

    async def start(self, given: Grader | None = None) -> Grader:
        """Load and warm the first grader, or take the one `given`. Raises `BundleError`."""
        async with self._changing:
            grader = await self._in_thread(self._load, {}, None) if given is None else given
            self._current = await self._in_thread(self._judges, grader)
            await self._in_thread(_tell_changes, self.store)
            self.trying = await self._in_thread(self._tried, self._current)
            return grader

    async def activate(self, category: str, version: str, *, by: str, reason: str) -> Grader:
        """Grade items of `category` with `version` from now on, after every restart and every upgrade.

        Returns the grader in use. Nothing is done where it was chosen already. Raises `NotFoundError` for an unknown
        category or version, `SpoiltBundleError` for one that cannot be used, or a folder that cannot be written, and
        `StorageError` where there is no room; the old one then stays.
        """
        async with self._changing:
            before = self.judges
            old = before.grader
            await self._in_thread(_find, self.store, category, version)
            runs = old.versions.get(category) == version
            if runs and await self._in_thread(_chosen, self.store, category) == version:
                return old
            try:
                # Those of other categories stay: what somebody else has changed on the disk was not asked for.
                new = before if runs else await self._in_thread(self._loaded, {**old.versions, category: version}, old)
                await self._in_thread(_record, self.store, category, version, by, reason)
            except (PolicyError, RubricError) as error:
                raise SpoiltBundleError(category, version, _misfit(error)) from error
            except BundleError as error:
                if await self._in_thread(_chosen, self.store, category) != version:
                    if (fault := fault_of(error)) is not None:
                        raise fault from error
                    raise SpoiltBundleError(category, version, str(error)) from error
                log.error("%s %s is active, but the log of activations was not written: %s", category, version, error)
            self._current, self.trying = new, self.trying.without(category)
            log.info("%s is graded with %s from now on (%s)", category, version, by)
            self.trying = await self._in_thread(self._tried, new)
            return new.grader

    async def try_out(self, category: str, version: str, *, by: str, reason: str = "") -> Trial | None:
        """Put a version in shadow, in place of one that is on trial; None where it already is.

        Raises as `activate` does, and `TrialError` for one that is active or cannot be compared with the active one.
        """
        async with self._changing:
            judges = self.judges
            await self._in_thread(_find, self.store, category, version)
            try:
                begun = await self._in_thread(trials.begin, self.store, category, version, by=by, reason=reason)
            except TrialRefusedError as error:
                params = {"category": category, "version": version, "active": error.active}
                raise TrialError(Message(f"problem.trial_{error.code}", params)) from error
            except BundleError as error:
                if (fault := fault_of(error)) is not None:
                    raise fault from error
                raise SpoiltBundleError(category, version, str(error), step="tried") from error
            self.trying = await self._in_thread(self._tried, judges)
            return begun

    async def end_trial(self, category: str) -> Trial | None:
        """Forget the trial of a category; returns what it was, None where there was none. Raises `StorageError`."""
        async with self._changing:
            self.trying = self.trying.without(category)
            try:
                ended = await self._in_thread(trials.end, self.store, category)
            except BundleError as error:
                raise fault_of(error) or error from error
            if self._current is not None:
                self.trying = await self._in_thread(self._tried, self._current)
            return ended

    async def reload_trials(self) -> None:
        """Take over what trials there are on the disk."""
        async with self._changing:
            if self._current is not None:
                self.trying = await self._in_thread(self._tried, self._current)

    async def reload(self) -> Grader:
        """Take over what has become active on the disk, all categories at once. Raises `BundleError`; the old stays."""
        async with self._changing:
            old = self.current
            if dict(old.versions) != await self._in_thread(self.store.active_versions):
                try:
                    self._current = await self._in_thread(self._loaded, {}, old)
                except (PolicyError, RubricError) as error:
                    raise BundleError(_misfit(error)) from error
                log.info("took over what is active: %s", _told(self._current.grader.versions))
            await self._in_thread(_tell_changes, self.store)
            self.trying = await self._in_thread(self._tried, self.judges)
            return self.current

    def close(self) -> None:
        """Wait for what is being loaded and end the thread."""
        self._thread.shutdown()

    def _tried(self, active: Judges) -> Trying:
        try:
            return load_trials(self.store, active, lambda versions: self._beside(versions, active))
        except (BundleError, OSError) as error:
            log.warning("no candidate is tried: %s", error)
            return Trying()

    def _beside(self, versions: Mapping[str, str], active: Judges) -> Judges:
        old = active.grader
        every = {**old.versions, **versions}
        grader = Grader.load(self.store, precision=old.arithmetic.precision, versions=every, reuse=old)
        grader.warm_up(old)
        return Judges(grader, self._rules.in_force(grader.definitions, grader.held_out))

    def _loaded(self, versions: Mapping[str, str], old: Grader | None) -> Judges:
        return self._judges(self._load(versions, old))

    def _judges(self, grader: Grader) -> Judges:
        """Raises `PolicyError` or `RubricError` where what the site wrote does not fit the grader's bundles."""
        in_force = self._rules.in_force(grader.definitions, grader.held_out)
        for place in self._rules.waiting(grader.definitions):
            log.warning("%s is about a category that no bundle is active of; it waits until one is", place)
        return Judges(grader, in_force)

    def _load(self, versions: Mapping[str, str], old: Grader | None) -> Grader:
        def load(precision: str) -> Grader:
            grader = Grader.load(self.store, precision=precision, versions=versions, reuse=old)
            grader.warm_up(old)
            return grader

        return proven(load, self._precision)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))


def _before_loading(store: BundleStore, rules: SiteRules) -> InForce:
    """What will be in force; with bundles that cannot be read, of which loading them will tell, the policy alone."""
    try:
        return rules.in_force(store.definitions(), store.held_out())
    except BundleError:
        return SiteRules(rules.policy, RubricFiles({})).in_force({})


def _misfit(error: PolicyError | RubricError) -> str:
    return f"{error} Policy and rubrics are as they were read at the start: mend the file, activate, and start again."


def _find(store: BundleStore, category: str, version: str) -> None:
    """Raise `NotFoundError` for a bundle that is not there. Names are only compared: they are no paths."""
    there = store.names()
    versions = sorted(v for c, v in there if c == category)
    if not versions:
        known = ", ".join(sorted({c for c, _ in there}))
        raise NotFoundError(Message("problem.no_category", {"category": category, "known": known}))
    if version not in versions:
        params = {"category": category, "version": version, "known": ", ".join(versions)}
        raise NotFoundError(Message("problem.no_version", params))


def _record(store: BundleStore, category: str, version: str, by: str, reason: str) -> None:
    registry.activate(store, category, version, by=by, reason=reason)


def _chosen(store: BundleStore, category: str) -> str | None:
    try:
        return store.chosen(category)
    except BundleError:
        return None


def _tell_changes(store: BundleStore) -> None:
    """Log what another release has changed, and bundles whose name it gave to others."""
    try:
        for told in follow_defaults(store):
            log.warning("%s", told)
    except BundleError as error:
        log.warning("the release's defaults were not noted: %s", error)
    for category, version in store.active_versions().items():
        if store.clashes(category, version):
            log.warning("%s", store.clash(category, version))


def _told(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{category} {version}" for category, version in sorted(versions.items()))
