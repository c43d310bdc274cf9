"""Which run a command line means: a new one, or one to go on with."""

import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any, Final

from rich.console import Console

from regrade.datasets.category import Category, load_categories
from regrade.datasets.manifest import locate_manifest
from regrade.models.errors import RunError
from regrade.models.registry.store import BundleStore, site_store, store_of
from regrade.training.data.preflight import check_photos
from regrade.training.pipeline import StageChoice, needs_of
from regrade.training.run.run import ALL, Run, RunConfig

RUNS: Final = Path("runs")
"""Where runs lie unless a folder is named, relative to the working directory."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: `choice` of the stages, and the settings that were `given`, by the names of `RunConfig`."""

    category: str
    folder: Path | None
    resume: bool
    choice: StageChoice
    given: Mapping[str, Any]


def open_run(wanted: Wanted, *, runs: Path = RUNS, console: Console | None = None) -> Run:
    """Begin the run that is wanted, or go on with it. Raises `RunError` or `DatasetError` that says what to give."""
    folder = _folder(wanted, runs)
    if (folder / "config.json").is_file():
        if not wanted.resume and wanted.choice.anew is None:
            raise RunError(f"{folder} already holds a run. Go on with it by --resume, or name another with --run.")
        with Run.open(folder, lock=False) as begun:
            config = replace(begun.config, category=wanted.category, **wanted.given)
        return Run.resume(folder, config, console=console)
    if wanted.resume:
        raise RunError(f"{folder} holds no run to go on with. Begin one without --resume.")
    categories = _defined(wanted)
    version = wanted.given.get("version") or next_version(_store(wanted), date.today(), runs)
    known = {**wanted.given, "data": locate_manifest(wanted.given.get("data")), "version": version}
    config = RunConfig(category=wanted.category, **{**_place(wanted), **known})
    check_photos(config, categories)
    # Checked before a folder is made, so that a slip of the pen leaves none behind.
    if wanted.choice.anew is not None and (needs := needs_of(config, wanted.choice.anew)):
        raise RunError(
            f"{wanted.choice.anew} rests on {' and '.join(needs)}, and {folder} holds no run yet. Go on with one by "
            "--resume or --run."
        )
    wanted.choice.of(config)
    return Run.create(folder, config, console=console)


def next_version(where: Path | BundleStore, today: date, runs: Path = RUNS) -> str:
    """`year.month.number`, the first number this month that no bundle in `where` and no run has taken."""
    taken = {version for _, version in store_of(where).names()}
    begun = [path.parent.name for path in runs.glob("*/config.json")]
    number = 1
    while (name := f"{today.year}.{today.month:02d}.{number}") in taken or any(b.endswith(f"-{name}") for b in begun):
        number += 1
    return name


def latest_run(category: str, runs: Path = RUNS) -> Path:
    """The run of `category` in `runs` that was worked on last. Raises `RunError` where there is none."""
    found = []
    for path in runs.glob("*/state.json"):
        with Run.open(path.parent, lock=False) as run:
            if run.config.category == category:
                found.append((path.stat().st_mtime_ns, path.parent))
    if not found:
        raise RunError(f"there is no run of {category} in {runs}. Name its folder with --run, or leave out --resume.")
    return max(found)[1]


def resume_command(run: Run) -> str:
    """The command line that goes on with `run`."""
    return shlex.join(["regrade", "train", run.config.category, "--run", str(run.folder), "--resume"])


class Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a run as Ctrl-C does."""

    status = 128 + signal.SIGTERM


@contextmanager
def terminating() -> Iterator[None]:
    """Turn SIGTERM into `Terminated` for as long as the block runs. Only in the main thread."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _defined(wanted: Wanted) -> Mapping[str, Category]:
    defined = load_categories(wanted.given.get("categories"))
    if wanted.category != ALL and wanted.category not in defined:
        raise RunError(
            f"category {wanted.category!r} is not defined. Defined are {', '.join(defined)}; '{ALL}' trains every one. "
            "A category is a YAML file: name the folder of yours with --categories."
        )
    return defined


def _place(wanted: Wanted) -> Mapping[str, Any]:
    """Where the run registers: with the service of this installation, unless told otherwise."""
    return {} if "out" in wanted.given else {"out": site_store().site, "over_defaults": True}


def _store(wanted: Wanted) -> BundleStore:
    place = {**wanted.given, **_place(wanted)}
    return BundleStore(place["out"], site_store().base if place.get("over_defaults") else None)


def _folder(wanted: Wanted, runs: Path) -> Path:
    if wanted.folder is not None:
        return wanted.folder
    version = wanted.given.get("version")
    if version is None and wanted.resume:
        return latest_run(wanted.category, runs)
    version = version or next_version(_store(wanted), date.today(), runs)
    return runs / f"{wanted.category}-{version}"
