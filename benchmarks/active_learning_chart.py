"""The figure of `active_learning`, drawn from its results alone."""

from collections.abc import Mapping
from typing import Any, Final

from charts import BLUE, GREY, ORANGE
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

COLOURS: Final = {
    "random": GREY,
    "equal shares": "#9467a5",
    "uncertainty": ORANGE,
    "diversity": "#5e9e6e",
    "ours": BLUE,
}


def figure_of(result: Mapping[str, Any]) -> Figure:
    """Above macro-F1 by the number of labels, below the paired difference to random; a column a category."""
    names = list(result["categories"])
    figure = Figure(figsize=(3.5 * len(names), 7), layout="constrained")
    above, below = figure.subplots(2, len(names), sharex="col", squeeze=False)
    for column, name in enumerate(names):
        found = result["categories"][name]
        labels = found["labels"]
        top, bottom = above[column], below[column]
        for method, curve in found["macro_f1"].items():
            width = 2.2 if method == "ours" else 1.3
            colour = COLOURS.get(method)
            (line,) = top.plot(labels, curve["mean"], color=colour, linewidth=width, label=method)
            top.fill_between(labels, curve["low"], curve["high"], color=line.get_color(), alpha=0.15, linewidth=0)
            if method == "random":
                bottom.axhline(0, color=GREY, linewidth=1.3)
                continue
            gain = found["minus_random"][method]
            bottom.plot(labels, gain["mean"], color=line.get_color(), linewidth=width)
            bottom.fill_between(labels, gain["low"], gain["high"], color=line.get_color(), alpha=0.15, linewidth=0)
        photos = result["photos"].get(name)
        top.set_title(f"{name} ({photos} photos)" if photos else "one pool, mean of categories")
        bottom.set_xlabel("photos labelled")
        bottom.set_xticks(labels[::3])
    above[0].set_ylabel("macro-F1 on held-out groups")
    below[0].set_ylabel("macro-F1 minus random's, seed by seed")
    for bottom in below:
        bottom.set_ylim(-0.1, 0.1)
        bottom.yaxis.set_major_locator(MultipleLocator(0.05))
        bottom.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.2f}"))
    above[-1].legend(loc="lower right")
    figure.suptitle(f"Mean of {result['seeds']} seeds with 95% intervals", x=0.01, ha="left")
    return figure
