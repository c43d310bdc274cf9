"""Whether any damaged photo file gets past intake in another way than as a photo or a refusal, and how long one takes.

    .venv/bin/python benchmarks/fuzz_intake.py --count 1000000    # about 8 minutes a core; goes on where it was ended

Inputs are made by `fuzz_files.py` from 17 small files in JPEG, PNG and WebP (and one in fifty from AVIF and HEIC), and
go through `open_photo`, as everything does. `outcomes` counts what became of them. Of the other figures all must be 0
or empty: `uncaught` (exceptions that are no refusal), `crashed` (inputs that ended the process, or had no end),
`netted` (what intake's net has caught: exceptions of a decoder that nobody had thought of, and helpers that died),
`over_bound` (inputs that took longer than `bound_s`). `slowest` took longest, in seconds by the clock; `input_of` makes
them again.
"""

import argparse
import json
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fuzz_files import damaged, files, video_files
from rich.progress import Progress
from rig import cores, parser, write

from regrade.models.errors import PhotoError
from regrade.models.photos.intake import DEFAULT_LIMITS, open_photo

CHUNK: Final = 20_000
"""Inputs that a process is given at once, and what is lost when all is ended."""
VIDEO_SHARE: Final = 50
KEPT: Final = 20
NO_HASH: Final = "0" * 64
PATIENCE: Final = 1200.0
"""Seconds after which inputs of one process are taken to have no end."""
SLACK: Final = 2.0
"""Seconds beyond the bound that starting a helper, and other work on the machine, may take."""


@dataclass
class Tally:
    """What became of some inputs. `netted` and `uncaught` name an input of each kind."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    uncaught: dict[str, Any] = field(default_factory=dict)
    netted: dict[str, Any] = field(default_factory=dict)
    crashed: list[int] = field(default_factory=list)
    over_bound: int = 0
    slowest: list[tuple[float, int, str, str]] = field(default_factory=list)
    """Seconds, number, file, outcome."""

    def add(self, other: "Tally") -> None:
        """Count what `other` has counted."""
        self.inputs += other.inputs
        self.outcomes.update(other.outcomes)
        self.uncaught = other.uncaught | self.uncaught
        self.netted = other.netted | self.netted
        self.crashed += other.crashed
        self.over_bound += other.over_bound
        self.slowest = sorted([*self.slowest, *other.slowest], reverse=True)[:KEPT]

    @property
    def clean(self) -> bool:
        """Whether nothing happened that must not."""
        return not (self.uncaught or self.netted or self.crashed or self.over_bound)


class _Net(logging.Handler):
    """Hears of exceptions that intake's net has caught."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "a decoder of" in (said := record.getMessage()):
            self.heard.append(said)


def run(seed: int, first: int, count: int) -> Tally:
    """Put `count` inputs through intake, from number `first` on."""
    tally, net, logger = Tally(inputs=count), _Net(), logging.getLogger("regrade")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(net)
    try:
        for number in range(first, first + count):
            _one(tally, net, seed, number)
    finally:
        logger.removeHandler(net)
        logger.propagate = propagated
    return tally


def input_of(seed: int, number: int) -> tuple[str, bytes]:
    """The file that input `number` was made from, and its bytes."""
    return damaged(seed, number, video=number % VIDEO_SHARE == 0)


def _one(tally: Tally, net: _Net, seed: int, number: int) -> None:
    name, data = input_of(seed, number)
    began = time.perf_counter()
    try:
        open_photo(data, sha256=NO_HASH)
        outcome = "photo"
    except PhotoError as error:
        outcome = error.code
    except Exception as error:
        outcome = "uncaught"
        tally.uncaught.setdefault(f"{type(error).__name__}: {error}"[:120], number)
    seconds = time.perf_counter() - began
    for said in net.heard:
        tally.netted.setdefault(said[:120], number)
    net.heard.clear()
    tally.outcomes[outcome] += 1
    tally.over_bound += seconds > DEFAULT_LIMITS.seconds + SLACK
    if len(tally.slowest) < KEPT or seconds > tally.slowest[-1][0]:
        tally.slowest = sorted([*tally.slowest, (round(seconds, 4), number, name, outcome)], reverse=True)[:KEPT]


def chunks(done: set[int], count: int) -> Iterator[tuple[int, int]]:
    """First number and size of the chunks of `count` inputs that are not `done`."""
    for first in range(0, count, CHUNK):
        if first not in done:
            yield first, min(CHUNK, count - first)


@dataclass
class State:
    """A run so far: the chunks that are done, by their first numbers, and seconds that processes were at it."""

    seed: int
    tally: Tally = field(default_factory=Tally)
    done: set[int] = field(default_factory=set)
    seconds: float = 0.0

    @classmethod
    def load(cls, path: Path, seed: int) -> "State":
        """The state that `save` wrote, where it is of the same `seed`; else a new one."""
        told = json.loads(path.read_text()) if path.exists() else {}
        if told.get("seed") != seed:
            return cls(seed)
        tally = Tally(**told["tally"])
        tally.outcomes = Counter(tally.outcomes)
        tally.slowest = [(a, b, c, d) for a, b, c, d in tally.slowest]
        return cls(seed, tally, set(told["done"]), told["seconds"])

    def save(self, path: Path) -> None:
        """Write all of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(vars(self) | {"tally": vars(self.tally), "done": sorted(self.done)}))
        part.replace(path)


def run_apart(seed: int, first: int, count: int) -> Tally:
    """As `run`, in a process of its own. Where that dies, or has no end, halves are run until the input is found."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, seed, first, count))
    process.start()
    theirs.close()
    tally: Tally | None = None
    with suppress(EOFError):
        tally = ours.recv() if ours.poll(PATIENCE) else None
    process.kill()
    process.join()
    if tally is not None:
        return tally
    if count == 1:
        return Tally(inputs=1, crashed=[first])
    tally = run_apart(seed, first, count // 2)
    tally.add(run_apart(seed, first + count // 2, count - count // 2))
    return tally


def _send(pipe: Any, seed: int, first: int, count: int) -> None:
    pipe.send(run(seed, first, count))


def run_all(state: State, count: int, processes: int, path: Path) -> None:
    """Go on until `count` inputs are done; the state is saved after each chunk."""
    with Progress() as progress, ThreadPoolExecutor(processes) as pool:
        task = progress.add_task("inputs", total=count, completed=state.tally.inputs)
        running = {pool.submit(_timed, state.seed, *chunk): chunk for chunk in chunks(state.done, count)}
        for future in as_completed(running):
            tally, seconds = future.result()
            state.tally.add(tally)
            state.done.add(running[future][0])
            state.seconds += seconds
            state.save(path)
            progress.update(task, completed=state.tally.inputs)


def _timed(seed: int, first: int, count: int) -> tuple[Tally, float]:
    began = time.perf_counter()
    return run_apart(seed, first, count), time.perf_counter() - began


def main() -> None:
    """Run from the command line."""
    options = _options()
    os.nice(options.nice)
    path = options.out / "fuzz_intake.partial.json"
    state = State.load(path, options.seed)
    run_all(state, CHUNK // 20 if options.quick else options.count, options.processes, path)
    tally = state.tally
    result = {
        "seed": options.seed,
        "bound_s": DEFAULT_LIMITS.seconds,
        "files": [*files(), *video_files()],
        "inputs": tally.inputs,
        "inputs_per_core_s": round(tally.inputs / state.seconds),
        "outcomes": dict(tally.outcomes.most_common()),
        "uncaught": tally.uncaught,
        "netted": tally.netted,
        "crashed": tally.crashed,
        "over_bound": tally.over_bound,
        "slowest": [dict(zip(("seconds", "number", "file", "outcome"), one, strict=True)) for one in tally.slowest],
    }
    written = write(result, "fuzz_intake", out=options.out)
    print(f"{tally.inputs:,} inputs, {'clean' if tally.clean else 'NOT clean'}: {written}")


def _options() -> argparse.Namespace:
    made = parser(__doc__, service=False)
    made.add_argument("--count", type=int, default=1_000_000, help="inputs in all, those of earlier runs included")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--processes", type=int, default=cores())
    made.add_argument("--nice", type=int, default=10, help="how much to yield to other work")
    return made.parse_args()


if __name__ == "__main__":
    main()
