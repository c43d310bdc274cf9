"""The figures of the benchmarks, drawn from their results alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def _row(figure: Figure, count: int) -> Sequence[Axes]:
    axes = figure.subplots(1, count, squeeze=False)
    return list(axes[0])
