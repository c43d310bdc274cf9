"""How many cores and machines a load of items needs, and how much one machine carries. Pure: it measures nothing.

The peak hour decides. It must be carried with cores busy at most a stated share of the time (the rest is for what
was not foreseen) and with 99 of 100 items answered within a stated time, by simulation (`queueing`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from regrade.models.errors import RegradeError
from regrade.serving.planning.queueing import latencies, poisson_hour

SEED: Final = 20
MOST_CORES: Final = 100_000
_PHOTOS_SIMULATED: Final = 40_000
_LEAST_ITEMS: Final = 4000


class LoadError(RegradeError):
    """A load that cannot be: no hours, a peak that holds more than the day."""


@dataclass(frozen=True, slots=True)
class Load:
    """A day's work. `hours` is the length of the shift; `peak` the busiest hour over the average one."""

    items_per_day: float
    photos: int
    hours: float
    peak: float

    def __post_init__(self) -> None:
        for name, value in (("items", self.items_per_day), ("photos", self.photos), ("hours", self.hours)):
            if not (math.isfinite(value) and value > 0):
                raise LoadError(f"The number of {name} must be above 0, not {value:g}.")
        if self.hours > 24:
            raise LoadError(f"A day has at most 24 hours, not {self.hours:g}.")
        if not (math.isfinite(self.peak) and self.peak >= 1):
            raise LoadError(f"The peak is the busiest hour over the average one: at least 1, not {self.peak:g}.")
        if self.peak > max(1.0, self.hours):
            raise LoadError(
                f"A peak of {self.peak:g} times the average of {self.hours:g} hours would put more than the whole day "
                f"into one hour. Give at most {max(1.0, self.hours):g}."
            )

    @property
    def average_items_per_s(self) -> float:
        return self.items_per_day / (self.hours * 3600)

    @property
    def peak_items_per_s(self) -> float:
        return self.average_items_per_s * self.peak

    @property
    def other_items_per_s(self) -> float:
        """Items a second outside the peak hour."""
        rest = self.items_per_day - self.peak_items_per_s * 3600
        return max(0.0, rest / ((self.hours - 1) * 3600)) if self.hours > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one item costs: `photo_s` (S,) is a sample of the seconds that a photo keeps one core busy, everything
    included; `wait_s` the seconds that an item takes beside that without a core (network, disk). `active_items` is
    how many share the cores at once; 0, as in the settings: twice as many as there are cores."""

    photo_s: NDArray[np.float64]
    wait_s: float
    active_items: int = 0

    @property
    def core_s(self) -> float:
        """Mean core-seconds of one photo."""
        return float(self.photo_s.mean())

    def window(self, cores: int) -> int:
        """Items that share `cores` cores at once."""
        return self.active_items or cores + 1


@dataclass(frozen=True, slots=True)
class Targets:
    """What must hold in the peak hour: cores busy at most this share of the time, and the 99th percentile in s."""

    utilisation: float = 0.7
    p99_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.utilisation < 1:
            raise LoadError(f"The utilisation must be between 0 and 1, not {self.utilisation:g}.")
        if not (math.isfinite(self.p99_s) and self.p99_s > 0):
            raise LoadError(f"The 99th percentile must be above 0 ms, not {self.p99_s * 1000:g}.")


@dataclass(frozen=True, slots=True)
class Point:
    """One machine under a steady load. `p50_s` and `p99_s` are None where the queue would grow without end."""

    cores: int
    items_per_s: float
    utilisation: float
    p50_s: float | None
    p99_s: float | None

    def within(self, targets: Targets) -> bool:
        return self.utilisation <= targets.utilisation and self.p99_s is not None and self.p99_s <= targets.p99_s


@dataclass(frozen=True, slots=True)
class Lost:
    """A day on one replica fewer. `backlog` is how many items are behind at the end of the peak hour; `catch_up_h`
    the hours until they are worked off, None where the rest of the day does not suffice."""

    replicas: int
    utilisation: float
    p99_s: float | None
    backlog: float
    catch_up_h: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer. `cores` are those of one larger machine, `replicas` machines of this size; each None where no
    number of them brings the 99th percentile below the target. `here` is this machine alone at the peak, `each` one
    of the replicas; `most_items_per_s` what one machine carries within the targets; `fastest_p99_s` the 99th
    percentile of items that meet no other and find a core for every photo."""

    cores: int | None
    replicas: int | None
    here: Point
    each: Point | None
    most_items_per_s: float
    fastest_p99_s: float
    lost: Lost | None

    @property
    def suffices(self) -> bool:
        """Whether this machine carries the load alone."""
        return self.replicas == 1


def calibrated(
    look_s: NDArray[np.float64], core_s: float, alone_s: NDArray[np.float64], photos: int, cores: int
) -> Cost:
    """The cost of an item from three measurements on `cores` busy cores.

    `look_s` (S,): seconds to decode and look at a photo; `core_s`: core-seconds that the whole service spends on one
    photo, so that what exceeds the mean of `look_s` is HTTP, hashing, disk and database; `alone_s` (A,): seconds of
    items of `photos` photos sent one at a time, so that what exceeds the work is waiting.
    """
    photo_s = look_s + max(0.0, core_s - float(look_s.mean()))
    busy = float(np.median(_undisturbed(photo_s, photos, cores)))
    return Cost(photo_s, max(0.0, float(np.median(alone_s)) - busy))


def at(items_per_s: float, cost: Cost, photos: int, cores: int) -> Point:
    """One machine of `cores` cores under `items_per_s` items of `photos` photos."""
    utilisation = items_per_s * photos * cost.core_s / cores
    if utilisation >= 1:
        return Point(cores, items_per_s, utilisation, None, None)
    items = max(_LEAST_ITEMS, _PHOTOS_SIMULATED // photos)
    seconds = poisson_hour(items_per_s, cost.photo_s, photos, cores, cost.window(cores), items=items, seed=SEED)
    p50, p99 = (float(q) + cost.wait_s for q in np.percentile(seconds, (50, 99)))
    return Point(cores, items_per_s, utilisation, p50, p99)


def plan(load: Load, cost: Cost, cores: int, targets: Targets | None = None) -> Plan:
    """What `load` needs, for machines like the one with `cores` cores on which `cost` was measured."""
    targets = targets or Targets()
    peak = load.peak_items_per_s

    def enough(count: int) -> bool:
        return at(peak, cost, load.photos, count).within(targets)

    needed, fastest = None, _alone(cost, load.photos, load.photos)
    # More cores cannot make an item faster than that.
    if fastest <= targets.p99_s:
        needed = _least(enough, peak * load.photos * cost.core_s / targets.utilisation)
    here = at(peak, cost, load.photos, cores)
    most = most_items_per_s(cost, load.photos, cores, targets)
    if here.within(targets):
        most = max(most, peak)  # the search for it stops a little below the truth
    replicas = math.ceil(peak / most - 1e-9) if most else None
    each = at(peak / replicas, cost, load.photos, cores) if replicas else None
    one_less = lost(load, cost, cores, replicas) if replicas and replicas > 1 else None
    return Plan(needed, replicas, here, each, most, fastest, one_less)


def most_items_per_s(cost: Cost, photos: int, cores: int, targets: Targets) -> float:
    """The greatest Poisson load that one machine carries within the targets, within 1%; 0 where it carries none."""
    high = targets.utilisation * cores / (photos * cost.core_s)
    # A hair less: at exactly the target, rounding decides.
    if at(high * (1 - 1e-9), cost, photos, cores).within(targets):
        return high
    if _alone(cost, photos, cores) > targets.p99_s:
        return 0.0
    low = 0.0
    while high - low > 0.01 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle, cost, photos, cores).within(targets) else (low, middle)
    return low


def lost(load: Load, cost: Cost, cores: int, replicas: int) -> Lost:
    """The day of `load` on one machine fewer than `replicas` (at least 2), each of `cores` cores.

    The backlog is counted as if nothing were given up; in truth the service refuses what it cannot answer in time,
    and the stations send it again.
    """
    left = replicas - 1
    point = at(load.peak_items_per_s / left, cost, load.photos, cores)
    carried = left * cores / (load.photos * cost.core_s)
    backlog = max(0.0, load.peak_items_per_s - carried) * min(load.hours, 1.0) * 3600
    spare = carried - load.other_items_per_s
    catch_up = 0.0 if not backlog else backlog / spare / 3600 if spare > 0 else None
    return Lost(left, point.utilisation, point.p99_s, backlog, catch_up)


def _alone(cost: Cost, photos: int, cores: int) -> float:
    """The 99th percentile in s of items that meet no other."""
    return float(np.percentile(_undisturbed(cost.photo_s, photos, cores), 99)) + cost.wait_s


def _undisturbed(photo_s: NDArray[np.float64], photos: int, cores: int) -> NDArray[np.float64]:
    """Seconds of work of items that meet no other."""
    work = np.random.default_rng(SEED).choice(photo_s, size=(1000, photos))
    far_apart = np.arange(1000, dtype=np.float64) * ((photos + 1) * float(photo_s.max()))
    return latencies(far_apart, work, cores, 1)


def _least(enough: Callable[[int], bool], busy: float) -> int | None:
    """The smallest number, not below `busy`, that is enough; None where not even `MOST_CORES` is."""
    low = max(1, math.ceil(busy - 1e-9))
    if enough(low):
        return low
    step = 1
    while not enough(low + step):
        low, step = low + step, step * 2
        if low > MOST_CORES:
            return None
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
