"""The grader in use, and how another takes its place while items are being graded.

A new grader is loaded and warmed beside the old one, on a thread. What both need is shared. Then one reference is
changed: items that began with the old grader are finished by it, and it is freed with the last of them.

What is active is written to the disk before the reference is changed. Writing can fail, changing cannot: whatever
happens, the service grades with what `ACTIVE` names, or has not answered yet. A crash in between leaves an activation
that nobody was told of, which the next start goes by, as the log of activations does.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from regrade.models import registry
from regrade.models.bundle import ROUTER, active_version, installed_categories
from regrade.models.errors import BundleError
from regrade.models.grader import Grader
from regrade.serving.errors import BusyError, NotFoundError, SpoiltBundleError
from regrade.serving.i18n import Message

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("regrade")


class Graders:
    """Loads graders and holds the one that new items are graded with. Belongs to one event loop."""

    def __init__(self, root: Path | None, precision: str) -> None:
        self._root = root
        self._precision = precision
        self._current: Grader | None = None
        self._changing = asyncio.Lock()
        # One, and apart from all others: loading takes a second or two, and nothing else may wait for it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="load")

    @property
    def current(self) -> Grader:
        """The grader for an item that begins now. Raises `BusyError` while there is none yet."""
        if self._current is None:
            raise BusyError("starting", Message("problem.starting"), 2)
        return self._current

    async def start(self, given: Grader | None = None) -> Grader:
        """Load and warm the first grader, or take the one `given`. Raises `BundleError`."""
        async with self._changing:
            grader = await self._in_thread(self._load, {}, None) if given is None else given
            self._current = grader
            return grader

    async def activate(self, category: str, version: str, *, by: str, reason: str) -> Grader:
        """Grade items of `category` with `version` from now on, and after every restart. Returns the grader in use.

        Nothing is done where it is active already. Raises `NotFoundError` for an unknown category or version, and
        `SpoiltBundleError` for one that cannot be used, or a folder that cannot be written; the old one then stays.
        """
        async with self._changing:
            old = self.current
            await self._in_thread(_find, old.root, category, version)
            if old.versions.get(category) == version == await self._in_thread(_active, old.root, category):
                return old
            try:
                # Those of other categories stay: what somebody else has changed on the disk was not asked for.
                new = await self._in_thread(self._load, {**old.versions, category: version}, old)
                await self._in_thread(_record, old.root, category, version, by, reason)
            except BundleError as error:
                if await self._in_thread(_active, old.root, category) != version:
                    raise SpoiltBundleError(category, version, str(error)) from error
                log.error("%s %s is active, but the log of activations was not written: %s", category, version, error)
            self._current = new
            log.info("%s is graded with %s from now on (%s)", category, version, by)
            return new

    async def reload(self) -> Grader:
        """Take over what has become active on the disk, all categories at once. Raises `BundleError`; the old stays."""
        async with self._changing:
            old = self.current
            if dict(old.versions) != await self._in_thread(_all_active, old.root):
                self._current = await self._in_thread(self._load, {}, old)
                log.info("took over what is active: %s", _told(self._current.versions))
            return self.current

    def close(self) -> None:
        """Wait for what is being loaded and end the thread."""
        self._thread.shutdown()

    def _load(self, versions: Mapping[str, str], old: Grader | None) -> Grader:
        root = self._root if old is None else old.root
        grader = Grader.load(root, precision=self._precision, versions=versions, reuse=old)
        grader.warm_up(old)
        return grader

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))


def _find(root: Path, category: str, version: str) -> None:
    """Raise `NotFoundError` for a bundle that is not there. Names are only compared: they are no paths."""
    there = {(path.parent.parent.name, path.parent.name) for path in root.glob("*/*/manifest.json")}
    versions = sorted(v for c, v in there if c == category)
    if not versions:
        known = ", ".join(sorted({c for c, _ in there}))
        raise NotFoundError(Message("problem.no_category", {"category": category, "known": known}))
    if version not in versions:
        params = {"category": category, "version": version, "known": ", ".join(versions)}
        raise NotFoundError(Message("problem.no_version", params))


def _record(root: Path, category: str, version: str, by: str, reason: str) -> None:
    registry.activate(root, category, version, by=by, reason=reason)


def _active(root: Path, category: str) -> str | None:
    try:
        return active_version(root, category)
    except BundleError:
        return None


def _all_active(root: Path) -> dict[str, str]:
    return {name: active_version(root, name) for name in (ROUTER, *installed_categories(root))}


def _told(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{category} {version}" for category, version in sorted(versions.items()))
