"""The figure of `engines.py`, drawn from its result alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from charts import BLUE, GREY, ORANGE
from matplotlib.figure import Figure


def engines_figure(result: Mapping[str, Any]) -> Figure:
    """CPU time of each network in each engine, and the operators of the INT8 networks."""
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(result["engines"])
    for place, (engine, colour) in enumerate(
        (("ONNX Runtime", BLUE), ("OpenVINO", ORANGE), ("OpenVINO, FP32 held", GREY))
    ):
        y = np.arange(len(names)) + 0.26 * (place - 1)
        left.barh(y, [result["engines"][name][engine]["cpu_ms"] for name in names], 0.24, color=colour, label=engine)
        for at, name in zip(y, names, strict=True):
            told = result["engines"][name][engine]
            left.text(
                told["cpu_ms"], at, f" {told['cpu_ms']:.1f} ({told['ratio']['median']:.2f}×)", va="center", fontsize=8
            )
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.margins(x=0.2)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3)
    left.set_title("CPU milliseconds a photo, one thread")
    for row, spent in enumerate(result["profile"].values()):
        edge, total = 0.0, sum(spent.values())
        for n, (operator, ms) in enumerate(list(spent.items())[:9]):
            right.barh(row, ms, 0.6, left=edge, color=BLUE, alpha=1.0 - 0.1 * n, edgecolor="white")
            if ms > 0.03 * total:
                right.text(edge + ms / 2, row, operator, rotation=90, ha="center", va="center", fontsize=7)
            edge += ms
        right.barh(row, total - edge, 0.6, left=edge, color=GREY, alpha=0.5)
    right.set_yticks(range(len(result["profile"])), list(result["profile"]))
    right.set_title("milliseconds by operator (under the profiler; grey: all others)")
    return figure
