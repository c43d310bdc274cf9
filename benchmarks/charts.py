"""The figures of the benchmarks, drawn from their results alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

BLUE: Final = "#2166ac"
ORANGE: Final = "#d6781c"
RED: Final = "#b2182b"
GREY: Final = "#8a8a8a"
mpl.rcParams |= {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.size": 10,
    "legend.frameon": False,
}


def throughput_figure(result: Mapping[str, Any]) -> Figure:
    """Each round's ceiling and HTTP throughput, side by side for each photo size, with the share that is reached."""
    sizes = result["megapixels"]
    figure = Figure(figsize=(4.2 * len(sizes) + 0.6, 4.4), layout="constrained")
    for place, (size, found) in zip(_row(figure, len(sizes)), sizes.items(), strict=True):
        ceiling = [one[found["ceiling_by"]] for one in found["rounds"]]
        http = [one["http"] for one in found["rounds"]]
        for x, values, colour in ((0, ceiling, GREY), (1, http, BLUE)):
            place.bar(x, np.median(values), 0.6, color=colour, alpha=0.35)
            place.text(x, 0.03 * max(ceiling), f"{np.median(values):.1f}", ha="center")
        for a, b in zip(ceiling, http, strict=True):
            place.plot((0, 1), (a, b), "o-", color="#444444", markersize=4, linewidth=0.8)
        raw, fair = found["share_raw"], found["share_after_client_cpu"]
        place.set_xticks((0, 1), (f"ceiling ({found['ceiling_by']})", "HTTP, durable"))
        place.set_ylim(0, max(ceiling + http) * 1.12)
        place.set_ylabel("photos per second")
        place.set_title(
            f"{size} MP: {raw['median']:.0%} of the ceiling [{raw['low']:.0%}, {raw['high']:.0%}]\n"
            f"{fair['median']:.0%} without the load client's CPU"
        )
    return figure


def desk_figure(result: Mapping[str, Any]) -> Figure:
    """How long the review desk takes: the median and the 95th percentile of every call, beside the limit."""
    found = result["milliseconds"]
    names = list(found)[::-1]
    figure = Figure(figsize=(8.4, 0.34 * len(names) + 1.4), layout="constrained")
    (place,) = _row(figure, 1)
    for y, name in enumerate(names):
        bounded = name.startswith(("queue page", "claim"))
        place.plot((found[name]["p50"], found[name]["p95"]), (y, y), color=BLUE if bounded else GREY, linewidth=5)
        place.plot(found[name]["p50"], y, "o", color="white", markersize=4)
        place.text(found[name]["p95"] * 1.08, y, f"{found[name]['p95']:.1f}", va="center", fontsize=9)
    place.axvline(result["limit_ms"], color=RED, linewidth=1)
    place.set_xscale("log")
    _plain(place.xaxis)
    place.set_yticks(range(len(names)), names)
    place.set_xlabel("milliseconds: dot the median, end of the bar the 95th percentile")
    place.set_title(f"{result['inspections']:,} inspections, {result['open_tasks']:,} open looks")
    return figure


def trainer_figure(result: Mapping[str, Any]) -> Figure:
    """Macro-F1 by the number of photos, a panel a task: `regrade train`, with its interval, beside the plain ways."""
    colours = (BLUE, GREY, ORANGE, RED)
    figure = Figure(figsize=(4.0 * len(result["tasks"]) + 0.6, 3.8), layout="constrained")
    for place, (name, task) in zip(_row(figure, len(result["tasks"])), result["tasks"].items(), strict=True):
        ways = list(dict.fromkeys(way for found in task["by_photos"].values() for way in found))
        for colour, way in zip(colours, ways, strict=False):
            points = {int(n): found[way]["macro_f1"] for n, found in task["by_photos"].items() if way in found}
            seeds = next(found[way]["seeds"] for found in task["by_photos"].values() if way in found)
            label = f"{way}, {seeds} seeds"
            place.plot(
                list(points), [p["value"] for p in points.values()], "o-", color=colour, label=label, markersize=4
            )
            if colour == BLUE:
                low, high = ([p[end] for p in points.values()] for end in ("low", "high"))
                place.fill_between(list(points), low, high, color=BLUE, alpha=0.12, linewidth=0)
        place.set_xscale("log")
        place.set_xticks([int(n) for n in task["by_photos"]], list(task["by_photos"]))
        place.xaxis.set_minor_formatter(NullFormatter())
        place.set_xlabel("labelled photos")
        place.set_ylabel("macro-F1")
        place.set_title(f"{name}: {task['what']}\n{task['photos']} photos of {task['source']}")
    figure.axes[0].legend(fontsize=8)
    return figure


def _plain(axis: Axis) -> None:
    """Ticks of a logarithmic axis at 1, 2 and 5 times the powers of ten, as plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _row(figure: Figure, count: int) -> Sequence[Axes]:
    axes = figure.subplots(1, count, squeeze=False)
    return list(axes[0])


def latency_figure(result: Mapping[str, Any]) -> Figure:
    """Left: which share of the items was answered after how long, for each arrival rate. Right: goodput by offered
    load, beyond saturation."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = _row(figure, 2)
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(result["rates"])))
    for found, colour in zip(result["rates"], colours, strict=True):
        stored = found["statuses"].get("201", 0) / max(1, found["items"])
        label = f"{found['photos_per_s']:.3g} photos/s"
        if found["refused_share"]:
            label += f" ({found['refused_share']:.0%} refused)"
        shares = np.array(result["quantiles"][: len(found["latency_quantiles_ms"])]) / 100 * stored
        left.plot(found["latency_quantiles_ms"], shares, color=colour, label=label)
    left.axvline(result["deadline_s"] * 1000, color=RED, linestyle=":", linewidth=1)
    left.set_xscale("log")
    _plain(left.xaxis)
    left.set_ylim(0, 1.01)
    left.set_xlabel("milliseconds from the scheduled moment to the whole answer")
    left.set_ylabel("share of items stored and answered")
    left.set_title(f"Items of {result['photos_per_item']} photos of {result['megapixels']:g} MP, open loop")
    left.legend(loc="best")

    saturation = result["saturation_photos_per_s"]
    offered, goodput = zip(
        *((p["offered_photos_per_s"], p["goodput_photos_per_s"]) for p in result["overload"]), strict=True
    )
    right.plot(offered, goodput, "o-", color=BLUE, markersize=4, label="goodput")
    possible = np.geomspace(min(offered), max(offered), 200)
    right.plot(possible, np.minimum(possible, saturation), "--", color=GREY, linewidth=1, label="all, up to saturation")
    right.set_xscale("log")
    _plain(right.xaxis)
    right.set_ylim(0, max(*goodput, saturation) * 1.15)
    right.set_xlabel("offered photos per second")
    right.set_ylabel(f"photos per second answered 201 within {result['deadline_s']:g} s")
    ratio = result["goodput_at_10x_over_saturation"]
    right.set_title(
        f"At 10 × overload {ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}] of saturation is served"
    )
    right.legend(loc="best")
    return figure


def sizes_figure(result: Mapping[str, Any]) -> Figure:
    """Latency and CPU of an item against its megapixels, both logarithmic, with a line of slope 1 to compare with."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    counts = sorted({one["photos"] for one in result["sizes"]})
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.8, len(counts)))
    cost: dict[str, tuple[str, Callable[[Any], float]]] = {
        "latency": ("median latency of an item, ms", lambda one: one["latency_ms"]["p50"]),
        "cpu": ("CPU of the server per item, ms", lambda one: one["cpu_ms_per_item"]),
    }
    for place, (name, (label, value)) in zip(_row(figure, 2), cost.items(), strict=True):
        for count, colour in zip(counts, colours, strict=True):
            line = [one for one in result["sizes"] if one["photos"] == count]
            work = [one["megapixels"] * count for one in line]
            place.plot(work, [value(one) for one in line], "o-", color=colour, label=_photos(count))
            for one, x in zip(line, work, strict=True):
                place.annotate(f"{value(one):.0f}", (x, value(one)), (0, 6), textcoords="offset points", fontsize=8)
        place.set_xscale("log")
        place.set_yscale("log")
        _plain(place.xaxis)
        _plain(place.yaxis)
        last = max(result["sizes"], key=lambda one: one["megapixels"] * one["photos"])
        ends = np.array([last["megapixels"] * last["photos"] / 30, last["megapixels"] * last["photos"]])
        place.plot(ends, value(last) * 1.6 * ends / ends[1], "--", color=GREY, linewidth=1, label="proportional")
        place.set_xlabel("megapixels of an item, all photos together")
        place.set_ylabel(label)
        if step := result["steepest"].get(name):
            place.set_title(f"Steepest slope {step['slope']:.2f} (1 is proportional)")
        place.legend()
    return figure


def _photos(count: int) -> str:
    return "1 photo an item" if count == 1 else f"{count} photos an item"


def day_figure(result: Mapping[str, Any]) -> Figure:
    """Above the offered rate, then latency and memory, all over the time of the day."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    rate, latency, memory = figure.subplots(3, 1, sharex=True)
    windows = result["windows"]
    seconds = result["minutes"] * 60
    scale = (1 / 60) if result["steady"] else 10 / seconds
    width = seconds / len(windows) * scale
    starts = [window["second"] * scale for window in windows]
    rate.bar(
        starts,
        [window["offered_photos_per_s"] for window in windows],
        width,
        align="edge",
        color=GREY,
        alpha=0.5,
        label="offered",
    )
    rate.step(
        [*starts, starts[-1] + width],
        [*(window["stored_photos_per_s"] for window in windows), windows[-1]["stored_photos_per_s"]],
        where="post",
        color=BLUE,
        label="answered 201",
    )
    rate.set_ylabel("photos per second")
    rate.legend()
    lost = result["kept"]["lost"]
    rate.set_title(
        f"{result['items']:,} items, {result['photos']:,} photos in {result['minutes']:.3g} minutes: {lost} lost"
    )
    for name, colour in (("p99", ORANGE), ("p50", BLUE)):
        known = [
            (start + width / 2, w["latency_ms"][name])
            for start, w in zip(starts, windows, strict=True)
            if w["latency_ms"]
        ]
        latency.plot(*zip(*known, strict=True), "o-", markersize=3, color=colour, label=name)
    latency.set_yscale("log")
    _plain(latency.yaxis)
    latency.set_ylabel("latency, ms")
    latency.legend()
    rows = np.array(result["memory"])
    memory.plot(rows[:, 0] * scale, rows[:, 1], color=BLUE, linewidth=1)
    memory.set_ylim(0, max(750.0, rows[:, 1].max() * 1.1))
    memory.axhline(700, color=RED, linestyle=":", linewidth=1)
    memory.set_ylabel("resident memory, MiB")
    memory.set_xlabel("minutes" if result["steady"] else "hour of the day")
    slope = result["memory_mb"]["slope_mb_per_hour_after_warm_up"]
    if slope is not None:
        range_ = f"[{slope['low']:+.0f}, {slope['high']:+.0f}]"
        memory.set_title(f"after warm-up {slope['median']:+.0f} MiB an hour {range_}")
    return figure
