"""Pictures of an evaluation, as SVG: people judge a confusion matrix and a reliability curve by looking at them."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from regrade.models.estimates import Estimate
from regrade.training.judge.figures import SubsetFigures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from regrade.training.judge.evaluation import CategoryEvaluation

_INK, _GRID, _BLUE, _AMBER = "#1c1e22", "#c9ced6", "#2563a8", "#b45309"


def confusion_chart(found: SubsetFigures, labels: Sequence[str]) -> bytes:
    """Labelled × graded counts, shaded by their share of the row."""
    figure, axis = _chart()
    counts = np.array(found.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(labels))
    axis.set_xticks(ticks, labels, rotation=30, ha="right")
    axis.set_yticks(ticks, labels)
    axis.set(xlabel="graded", ylabel="labelled", title="Confusion")
    for row in ticks:
        for column in ticks:
            ink = "white" if shares[row, column] > 0.5 else _INK
            axis.text(column, row, str(counts[row, column]), ha="center", va="center", color=ink)
    return _svg(figure)


def reliability_chart(found: SubsetFigures) -> bytes:
    """Share right against confidence, in bins of equally many photos, with 95% intervals; the diagonal is perfect."""
    figure, axis = _chart()
    axis.plot([0, 1], [0, 1], color=_GRID, linewidth=1)
    at = [b.confidence for b in found.reliability]
    right = [b.right.value for b in found.reliability]
    below = [max(0.0, b.right.value - b.right.low) for b in found.reliability]
    above = [max(0.0, b.right.high - b.right.value) for b in found.reliability]
    axis.errorbar(at, right, yerr=[below, above], fmt="o-", color=_BLUE, markersize=4, linewidth=1.2, elinewidth=0.8)
    axis.set(xlabel="confidence", ylabel="share right", title="Reliability", xlim=(0.2, 1.02), ylim=(0, 1.03))
    return _svg(figure)


def risk_chart(found: SubsetFigures) -> bytes:
    """Share wrong among the most confident part of the photos, against how large a part it is; with 95% intervals."""
    figure, axis = _chart()
    coverage = [c for c, _ in found.risk]
    axis.fill_between(
        coverage, [e.low for _, e in found.risk], [e.high for _, e in found.risk], color=_BLUE, alpha=0.15, linewidth=0
    )
    axis.plot(coverage, [e.value for _, e in found.risk], color=_BLUE, linewidth=1.4)
    axis.axhline(found.automatic.alpha, color=_GRID, linewidth=1)
    if found.automatic.threshold is not None:
        share = found.automatic.coverage.value
        axis.axvline(share, color=_INK, linewidth=0.8, linestyle="--")
        axis.annotate("threshold", (share, 0.98), xycoords=("data", "axes fraction"), ha="right", va="top", rotation=90)
    axis.set(xlabel="share graded, most confident first", ylabel="share wrong", title="Risk and coverage")
    axis.set(xlim=(0, 1.01), ylim=(0, None))
    return _svg(figure)


def overview_chart(categories: "Mapping[str, CategoryEvaluation]") -> bytes:
    """Macro-F1 of every category beside its labellers' agreement, and damage AUROC by category, with intervals."""
    names = list(categories)
    figure = Figure(figsize=(8.4, 0.9 + 0.55 * len(names)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for row, found in enumerate(categories.values()):
        _dot(left, row, found.whole.estimates["macro_f1"])
        if found.whole.ceiling is not None:
            people = found.whole.ceiling.macro_f1
            left.plot([people.low, people.high], [row + 0.22] * 2, color=_AMBER, linewidth=1.2)
            left.plot(people.value, row + 0.22, "D", color=_AMBER, markersize=4)
        _dot(right, row, found.whole.estimates["damage_auroc"])
    left.set_yticks(range(len(names)), names)
    left.set_title("Condition macro-F1 (blue), labellers (amber)", fontsize=9, loc="left")
    right.set_title("Damage AUROC", fontsize=9, loc="left")
    for axis in (left, right):
        _plain_axis(axis)
        axis.set(xlim=(0, 1.02), ylim=(len(names) - 0.4, -0.6))
        axis.grid(axis="x", color=_GRID, linewidth=0.5)
    return _svg(figure)


def _dot(axis: "Axes", row: float, found: Estimate) -> None:
    if not np.isnan(found.value):
        axis.plot([found.low, found.high], [row, row], color=_BLUE, linewidth=1.6)
        axis.plot(found.value, row, "o", color=_BLUE, markersize=5)


def _chart() -> "tuple[Figure, Axes]":
    figure = Figure(figsize=(3.7, 3.3), layout="constrained")
    axis: Any = figure.add_subplot()
    _plain_axis(axis)
    return figure, axis


def _plain_axis(axis: "Axes") -> None:
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Text stays text, and nothing but the figures decides the bytes: no date, no random ids.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "regrade", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
