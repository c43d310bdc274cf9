"""From photos to an active bundle: which stages there are, which of them a run still has to do, and doing them.

with Run.create(folder, config) as run:
    execute(run, plan(run))
"""

import importlib
import random
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import numpy as np

from regrade.models.errors import RunError
from regrade.training.run import STAGES, Run, resting_on
from regrade.training.run_config import RunConfig

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


def plan(run: Run, *, only: str | None = None, start: str | None = None, until: str | None = None) -> tuple[str, ...]:
    """The stages to do, in order.

    All that are not done; with `only`, that one, done or not; with `start`, that one anew, then what rests on it or
    is not done; with `until`, none after it. Raises `RunError` for an unknown stage, for an order that makes no sense,
    and where a stage would run before those that it rests on.
    """
    names = stages_of(run.config)
    for name in (only, start, until):
        if name is not None:
            needs_of(run.config, name)
    if only is not None and (start is not None or until is not None):
        raise RunError("--stage does one stage alone; leave out --from and --until.")
    if only is not None:
        chosen: tuple[str, ...] = (only,)
    else:
        first = names.index(start) if start else 0
        last = names.index(until) if until else len(names) - 1
        if first > last:
            raise RunError(f"--from {start} comes after --until {until}; the order is {', '.join(names)}.")
        anew = (start, *resting_on(start)) if start else ()
        chosen = tuple(name for name in names[first : last + 1] if name in anew or not run.done(name))
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
