"""What happened in a replayed day, written down second by second, so that an interrupted replay can go on.

One JSON line per second: the second, the service's memory and CPU, and the requests that were answered since.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Row = tuple[float, float, int, int, int]


@dataclass
class DayLog:
    """`answers` rows are (scheduled, ended, status, body, stamp), `memory` rows (second, MiB, CPU seconds); times in
    seconds from the beginning of the day. `resumed` holds the seconds at which an interrupted replay went on."""

    path: Path
    answers: list[Row] = field(default_factory=list)
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, parameters: Mapping[str, Any]) -> Self:
        """The log at `path` if it is of the same `parameters`, ready to go on; else a new one in its place."""
        log = cls(path)
        if path.exists():
            # A line that was being written when the process was killed is not whole.
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            rows = [json.loads(line) for line in lines]
            if rows and rows[0] == dict(parameters):
                for row in rows[1:]:
                    log._take(row)
                path.write_text("".join(lines))
                if log.memory:
                    log._add({"resumed": log.second})
                return log
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dict(parameters)) + "\n")
        return log

    @property
    def second(self) -> float:
        """Up to which second of the day the log goes."""
        return self.memory[-1][0] if self.memory else 0.0

    def add(self, rss_mb: float, cpu_s: float, answers: list[Row], midnight: float) -> None:
        """Write down this moment, and what was answered since the one before. `midnight` is the beginning of the day
        in `time.monotonic()`."""
        second = round(time.monotonic() - midnight, 2)
        self._add({"second": second, "rss_mb": round(rss_mb, 2), "cpu_s": cpu_s, "answers": answers})

    def array(self) -> NDArray[np.float64]:
        """The answers as float64 (n, 5), by their scheduled moment."""
        return np.array(sorted(self.answers), dtype=np.float64).reshape(-1, 5)

    def _add(self, row: dict[str, Any]) -> None:
        self._take(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _take(self, row: Mapping[str, Any]) -> None:
        if "resumed" in row:
            self.resumed.append(row["resumed"])
            return
        self.memory.append((row["second"], row["rss_mb"], row["cpu_s"]))
        self.answers += [tuple(answer) for answer in row["answers"]]


def slope_mb_per_hour(
    memory: NDArray[np.float64], blocks: int = 20, seed: int = 0
) -> tuple[float, float, float] | None:
    """Least-squares slope of memory over time, `memory` being (n, 2) of seconds and MiB, with a 95% interval.

    Neighbouring seconds resemble each other, so the residuals are drawn again in `blocks` whole blocks (moving block
    bootstrap, Künsch 1989). None for fewer than `blocks` rows.
    """
    if len(memory) < blocks:
        return None
    hours, values = memory[:, 0] / 3600, memory[:, 1]
    slope, base = np.polyfit(hours, values, 1)
    residuals = values - (slope * hours + base)
    length = len(values) // blocks
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, len(values) - length + 1, (2000, -(-len(values) // length)))
    drawn = residuals[(starts[:, :, np.newaxis] + np.arange(length)).reshape(2000, -1)[:, : len(values)]]
    centred = hours - hours.mean()
    slopes = slope + drawn @ centred / (centred @ centred)
    low, high = np.percentile(slopes, (2.5, 97.5))
    return float(slope), float(low), float(high)
