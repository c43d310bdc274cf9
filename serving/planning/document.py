"""A capacity plan as JSON values, with what to beware of and what was assumed."""

import math
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from regrade.serving.planning.capacity import Cost, Load, Plan, Point, Targets
    from regrade.serving.planning.measure import Measurement

BUSY_PRESSURE, BUSY_LOAD, BUSY_ON_CORE = 0.1, 0.3, 0.9
"""From when a machine is too busy to be measured: share of time with a task waiting for a core, load average a core,
and the share of the measurement in which our own threads had theirs."""
DISK_DAYS = 7
"""Below this many days until the disk is full, the plan warns."""


class LoadOut(BaseModel):
    """What was asked."""

    items_per_day: float
    photos: int
    megapixels: float
    category: str | None
    hours: float
    peak: float
    average_items_per_s: float
    peak_items_per_s: float
    peak_photos_per_s: float


class TargetsOut(BaseModel):
    """What must hold in the peak hour."""

    utilisation: float
    p99_ms: float


class MeasuredOut(BaseModel):
    """What was measured, on what. `other_share`: of a photo's core time, what is neither decoding nor networks."""

    date: str
    cpu: str
    cores: int
    load_average: float
    cpu_pressure: float | None
    photos_looked_at: int
    look_ms_p50: float
    look_ms_p95: float
    look_on_core: float
    photo_core_ms: float
    other_share: float
    items_alone: int
    item_alone_ms: float
    item_wait_ms: float
    photos_per_s: float
    refused: int
    memory_mb: float | None


class NeedOut(BaseModel):
    """What the load needs: the cores of one machine, or machines of this size. None: no number of them suffices.

    `fastest_p99_ms`: of items that meet no other and find a core for every photo.
    """

    cores: int | None
    replicas: int | None
    replicas_with_one_spare: int | None
    fastest_p99_ms: float


class PeakOut(BaseModel):
    """The peak hour on `replicas` machines of this size. Without percentiles, the queue would grow without end."""

    replicas: int
    utilisation: float
    p50_ms: float | None
    p99_ms: float | None
    most_items_per_day: float
    headroom: float


class LostOut(BaseModel):
    """The same day with one replica fewer. `catch_up_hours` None: the backlog is not worked off that day."""

    replicas: int
    utilisation: float
    p99_ms: float | None
    backlog_items: float
    catch_up_hours: float | None


class StorageOut(BaseModel):
    """Disk and network, all replicas together; `free_gb` is of this machine."""

    photo_mb: float
    gb_per_day: float
    free_gb: float
    days_until_full: float
    network_in_peak_mbit_s: float
    network_in_average_mbit_s: float


class PlanOut(BaseModel):
    """The whole plan. `headroom` is what is carried within the targets over the peak: below 1 it does not suffice."""

    suffices: bool
    load: LoadOut
    targets: TargetsOut
    need: NeedOut
    this_machine: PeakOut
    planned: PeakOut | None
    one_replica_lost: LostOut | None
    storage: StorageOut
    measured: MeasuredOut
    warnings: list[str]
    assumptions: list[str]


def document(
    load: "Load",
    targets: "Targets",
    megapixels: float,
    category: str | None,
    found: "Measurement",
    cost: "Cost",
    plan: "Plan",
) -> PlanOut:
    """All that is known, in rounded numbers."""
    replicas, lost = plan.replicas, plan.lost
    storage = _storage(load, found)
    return PlanOut(
        suffices=plan.suffices,
        load=LoadOut(
            items_per_day=load.items_per_day,
            photos=load.photos,
            megapixels=megapixels,
            category=category,
            hours=load.hours,
            peak=load.peak,
            average_items_per_s=_r(load.average_items_per_s),
            peak_items_per_s=_r(load.peak_items_per_s),
            peak_photos_per_s=_r(load.peak_items_per_s * load.photos),
        ),
        targets=TargetsOut(utilisation=targets.utilisation, p99_ms=targets.p99_s * 1000),
        need=NeedOut(
            cores=plan.cores,
            replicas=replicas,
            replicas_with_one_spare=replicas and replicas + 1,
            fastest_p99_ms=_r(plan.fastest_p99_s * 1000),
        ),
        this_machine=_peak(load, plan.here, 1, plan.most_items_per_s),
        planned=_peak(load, plan.each, replicas, plan.most_items_per_s) if plan.each and replicas else None,
        one_replica_lost=lost
        and LostOut(
            replicas=lost.replicas,
            utilisation=_r(lost.utilisation),
            p99_ms=_ms(lost.p99_s),
            backlog_items=round(lost.backlog),
            catch_up_hours=None if lost.catch_up_h is None else _r(lost.catch_up_h),
        ),
        storage=storage,
        measured=_measured(found, cost),
        warnings=_warnings(found, storage),
        assumptions=_assumptions(found.surroundings.cores),
    )


def _peak(load: "Load", point: "Point", replicas: int, most_items_per_s: float) -> PeakOut:
    headroom = replicas * most_items_per_s / load.peak_items_per_s
    return PeakOut(
        replicas=replicas,
        utilisation=_r(point.utilisation),
        p50_ms=_ms(point.p50_s),
        p99_ms=_ms(point.p99_s),
        most_items_per_day=math.floor(load.items_per_day * headroom),
        headroom=_r(headroom),
    )


def _storage(load: "Load", found: "Measurement") -> StorageOut:
    per_day = load.items_per_day * found.stored_bytes
    bits = found.body_bytes * 8
    return StorageOut(
        photo_mb=_r(found.photo_bytes / 1e6),
        gb_per_day=_r(per_day / 1e9),
        free_gb=_r(found.free_bytes / 1e9),
        days_until_full=_r(found.free_bytes / per_day),
        network_in_peak_mbit_s=_r(load.peak_items_per_s * bits / 1e6),
        network_in_average_mbit_s=_r(load.average_items_per_s * bits / 1e6),
    )


def _measured(found: "Measurement", cost: "Cost") -> MeasuredOut:
    import numpy as np

    p50, p95 = np.percentile(found.look_s, (50, 95))
    around = found.surroundings
    return MeasuredOut(
        date=found.taken_at.isoformat(timespec="seconds"),
        cpu=around.cpu,
        cores=around.cores,
        load_average=_r(around.load_average),
        cpu_pressure=None if around.pressure is None else _r(around.pressure),
        photos_looked_at=len(found.look_s),
        look_ms_p50=_r(float(p50) * 1000),
        look_ms_p95=_r(float(p95) * 1000),
        look_on_core=_r(found.on_core),
        photo_core_ms=_r(cost.core_s * 1000),
        other_share=_r(1 - float(found.look_s.mean()) / cost.core_s),
        items_alone=len(found.alone_s),
        item_alone_ms=_r(float(np.median(found.alone_s)) * 1000),
        item_wait_ms=_r(cost.wait_s * 1000),
        photos_per_s=_r(found.photos_per_s),
        refused=found.refused,
        memory_mb=None if found.memory_bytes is None else _r(found.memory_bytes / 1e6),
    )


def _warnings(found: "Measurement", storage: StorageOut) -> list[str]:
    around, told = found.surroundings, []
    if (around.pressure or 0) > BUSY_PRESSURE or around.load_average > BUSY_LOAD * around.cores:
        pressure = "" if around.pressure is None else f", a task waited for a core {around.pressure:.0%} of the time"
        told.append(
            f"The machine was busy before the measurement (load average {around.load_average:.1f} on {around.cores} "
            f"cores{pressure}). Repeat it when nothing else runs."
        )
    if found.on_core < BUSY_ON_CORE:
        told.append(
            f"Only {found.on_core:.0%} of the time did the measuring threads have a core to themselves: on cores "
            f"of their own, a photo takes about {found.look_s.mean() * found.on_core * 1000:.0f} ms. Repeat the "
            "measurement when nothing else runs."
        )
    if around.quota is not None and around.quota < around.cores:
        told.append(
            f"This container may use {around.quota:g} of the {around.cores} cores that the service sees. Set "
            f"REGRADE_WORKERS={max(1, math.floor(around.quota))} and measure again."
        )
    if found.refused:
        told.append(
            f"The service refused {found.refused} requests with 503 while all cores were kept busy: it has less "
            "room for waiting items than this machine could use. See REGRADE_DEADLINE and REGRADE_MAX_BYTES_IN_FLIGHT."
        )
    if storage.days_until_full < DISK_DAYS:
        told.append(
            f"{storage.free_gb:,.0f} GB are free here; at {storage.gb_per_day:,.0f} GB a day they last "
            f"{storage.days_until_full:.1f} days. Plan the disk, and for how long photos are kept."
        )
    return told


def _assumptions(cores: int) -> list[str]:
    return [
        "Items arrive independently of each other (Poisson) at the peak rate for the whole peak hour.",
        "Other cores and machines are like the ones measured, and all photos like the made-up ones.",
        f"Each replica has its own data directory (SQLite): a load balancer before machines of {cores} cores, or each "
        "with its own stations.",
        "Network and disk wait as little under load as they do for one item; stations send over a network as fast.",
    ]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else _r(seconds * 1000)


def _r(value: float) -> float:
    """Four significant digits: more would pretend."""
    return float(f"{value:.4g}")
