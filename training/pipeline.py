"""From photos to an active bundle: which stages there are, which of them a run still has to do, and doing them.

with Run.create(folder, config) as run:
    execute(run, plan(run))
"""

import importlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from regrade.models.errors import RunError
from regrade.training.run.config import RunConfig
from regrade.training.run.run import STAGES, Run, resting_on

Body = Callable[[Run], None]

WHAT: Final[Mapping[str, str]] = {
    "fit-classifier": "Fine-tune the backbone and fit the heads that tell conditions and defect types",
    "fit-detector": "Fine-tune the detector that boxes defects, on drawn and real ones",
    "export": "Write the networks as ONNX, FP32",
    "quantize": "Turn them to INT8 with real photos",
    "calibrate": "Fit temperature, prediction sets and the threshold of automatic grades on held-out photos",
    "evaluate": "Score the candidate on the test split, by source and by group",
    "gate": "Refuse a candidate that is worse than what is active, or whose INT8 is not its FP32",
    "register": "Write the bundle with its card, and activate it",
}
"""What each stage does, for help and tables."""


def stages_of(config: RunConfig) -> tuple[str, ...]:
    """The stages of a run with these settings, in order."""
    return tuple(name for name in STAGES if config.detector or name != "fit-detector")


def needs_of(config: RunConfig, stage: str) -> tuple[str, ...]:
    """The stages whose results `stage` rests on directly."""
    present = stages_of(config)
    if stage not in present:
        raise RunError(f"there is no stage {stage!r} in this run; its stages are {', '.join(present)}.")
    return tuple(name for name in STAGES[stage] if name in present)


@dataclass(frozen=True, slots=True)
class StageChoice:
    """Which stages are wanted: all, or `only` one, done or not; or `start` anew, then what rests on it or is not done;
    and none after `until`."""

    only: str | None = None
    start: str | None = None
    until: str | None = None

    @property
    def anew(self) -> str | None:
        """The stage to do even if it is done."""
        return self.only or self.start

    def of(self, config: RunConfig) -> tuple[str, ...]:
        """The stages between the ends, done or not. Raises `RunError` for an unknown one, and for ends that make no
        sense."""
        names = stages_of(config)
        for name in (self.only, self.start, self.until):
            if name is not None:
                needs_of(config, name)
        if self.only is not None:
            if self.start is not None or self.until is not None:
                raise RunError("--stage does one stage alone; leave out --from and --until.")
            return (self.only,)
        first = names.index(self.start) if self.start else 0
        last = names.index(self.until) if self.until else len(names) - 1
        if first > last:
            raise RunError(f"--from {self.start} comes after --until {self.until}; the order is {', '.join(names)}.")
        return names[first : last + 1]


ALL_STAGES: Final = StageChoice()


def plan(run: Run, choice: StageChoice = ALL_STAGES) -> tuple[str, ...]:
    """The stages of `choice` that are to be done, in order.

    Raises `RunError` as `StageChoice.of` does, and where a stage would run before those that it rests on.
    """
    anew = () if choice.anew is None else (choice.anew, *resting_on(choice.anew))
    chosen = tuple(name for name in choice.of(run.config) if name in anew or not run.done(name))
    for name in chosen:
        missing = [n for n in needs_of(run.config, name) if n not in chosen[: chosen.index(name)] and not run.done(n)]
        if missing:
            raise RunError(f"{name} rests on {' and '.join(missing)}, not done yet in {run.folder}. Do that first.")
    return chosen


def execute(run: Run, stages: tuple[str, ...], bodies: Mapping[str, Body] | None = None) -> None:
    """Do `stages` one after the other; each is marked done when it has ended well.

    `bodies` None takes those of `regrade.training.stages`. Every stage starts from the run's seed, so that it draws the
    same whether those before it ran in the same process or not. What a stage raises ends the run and is logged.
    """
    bodies = stage_bodies() if bodies is None else bodies
    for number, name in enumerate(stages, start=1):
        run.log.info("%s (%d of %d): %s", name, number, len(stages), WHAT[name])
        seed_everything(run.config.seed)
        start = time.monotonic()
        try:
            with run.stage(name):
                bodies[name](run)
        except KeyboardInterrupt:
            run.log.warning("%s stopped after %s", name, _clock(time.monotonic() - start))
            raise
        except Exception as error:
            run.log.error("%s failed: %s: %s", name, type(error).__name__, error)
            raise
        run.log.info("%s done in %s", name, _clock(time.monotonic() - start))


def stage_bodies() -> dict[str, Body]:
    """The functions of `regrade.training.stages`, by the stage that each is named after."""
    module = importlib.import_module("regrade.training.stages")
    return {name: getattr(module, name.replace("-", "_")) for name in STAGES}


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's old global generator (which augmenters use) and torch."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
