"""A training run: one folder that holds its settings, log, state, checkpoints and results.

    runs/toys-2026.11.2/
      config.json     the settings, and hashes of the manifest, the category definitions and the weights given
      versions.json   Python, packages and machine that the run was begun with
      state.json      stages: when begun and done, seconds, hash of the settings
      log.txt         what happened, appended by every session
      metrics.jsonl   one line for each epoch or score that a stage records
      checkpoints/    a folder for each stage, from which it goes on when it was interrupted
      network-outputs/  what the networks made of the photos, for as long as neither changes; it may be deleted
      lock            held while a process works on the run

A stage is marked done last of all, so that a crash repeats work and never skips it.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from regrade.datasets.category import Category, load_categories
from regrade.datasets.manifest import read_manifest
from regrade.models.errors import RunError
from regrade.models.files import append_line, write_atomically
from regrade.training.run.config import ALL, RunConfig
from regrade.training.run.files import json_bytes, read_json
from regrade.training.run.inputs import fingerprints, versions_now
from regrade.training.run.lock import RunLock

__all__ = ["ALL", "STAGES", "Run", "RunConfig"]

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "fit-classifier": (),
    "fit-detector": (),
    "export": ("fit-classifier", "fit-detector"),
    "quantize": ("export",),
    "calibrate": ("quantize",),
    "evaluate": ("calibrate",),
    "gate": ("evaluate",),
    "register": ("gate",),
}
"""The stages in order, each with those whose results it rests on."""


def resting_on(stage: str) -> tuple[str, ...]:
    """The stages that rest on `stage`, directly or through others, in order."""
    found = {stage}
    for name, needs in STAGES.items():
        if found & set(needs):
            found.add(name)
    return tuple(name for name in STAGES if name in found - {stage})


class Run:
    """One run folder. Use it in a `with` block, or call `close`: it holds a lock and an open log.

        with Run.create(Path("runs/x"), config) as run:
            run.log.info("begun")

    Raises `RunError` where the folder is in use, is not (or already is) a run, or does not fit what is given.
    """

    def __init__(self, folder: Path, lock: RunLock | None, console: Console | None = None) -> None:
        self.folder = folder
        self.console = console or Console(stderr=True)
        self.log = logging.getLogger(f"regrade.run.{id(self)}")
        self._lock = lock
        try:
            if lock is not None:
                self._start_log()
            self.config = RunConfig.from_json(_config(folder)["config"])
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, folder: Path, config: RunConfig, *, console: Console | None = None) -> Self:
        """Begin a new run in `folder`, which is made; refused where one is there already."""
        inputs = fingerprints(config)
        folder.mkdir(parents=True, exist_ok=True)
        lock = RunLock(folder)
        try:
            if (folder / "config.json").exists():
                raise RunError(f"{folder} already holds a run. Go on with it by --resume, or name another with --run.")
            write_atomically(folder / "versions.json", json_bytes(versions_now()))
            write_atomically(folder / "state.json", json_bytes({}))
            write_atomically(folder / "config.json", json_bytes({"config": config.to_json(), "inputs": inputs}))
        except BaseException:
            lock.release()
            raise
        run = cls(folder, lock, console)
        run.log.info("run of %s %s begun in %s", config.category, config.version, folder)
        return run

    @classmethod
    def open(cls, folder: Path, *, console: Console | None = None, lock: bool = True) -> Self:
        """The run in `folder`, with the settings that it was begun with. Without `lock`, only to look at it."""
        if not (folder / "config.json").is_file():
            raise RunError(f"{folder} holds no run. Begin one without --resume, or name another folder with --run.")
        return cls(folder, RunLock(folder) if lock else None, console)

    @classmethod
    def resume(cls, folder: Path, config: RunConfig | None = None, *, console: Console | None = None) -> Self:
        """Go on with the run in `folder`; refused where `config` (None: the run's own), the manifest, a category
        definition or the given weights differ from those that it was begun with."""
        run = cls.open(folder, console=console)
        try:
            run._check(config or run.config)
        except BaseException:
            run.close()
            raise
        run.log.info("run resumed")
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the log and give the folder free; a second call does nothing."""
        for handler in list(self.log.handlers):
            self.log.removeHandler(handler)
            handler.close()
        if self._lock is not None:
            self._lock.release()

    # Files

    def path(self, *parts: str) -> Path:
        """A path in the run folder; its parent folder is made."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def checkpoints(self, stage: str) -> Path:
        """The folder of a stage's checkpoints, made. What it holds is of this stage begun with these settings; it is
        emptied when the stage is done anew."""
        folder = self.folder / "checkpoints" / _known(stage)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def read_json(self, name: str) -> Any:
        """What a JSON file of the run holds. Raises `RunError` where it is missing or spoilt."""
        return read_json(self.folder / name)

    def write_json(self, name: str, data: object) -> Path:
        """Write a JSON file of the run, atomically; ValueError for NaN."""
        return write_atomically(self.path(name), json_bytes(data))

    def write_bytes(self, name: str, data: bytes) -> Path:
        """Write a file of the run, atomically."""
        return write_atomically(self.path(name), data)

    def record(self, stage: str, **values: float | int | str | None) -> None:
        """Append a line to metrics.jsonl: an epoch's loss, a score."""
        line = {"at": _now(), "stage": stage, **values}
        append_line(self.path("metrics.jsonl"), json.dumps(line, ensure_ascii=False, allow_nan=False))

    # Stages

    @property
    def state(self) -> Mapping[str, Mapping[str, Any]]:
        """Stage → `begun_at`, `done_at` (None while under way), `seconds` over all sessions, `config_sha256`."""
        entries = read_json(self.folder / "state.json")
        return entries if isinstance(entries, dict) else {}

    def done(self, stage: str) -> bool:
        """Whether `stage` was done with the settings of this run."""
        entry = self.state.get(_known(stage), {})
        return entry.get("done_at") is not None and entry.get("config_sha256") == self.config.sha256()

    def mark(self, stage: str, seconds: float = 0.0) -> None:
        """Mark `stage` done; `seconds` is added to what it took before."""
        entry = dict(self.state.get(_known(stage), self._entry()))
        self._update(stage, {**entry, "seconds": entry["seconds"] + seconds, "done_at": _now()})

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Do a stage: its body runs inside, and it is marked done if the body ends well.

        A stage that is done already begins anew, without its checkpoints; one that was interrupted keeps them. Stages
        that rest on it are no longer done.
        """
        for later in resting_on(name):
            self._forget(later)
        if name in self.state and (self.done(name) or self.state[name]["config_sha256"] != self.config.sha256()):
            self._forget(name)
        entry = dict(self.state.get(name, self._entry()))
        self._update(name, entry)
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self._update(name, {**entry, "seconds": entry["seconds"] + time.monotonic() - start})
            raise
        self.mark(name, time.monotonic() - start)

    # What stages need besides

    @cached_property
    def device(self) -> str:
        """`cpu`, `cuda` or `cuda:N`. Raises `RunError` where one is asked for that is not there."""
        import torch

        if self.config.device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        if self.config.device != "cpu":
            number = int(self.config.device.partition(":")[2] or 0)
            if number >= torch.cuda.device_count():
                raise RunError(
                    f"--device: {self.config.device} is not there; PyTorch sees {torch.cuda.device_count()}."
                )
        return self.config.device

    @cached_property
    def categories(self) -> Mapping[str, Category]:
        """The definitions of the categories to train, by name: the one named, or all that have photos."""
        defined = load_categories(self.config.categories)
        names = [self.config.category]
        if self.config.category == ALL:
            names = sorted({r.category for r in read_manifest(self.config.data)} & set(defined))
        if missing := [name for name in names if name not in defined]:
            raise RunError(f"category {missing[0]} is not defined; defined are {', '.join(defined)}.")
        return {name: defined[name] for name in names}

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Progress bars beneath the log: `task = progress.add_task("epoch 1", total=100)`."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console) as progress:
            yield progress

    # Inside

    def _start_log(self) -> None:
        self.log.propagate = False
        self.log.setLevel(logging.INFO)
        file = logging.FileHandler(self.folder / "log.txt", encoding="utf-8", delay=True)
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.log.addHandler(file)
        self.log.addHandler(RichHandler(console=self.console, show_path=False, log_time_format="[%X]"))

    def _check(self, config: RunConfig) -> None:
        stored = _config(self.folder)
        if changed := self.config.differences(config):
            raise RunError(
                f"{self.folder} was begun with other settings ({'; '.join(changed)}). Resume it without them, or begin "
                "another run."
            )
        now = fingerprints(config)
        if differing := [what for what in now if now[what] != stored["inputs"].get(what)]:
            raise RunError(
                f"{' and '.join(differing)} changed since the run in {self.folder} was begun. Put back what was there, "
                "or begin another run."
            )
        self.config = config
        self.write_json("config.json", {"config": config.to_json(), "inputs": now})
        before, after = self.read_json("versions.json"), versions_now()
        for name in sorted(k for k in {*before, *after} if before.get(k) != after.get(k)):
            self.log.warning("%s was %s when the run was begun and is %s now", name, before.get(name), after.get(name))

    def _entry(self) -> dict[str, Any]:
        return {"begun_at": _now(), "done_at": None, "seconds": 0.0, "config_sha256": self.config.sha256()}

    def _update(self, stage: str, entry: Mapping[str, Any]) -> None:
        self.write_json("state.json", {**self.state, stage: {**entry, "seconds": round(entry["seconds"], 1)}})

    def _forget(self, stage: str) -> None:
        if _known(stage) in self.state:
            self.write_json("state.json", {k: v for k, v in self.state.items() if k != stage})
        shutil.rmtree(self.folder / "checkpoints" / stage, ignore_errors=True)


def _known(stage: str) -> str:
    if stage not in STAGES:
        raise RunError(f"there is no stage {stage!r}; stages are {', '.join(STAGES)}.")
    return stage


def _config(folder: Path) -> dict[str, Any]:
    found = read_json(folder / "config.json")
    if not isinstance(found, dict) or not {"config", "inputs"} <= set(found):
        raise RunError(f"{folder / 'config.json'} is not that of a run. Name another folder with --run.")
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
